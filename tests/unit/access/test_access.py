"""Who may read what: users, teams, a single-sign-on proxy, this machine alone; over ASGI, without a server."""

import base64
import os

import bcrypt
import httpx
import pytest

from metrics.access.access import Access
from metrics.access.asgi import Guard
from metrics.access.config import WebConfigError, load
from metrics.access.passwords import Passwords
from metrics.access.reader import AccessRefusal
from metrics.exporter.http.allowed import PATHS
from metrics.exporter.http.server import create_app
from metrics.measure import key
from metrics.settings import WebSettings
from metrics.view import Field, Waiting
from tests.support.boards import board, exporter_of, manager, plan
from tests.support.explanations import Explainer
from tests.unit.metrics.test_server import DAY, NOW

NAMES = ("prometheus", "anna", "boris")
HASHES = {name: bcrypt.hashpw(name.encode() * 2, bcrypt.gensalt(4)).decode() for name in NAMES}
USERS = {"anna": {"teams": ["north"]}, "boris": {"teams": ["north", "south"]}}
SOUTH = "m-south"


def settings(**given) -> WebSettings:
    return WebSettings(_env_file=None, **given)


def basic(user, password=None) -> dict[str, str]:
    packed = base64.b64encode(f"{user}:{user * 2 if password is None else password}".encode()).decode()
    return {"authorization": f"Basic {packed}"}


def written(folder, **content):
    """A web config file."""
    import yaml

    path = folder / "web.yml"
    path.write_text(yaml.safe_dump({"basic_auth_users": HASHES, "users": USERS, **content}))
    return path


@pytest.fixture
def exporter():
    """A call of each of two teams, one manager of both, somebody who waits, and plans."""
    shown = board()
    calls = {key("c", "inbound", "answered"): 3, key("wa", "retail", "RUB"): 5_000_000, key("m"): 2}
    shown.put_reference(
        {
            "manager:m-north": manager("m-north", "north"),
            "manager:m-south": manager("m-south", "south"),
            "plan:team:south:won_amount:2026-11": plan("team:south", "2026-11", "777777"),
            "plan:company:won_amount:2026-11": plan("company", "2026-11", "888888"),
        }
    )
    both = {Field(0, "m-both", "north"): calls, Field(0, "m-both", "south"): {key("c", "inbound", "answered"): 90}}
    shown.put(("d", DAY), {Field(0, "m-north", "north"): calls, Field(0, "m-south", "south"): calls, **both})
    shown.put_waiting(0, [Waiting("call", "m-south", "south", int((NOW - 5) * 1e6))])
    return exporter_of(shown, NOW)


def client_of(exporter, access, peer="10.0.0.9", host="wall") -> httpx.AsyncClient:
    app = Guard(create_app(exporter, Explainer()), access, PATHS)
    transport = httpx.ASGITransport(app, client=(peer, 4242))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


@pytest.fixture
def access(tmp_path):
    return Access(settings(web_config=written(tmp_path)))


@pytest.fixture
def client(exporter, access):
    return client_of(exporter, access)


ALL = {
    "/metrics": {},
    "/": {},
    "/wall/wall.js": {},
    "/api/v1/stream": {},
    "/api/v1/kpis": {},
    "/api/v1/live": {},
    "/api/v1/history": {"kpi": "sales_calls:sum"},
    "/api/v1/explain": {"family": "sales_calls"},
    "/api/v1/entities": {"family": "sales_calls"},
    "/openapi.json": {},
}


