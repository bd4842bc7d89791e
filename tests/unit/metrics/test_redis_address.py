"""Addresses of Sentinels are read, and what cannot be one is refused without repeating its password."""

import pytest
from pydantic import ValidationError

from deploy.cli import explain
from metrics.redis_address import sentinels
from metrics.redis_client import connect, connect_blocking
from metrics.settings import BusinessSettings

WHOLE = "rediss+sentinel://me:p%40ss@one:1,two,[::1]:3/sales/2?sentinel_password=s%26t&ssl_ca_certs=/ca.crt"


def test_an_address_says_whom_to_ask_and_how_to_log_in():
    """Hosts in turn, the primary's name, Redis's options, and the Sentinels' own login."""
    found = sentinels(WHOLE)
    assert found is not None
    assert found.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert found.service == "sales"
    assert found.redis == "rediss://me:p%40ss@redis/2?ssl_ca_certs=%2Fca.crt"
    assert found.login == {"password": "s&t"}
    assert sentinels("redis://one:6379/0") is None


async def test_clients_follow_the_sentinels_with_each_ones_login():
    """TLS to both; user, password and database to Redis alone."""
    client, blocking = connect(WHOLE, connections=4), connect_blocking(WHOLE, 3.0)
    for one in (client, blocking):
        pool = one.connection_pool
        told = pool.connection_kwargs
        assert (told["username"], told["password"], told["db"]) == ("me", "p@ss", 2)
        asked = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
        assert (asked["host"], asked["port"], asked["password"]) == ("one", 1, "s&t")
        assert asked.get("username") is None
        assert asked["ssl_ca_certs"] == told["ssl_ca_certs"] == "/ca.crt"
        assert "SSL" in pool.connection_class.__name__
    assert client.connection_pool.max_connections == 4
    await client.aclose()
    blocking.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://:geheim@one:26379",
        "redis+sentinel://:geheim@one:x/sales",
        "redis+sentinel://:geheim@/sales/0",
        "redis+sentinel://:geheim@one,,two/sales/0",
        "redis+sentinel://:geheim@one:99999/sales/0",
        "redis+sentinel://:geheim@one/sales/zero",
        "sentinel://:geheim@one/sales/0",
    ],
)
def test_what_is_no_address_is_refused(url):
    """With what it should look like, and without the password."""
    with pytest.raises(ValidationError) as refused:
        BusinessSettings(redis_url=url)
    told = explain(refused.value)
    assert told is not None
    assert "geheim" not in told[0]
    assert told[0].startswith("SALES_REDIS_URL: ")
    if "+" in url:
        assert "redis+sentinel://:password@host1:26379" in told[0]


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel", "unix"])
def test_an_option_with_nonsense_is_refused(scheme):
    """When settings are read, not when a process connects."""
    where = {"redis": "//:geheim@one/0", "redis+sentinel": "//:geheim@one/sales/0", "unix": "//:geheim@/run/r.sock"}
    with pytest.raises(ValidationError) as refused:
        BusinessSettings(redis_url=f"{scheme}:{where[scheme]}?socket_timeout=soon")
    (told, *_) = explain(refused.value) or ("",)
    assert told.startswith("SALES_REDIS_URL: ")
    assert "socket_timeout" in told
    assert "geheim" not in told
