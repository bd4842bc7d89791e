"""An address of Redis that fails over: several Sentinels, which say where the primary is now.

redis+sentinel://user:password@host1:26379,host2:26379,host3:26379/sales-pulse/0?sentinel_password=...
(rediss+sentinel:// with TLS to both). User and password are Redis's, as is every other option of the query.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
_FORM = re.compile(
    r"(?P<scheme>rediss?)\+sentinel://(?P<who>[^/?]*@)?(?P<where>[^/?@]+)"
    r"/(?P<service>[^/?]+)(/(?P<database>\d*))?(\?(?P<query>.*))?"
)
_PORT = 26379
_EXAMPLE = "redis+sentinel://:password@host1:26379,host2:26379,host3:26379/sales-pulse/0"
_OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}


class Sentinels(NamedTuple):
    """hosts: whom to ask, in turn. service: what they call the primary. redis: all else, as an address of any host.

    login: of the Sentinels themselves, as options of redis-py.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    redis: str
    login: dict[str, str]


def sentinels(url: str) -> Sentinels | None:
    """Read an address; None when it is one of a single Redis. Raises ValueError, which does not repeat it."""
    if not url.startswith(_SCHEMES):
        return None
    form = _FORM.fullmatch(url)
    hosts = tuple(_host(one.strip()) for one in form["where"].split(",")) if form else ()
    if form is None or None in hosts:
        raise ValueError(f"an address of Sentinels looks like {_EXAMPLE}")
    options = dict(parse_qsl(form["query"], keep_blank_values=True))
    login = {name: options.pop(option) for option, name in _OF_SENTINELS.items() if option in options}
    redis = f"{form['scheme']}://{form['who'] or ''}redis/{form['database'] or 0}?{urlencode(options)}"
    return Sentinels(tuple(one for one in hosts if one), unquote(form["service"]), redis.removesuffix("?"), login)


def _host(text: str) -> tuple[str, int] | None:
    """Host and port; an IPv6 address stands in brackets. None where it is neither."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        return None
    return (host, port) if host else None