@pytest.mark.parametrize("path", [*ALL, "/nothing"])
async def test_nobody_reads_without_a_login(client, path):
    """Without a user, with a wrong one or with a wrong password: the login and nothing else, on every path."""
    wrong = [{}, basic("anna", "wrong"), basic("nobody"), basic("anna", ""), {"authorization": "Bearer x"}]
    wrong += [{"authorization": "Basic ???"}, {"authorization": "Basic YQ=="}]
    for headers in wrong:
        answer = await client.get(path, params=ALL.get(path), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert "sales" not in answer.text


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/metrics", {}, 403),
        ("/nothing", {}, 403),
        ("/api/v1/entities", {"family": "sales_calls"}, 403),
        ("/api/v1/entities", {"family": "sales_calls", "team": "north"}, 200),
        ("/api/v1/entities", {"family": "sales_calls", "team": "south"}, 403),
        ("/api/v1/entities", {"family": "sales_calls", "manager": "m-north"}, 200),
        ("/api/v1/entities", {"family": "sales_calls", "manager": "m-south"}, 403),
        ("/", {}, 200),
        ("/wall/wall.js", {}, 200),
        ("/openapi.json", {}, 200),
        ("/api/v1/kpis", {}, 403),
        ("/api/v1/kpis", {"level": "team"}, 200),
        ("/api/v1/kpis", {"level": "manager"}, 200),
        ("/api/v1/live", {}, 403),
        ("/api/v1/live", {"level": "team", "id": "north"}, 200),
        ("/api/v1/live", {"level": "team", "id": "south"}, 403),
        ("/api/v1/live", {"level": "team", "id": "nowhere"}, 403),
        ("/api/v1/live", {"level": "manager", "id": "m-north"}, 200),
        ("/api/v1/live", {"level": "manager", "id": "m-both"}, 200),
        ("/api/v1/live", {"level": "manager", "id": "m-south"}, 403),
        ("/api/v1/history", {"kpi": "sales_calls:sum"}, 403),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "team"}, 200),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "team", "name": "north"}, 200),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "team", "name": "south"}, 403),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "manager"}, 200),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "manager", "name": "m-both"}, 200),
        ("/api/v1/history", {"kpi": "sales_calls:sum", "level": "manager", "name": "m-south"}, 403),
        ("/history", {}, 200),
        ("/api/v1/compare", {"kpis": "sales_calls:sum"}, 403),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "team"}, 200),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "team", "name": "south"}, 403),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "manager"}, 200),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "manager", "team": "south"}, 403),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "manager", "name": "m-both"}, 200),
        ("/api/v1/compare", {"kpis": "sales_calls:sum", "level": "manager", "name": "m-south"}, 403),
        ("/api/v1/sparks", {"kpis": "sales_calls:sum"}, 403),
        ("/api/v1/sparks", {"kpis": "sales_calls:sum", "level": "team", "id": "north"}, 200),
        ("/api/v1/sparks", {"kpis": "sales_calls:sum", "level": "team", "id": "south"}, 403),
        ("/api/v1/burnup", {"kpi": "sales_calls:sum"}, 403),
        ("/api/v1/burnup", {"kpi": "sales_calls:sum", "level": "team", "name": "north"}, 200),
        ("/api/v1/burnup", {"kpi": "sales_calls:sum", "level": "team", "name": "south"}, 403),
        ("/api/v1/explain", {"family": "sales_calls"}, 403),
        ("/api/v1/explain", {"kpi": "sales_calls:sum"}, 403),
        ("/api/v1/explain", {"kpi": "sales_calls:sum", "team": "south"}, 403),
        ("/api/v1/explain", {"kpi": "sales_calls:sum", "team": "north"}, 200),
        ("/api/v1/explain", {"kpi": "sales_calls:sum", "manager": "m-south"}, 403),
        ("/api/v1/explain", {"family": "sales_calls", "team": "north"}, 200),
        ("/api/v1/explain", {"family": "sales_calls", "team": "south"}, 403),
        ("/api/v1/explain", {"family": "sales_calls", "manager": "m-north"}, 200),
        ("/api/v1/explain", {"family": "sales_calls", "manager": "m-south"}, 403),
        ("/api/v1/explain", {"family": "sales_calls", "manager": "m-south", "team": "south"}, 403),
    ],
)
async def test_a_team_head_sees_one_team_everywhere(client, path, query, status):
    """403 for the company, other teams, their people and /metrics; nothing of another team in what is answered."""
    answer = await client.get(path, params=query, headers=basic("anna"))
    assert answer.status_code == status, answer.text
    assert SOUTH not in answer.text or SOUTH in query.values()
    if status == 200 and path.startswith("/api"):
        assert '"south"' not in answer.text
        assert "777777" not in answer.text
        assert "888888" not in answer.text
    everything = await client.get(path, params=query, headers=basic("prometheus"))
    assert everything.status_code != 401
    assert everything.status_code != 403


async def test_who_worked_for_two_teams_is_seen_as_of_one(client):
    """3 calls for the north and 90 for the south are 3 to the head of the north, wherever he looks."""
    named = {"level": "manager", "id": "m-both"}
    live = (await client.get("/api/v1/live", params=named, headers=basic("anna"))).json()
    calls = next(kpi for kpi in live["kpis"] if kpi["id"] == "sales_calls:sum")
    assert [one["current"] for one in calls["values"]] == [3]
    asked = {"kpi": "sales_calls:sum", "level": "manager", "name": "m-both", "from": "2026-11-18"}
    for user, seen in (("prometheus", 93), ("anna", 3), ("boris", 93), ("anna", 3)):
        points = (await client.get("/api/v1/history", params=asked, headers=basic(user))).json()["points"]
        assert [one["value"] for one in points[-1]["values"]] == [seen]
    compared = {"kpis": "sales_calls:sum", "level": "manager", "name": "m-both", "from": "2026-11-18"}
    for user, seen in (("prometheus", 93), ("anna", 3), ("boris", 93)):
        rows = (await client.get("/api/v1/compare", params=compared, headers=basic(user))).json()["rows"]
        assert [row["kpis"][0]["values"][0]["current"] for row in rows] == [seen]
    explained = {"family": "sales_calls", "manager": "m-both"}
    assert (await client.get("/api/v1/explain", params=explained, headers=basic("anna"))).status_code == 200
    two = await client.get("/api/v1/explain", params=explained, headers=basic("boris"))
    assert two.status_code == 403
    assert "add team=" in two.json()["detail"]


async def test_explained_to_a_team_head_is_the_team(exporter, access):
    """What explains a manager's number is asked for in the reader's team only."""
    explainer = Explainer()
    app = Guard(create_app(exporter, explainer), access, PATHS)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("10.0.0.9", 1)), base_url="http://wall")
    await client.get("/api/v1/explain", params={"family": "sales_calls", "manager": "m-both"}, headers=basic("anna"))
    assert explainer.asked[0][2:4] == ("m-both", "north")


async def test_the_wall_of_a_team_names_no_other(client):
    """Teams and people to choose from are the reader's; the refusal of the company says which those are."""
    answer = await client.get("/api/v1/live", params={"level": "team", "id": "north"}, headers=basic("anna"))
    assert answer.json()["scopes"]["teams"] == ["north"]
    assert answer.json()["scopes"]["company"] is False
    assert [one["id"] for one in answer.json()["scopes"]["managers"]] == ["m-north"]
    refused = await client.get("/api/v1/live", headers=basic("anna"))
    assert refused.json()["teams"] == ["north"]
    everything = (await client.get("/api/v1/live", headers=basic("prometheus"))).json()
    assert everything["scopes"]["company"] is True
    assert len(everything["waiting"]) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_answers_everyone_without_details(client, exporter, path):
    """The status for all, in ill health too; the reason for who sees everything."""
    exporter.follower.heartbeats = {}
    for headers in ({}, basic("anna", "wrong"), basic("anna")):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == (200 if path == "/healthz" else 503)
        assert set(answer.json()) == {"status"}
        assert answer.json()["status"] in ("ok", "not ready")
    if path == "/readyz":
        assert "view_age_seconds" in (await client.get(path, headers=basic("prometheus"))).json()


async def test_a_scrape_costs_no_bcrypt(client, access):
    """A password is worked out once, right or wrong; another one, another user and another hash are others."""
    for _ in range(3):
        assert (await client.get("/metrics", headers=basic("prometheus"))).status_code == 200
        assert (await client.get("/metrics", headers=basic("prometheus", "x"))).status_code == 401
    assert access.passwords.checked == 2
    assert (await client.get("/metrics", headers=basic("anna", "prometheusprometheus"))).status_code == 401
    assert access.passwords.checked == 3


async def test_no_password_is_kept(access):
    """What is remembered is no password and no hash that another process could use."""
    await access.passwords.fits("p", HASHES, "anna", b"annaanna")
    held = repr(vars(access.passwords)).encode()
    assert b"annaanna" not in held
    other = Passwords()
    await other.fits("p", HASHES, "anna", b"annaanna")
    assert other._right.keys() != access.passwords._right.keys()


async def test_guesses_wait_for_a_bounded_time(access):
    """Of one address four at a time, of all sixteen: the others are told to ask again; what is known goes on."""
    import asyncio

    hard = {"anna": bcrypt.hashpw(b"right", bcrypt.gensalt(8)).decode()}
    passwords = access.passwords
    assert await passwords.fits("honest", hard, "anna", b"right")
    guesses = [passwords.fits("one", hard, "anna", b"%d" % n) for n in range(12)]
    guesses += [passwords.fits(f"many-{n}", hard, "anna", b"m%d" % n) for n in range(30)]
    found = asyncio.gather(*guesses, return_exceptions=True)
    await asyncio.sleep(0)
    assert await passwords.fits("honest", hard, "anna", b"right")
    refused = [one for one in await found if isinstance(one, AccessRefusal)]
    assert {one.status for one in refused} == {503}
    assert len(refused) == 12 - 4 + 30 - 12
    assert not passwords._waiting


@pytest.mark.parametrize("password", [b"a" * 73, b"nul\0", b"", b"\xff\xfe"])
async def test_odd_passwords_are_wrong_and_no_fault(access, password):
    """What bcrypt cannot take is a wrong password."""
    assert not await access.passwords.fits("p", HASHES, "anna", password)


@pytest.mark.parametrize(
    ("peer", "host", "headers", "status"),
    [
        ("127.0.0.1", "127.0.0.1", {}, 200),
        ("127.0.0.1", "localhost:9808", {}, 200),
        ("127.0.0.1", "LOCALHOST.", {}, 200),
        ("::1", "[::1]:9808", {}, 200),
        ("::ffff:127.0.0.1", "localhost", {}, 200),
        ("127.0.0.1", "wall.example.com", {}, 200),
        ("127.0.0.1", "evil.example", {}, 403),
        ("127.0.0.1", "127.0.0.1.evil.example", {}, 403),
        ("127.0.0.1", "localhost", {"x-forwarded-for": "10.0.0.1"}, 401),
        ("127.0.0.1", "localhost", {"forwarded": "for=10.0.0.1"}, 401),
        ("10.0.0.9", "localhost", {}, 401),
        ("10.0.0.9", "wall.example.com", {}, 401),
        ("10.0.0.9", "localhost", {"x-forwarded-for": "127.0.0.1"}, 401),
    ],
)
async def test_without_anything_only_this_machine_reads(exporter, peer, host, headers, status):
    """By a loopback address and under a known name: no page of somebody else's reads along (DNS rebinding)."""
    client = client_of(exporter, Access(settings(web_hosts="wall.example.com")), peer)
    for path in ("/metrics", "/", "/api/v1/kpis"):
        assert (await client.get(path, headers={"host": host, **headers})).status_code == status
    assert (await client.get("/healthz", headers={"host": host, **headers})).status_code == 200


PROXY = {"web_proxy_header": "X-Forwarded-Email", "web_proxy_from": "10.0.0.7, 10.1.0.0/16, fd00::7"}


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.0.0.7", {"x-forwarded-email": "anna"}, 200),
        ("10.1.2.3", {"X-Forwarded-Email": "anna"}, 200),
        ("fd00::7", {"X-Forwarded-Email": "anna"}, 200),
        ("::ffff:10.0.0.7", {"X-Forwarded-Email": "anna"}, 200),
        ("10.0.0.8", {"x-forwarded-email": "anna"}, 401),
        ("127.0.0.1", {"x-forwarded-email": "anna"}, 401),
        ("127.0.0.1", {"host": "localhost"}, 401),
        ("10.0.0.7", {"x-forwarded-email": "eve"}, 403),
        ("10.0.0.7", {"x-forwarded-email": ""}, 401),
        ("10.0.0.7", {}, 401),
        ("10.0.0.7", {**basic("anna")}, 200),
        ("10.0.0.8", {**basic("anna")}, 200),
    ],
)
async def test_a_proxy_names_the_user(exporter, tmp_path, peer, headers, status):
    """From its own address only, and users of the web config only; passwords go on to be good."""
    client = client_of(exporter, Access(settings(web_config=written(tmp_path), **PROXY)), peer)
    north = {"level": "team", "id": "north"}
    assert (await client.get("/api/v1/live", params=north, headers=headers)).status_code == status
    if status == 200:
        assert (await client.get("/api/v1/live", headers=headers)).status_code == 403


async def test_a_proxy_that_names_two_names_nobody(exporter, tmp_path):
    """A header that a browser smuggled in beside the proxy's is no login."""
    client = client_of(exporter, Access(settings(web_config=written(tmp_path), **PROXY)), "10.0.0.7")
    both = [("x-forwarded-email", "anna"), ("x-forwarded-email", "prometheus")]
    assert (await client.get("/metrics", headers=both)).status_code == 401


async def test_a_proxy_alone(exporter):
    """Without a web config whoever the proxy lets in sees everything; nobody else gets in, this machine neither."""
    access = Access(settings(**PROXY))
    named = client_of(exporter, access, "10.0.0.7")
    assert (await named.get("/metrics", headers={"x-forwarded-email": "x"})).is_success
    alone = client_of(exporter, access, "127.0.0.1", "localhost")
    assert (await alone.get("/metrics")).status_code == 401


async def test_every_answer_is_safe_in_a_browser(client):
    """Nothing inline, nothing guessed, no frame, no address passed on: also of refusals and mistakes."""
    for path, user in (("/", "anna"), ("/metrics", "nobody"), ("/nothing", "prometheus"), ("/healthz", "anna")):
        headers = (await client.get(path, headers=basic(user))).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
    numbers = await client.get("/api/v1/kpis", params={"level": "team"}, headers=basic("anna"))
    assert numbers.headers["cache-control"] == "no-store"


async def test_a_wall_is_embedded_on_purpose(exporter, tmp_path):
    """By the setting, and by headers of the web config, which come last."""
    framed = Access(settings(web_config=written(tmp_path), web_frame_ancestors="https://portal.example.com 'self'"))
    headers = (await client_of(exporter, framed).get("/", headers=basic("anna"))).headers
    assert headers["content-security-policy"].endswith("frame-ancestors https://portal.example.com 'self'")
    assert "x-frame-options" not in headers
    own = {"Strict-Transport-Security": "max-age=1", "X-Frame-Options": "SAMEORIGIN"}
    path = written(tmp_path, http_server_config={"http2": True, "headers": own})
    headers = (await client_of(exporter, Access(settings(web_config=path))).get("/", headers=basic("anna"))).headers
    assert (headers["strict-transport-security"], headers["x-frame-options"]) == ("max-age=1", "SAMEORIGIN")


async def test_a_changed_file_holds_at_once_and_a_broken_one_never(exporter, tmp_path, capsys):
    """Users come and go without a restart; what cannot be read leaves the last that could."""
    path = written(tmp_path)
    access = Access(settings(web_config=path))
    client = client_of(exporter, access)
    assert (await client.get("/metrics", headers=basic("prometheus"))).status_code == 200
    for broken in ("basic_auth_users: [", "basic_auth_users: {a: plain}", "users: 7", "nonsense: 1", ""):
        path.write_text(broken)
        access.reload()
        if broken:
            assert (await client.get("/metrics", headers=basic("prometheus"))).status_code == 200
        assert (await client.get("/metrics")).status_code == 401
    written(tmp_path, basic_auth_users={"anna": HASHES["anna"]})
    os.utime(path, ns=(1, 1))
    access.reload()
    assert (await client.get("/metrics", headers=basic("prometheus"))).status_code == 401
    assert (await client.get("/", headers=basic("anna"))).status_code == 200


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "has no fields"),
        ("a: [", "is not YAML in line"),
        ("users: {2026-13-45: {}}", "is not YAML"),
        ("basic_auth_user: {}", "basic_auth_user: is not known here"),
        ("basic_auth_users: {anna: SECRET}", "the password of 'anna' is not a bcrypt hash"),
        ("basic_auth_users: {'a:b': x}", "without a colon"),
        ("basic_auth_users: {anna: $2y$31$" + "a" * 53 + "}", "cost of 31"),
        ("users: {anna: {team: north}}", "users.anna.team: is not known here"),
        ("users: {anna: {teams: []}}", "users.anna.teams"),
        ("users: {anna: {teams: north}}", "users.anna.teams"),
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}", "cipher_suites: is not known here"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "min_version"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: VerifyClientCertIfGiven}", "client_ca_file"),
        ("http_server_config: {headers: {X-Other: 1}}", "http_server_config.headers"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\nb"}}', "no header may have"),
    ],
)
def test_a_wrong_web_config_is_told_by_its_field(tmp_path, text, told):
    """One line that names file and field; no secret in it."""
    path = tmp_path / "web.yml"
    path.write_text(text)
    with pytest.raises(WebConfigError) as caught:
        load(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_web_config_that_is_not_there(tmp_path):
    """It is told by its name; nobody reads instead of everybody."""
    with pytest.raises(WebConfigError, match="No such file"):
        Access(settings(web_config=tmp_path / "none.yml"))
    path = written(tmp_path, tls_server_config={"cert_file": "a.crt", "key_file": "a.key"})
    with pytest.raises(WebConfigError, match=str(tmp_path / "a.crt")):
        Access(settings(web_config=path))


def test_web_config_makes_users(tmp_path, capsys, monkeypatch):
    """Passwords that are given or made up and told once; a second run changes nothing, another password does."""
    from deploy.commands.web_config import command

    monkeypatch.setenv("METRICS_PASSWORD", "given")
    command(tmp_path)
    told = capsys.readouterr().out
    assert told.startswith("wall: ")
    assert "given" not in told
    assert (tmp_path / "prometheus.password").read_text() == "given"
    assert (tmp_path / "web.yml").stat().st_mode & 0o777 == 0o600
    made = load(tmp_path / "web.yml")
    assert bcrypt.checkpw(told.split(": ")[1].strip().encode(), made.basic_auth_users["wall"].encode())
    command(tmp_path, add="anna", teams="north, south")
    anna = capsys.readouterr().out.split(": ")[1].strip()
    command(tmp_path)
    found = load(tmp_path / "web.yml")
    assert found.basic_auth_users.items() >= made.basic_auth_users.items()
    assert bcrypt.checkpw(anna.encode(), found.basic_auth_users["anna"].encode())
    assert found.teams_of("anna") == {"north", "south"}
    monkeypatch.setenv("METRICS_PASSWORD", "other")
    command(tmp_path)
    assert bcrypt.checkpw(b"other", load(tmp_path / "web.yml").basic_auth_users["prometheus"].encode())
    assert (tmp_path / "prometheus.password").read_text() == "other"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"web_proxy_header": "X-User"}, "go together"),
        ({"web_proxy_from": "10.0.0.1"}, "go together"),
        ({"web_proxy_header": "X-User", "web_proxy_from": "proxy"}, "'proxy' is not an address"),
        ({"web_proxy_header": "X-User", "web_proxy_from": "10.0.0.1/8"}, "not an address or network"),
        ({"web_frame_ancestors": "https://a; script-src *"}, "write 'none'"),
        ({"web_frame_ancestors": ""}, "write 'none'"),
        ({"web_hosts": "http://wall"}, "without scheme and port"),
    ],
)
def test_a_wrong_setting_is_told(given, told):
    """By what to write instead."""
    with pytest.raises(ValueError, match=told):
        settings(**given)
