"""Endpoints over a board filled by hand: forms of /metrics, moments, misuse, the wall's answers."""

import gzip
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from grafana.provisioning import prometheus_config
from metrics.errors import AwayError
from metrics.exporter.http.server import create_app
from metrics.measure import key
from metrics.view import VERSION, Field
from tests.support.boards import board, exporter_of, manager, plan, rate
from tests.support.explanations import Explainer, row

NOW = datetime(2026, 11, 18, 12, 30, tzinfo=UTC).timestamp()
DAY = datetime(2026, 11, 18, tzinfo=UTC).toordinal()


@pytest.fixture
def exporter():
    """Three calls today."""
    shown = board()
    shown.put(("d", DAY), {Field(0, "m-1", "north"): {key("c", "inbound", "answered"): 3, key("me", "USD"): 2}})
    return exporter_of(shown, NOW)


@pytest.fixture
def explainer():
    return Explainer([row("call-1", 2), row("call-2")])


@pytest.fixture
def client(exporter, explainer):
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(exporter, explainer)), base_url="http://exporter")


async def test_prometheus_and_openmetrics_say_the_same(client):
    """The form follows Accept; samples are the same; a counter is headed as each form wants it."""
    plain = await client.get("/metrics")
    strict = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert strict.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")

    def sales(families):
        return {
            (s.name, tuple(sorted(s.labels.items()))): s.value
            for f in families
            for s in f.samples
            if s.name.startswith("sales_") and "collect" not in s.name
        }

    found = sales(read_text(plain.text))
    assert found == sales(read_openmetrics(strict.text))
    assert found["sales_unconverted_events", (("currency", "USD"),)] == 2.0
    assert sum(value for (name, _), value in found.items() if name == "sales_calls") == 5 * 3.0


async def test_compressed_only_when_asked(client):
    """Packed for who accepts it, else plain; the same text."""
    packed = await client.get("/metrics", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = await client.get("/metrics", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "sales_calls{" in packed.text
    assert "sales_calls{" in plain.text


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("yesterday", "not an RFC 3339 time"),
        ("2026-11-18T10:00:00", "has no zone"),
        ("2024-01-01T00:00:00Z", "days are held for 800"),
        ("9999-12-31T23:59:59-12:00", "outside the years"),
        ("0001-01-01T00:00:00+23:59", "outside the years"),
        ("2026-02-30T00:00:00Z", "not an RFC 3339 time"),
    ],
)
async def test_a_moment_that_cannot_be_shown(client, at, why):
    """400 and one clear line, on every endpoint that takes a moment."""
    for path in ("/metrics", "/api/v1/kpis"):
        answer = await client.get(path, params={"at": at})
        assert answer.status_code == 400
        assert why in answer.json()["detail"]


async def test_a_moment_before_the_hours(client, exporter):
    """Nine days back a day and a week are shown as of a day's end only; a month as of any moment."""
    then = datetime.fromtimestamp(NOW, UTC) - timedelta(days=9)
    for path, query in (("/metrics", {}), ("/api/v1/kpis", {"window": "week"})):
        answer = await client.get(path, params={"at": then.isoformat(), **query})
        assert answer.status_code == 400
        assert "23:59:59" in answer.json()["detail"]
    text = (await client.get("/metrics", params={"at": then.isoformat(), "window": "month"})).text
    assert 'window="day"' not in text
    exporter.board.put(("d", DAY - 9), {Field(0, "m-1", "north"): {key("c", "inbound", "answered"): 7}})
    text = (await client.get("/metrics", params={"at": "2026-11-09T23:59:59.9Z"})).text
    assert 'window="day",period="current"} 7.0' in text
    assert 'window="week",period="current"} 7.0' in text
    kpis = (await client.get("/api/v1/kpis", params={"at": "2026-11-09T23:59:59Z", "window": "day"})).json()["kpis"]
    assert next(kpi for kpi in kpis if kpi["id"] == "sales_calls:sum")["values"][0]["value"] == 7
    at = datetime.fromtimestamp(NOW, UTC).isoformat()
    text = (await client.get("/metrics", params={"at": at})).text
    assert 'window="month",period="current"} 10.0' in text
    assert "sales_view" not in text


async def test_what_is_stale_is_withheld(client, exporter):
    """Past the greatest age: no sales families, no KPIs, no moment; the reason is given."""
    exporter.follower.heartbeats = {0: {"at": (NOW - 61) * 1000, "count": 1, "version": VERSION}}
    text = (await client.get("/metrics")).text
    assert "sales_calls{" not in text
    assert "sales_view_age_seconds 61.0" in text
    for path, query in (("/readyz", {}), ("/api/v1/kpis", {}), ("/metrics", {"at": "2026-11-18T12:00:00Z"})):
        answer = await client.get(path, params=query)
        assert (answer.status_code, "silent for 61 s" in answer.text) == (503, True)
    live = (await client.get("/api/v1/live")).json()
    assert (live["kpis"], live["fresh"], "silent" in live["problem"]) == ([], False, True)


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/kpis", "/api/v1/live"])
async def test_what_is_compared_says_who_waits_or_nothing(path, client, exporter, monkeypatch):
    """While Kafka does not answer an owner nobody knows who waits: an audit would take it that nobody does."""

    async def settle():
        return {0: 7}

    monkeypatch.setattr(exporter.follower, "settle", settle)
    beat = {"at": NOW * 1000, "contact": NOW * 1000, "count": 1, "version": VERSION}
    exporter.follower.heartbeats = {0: beat}
    assert (await client.get(path, params={"settled": "true"})).status_code == 200
    exporter.follower.heartbeats = {0: beat | {"contact": (NOW - 11) * 1000}}
    answer = await client.get(path, params={"settled": "true"})
    assert (answer.status_code, "who waits is not known" in answer.text) == (503, True)
    assert (await client.get(path)).status_code == 200


async def test_a_part_of_the_log_is_withheld(client, exporter):
    """While workers count the log from its start, numbers that grow from 0 are not shown as if they were true."""
    exporter.follower.heartbeats = {0: {"at": NOW * 1000, "count": 1, "version": VERSION, "left": 12_345}}
    assert "sales_calls{" not in (await client.get("/metrics")).text
    answer = await client.get("/readyz")
    assert (answer.status_code, "counted from its start: 12,345 events to go" in answer.text) == (503, True)
    exporter.follower.heartbeats[0]["left"] = 0
    assert "sales_calls{" in (await client.get("/metrics")).text


async def test_kpis(client, exporter):
    """Labels, value, what was before; misuse named."""
    exporter.board.put_reference({"r": rate("USD", "2026-01-01", "90")})
    found = (await client.get("/api/v1/kpis", params={"level": "team", "window": "month"})).json()
    calls = next(kpi for kpi in found["kpis"] if kpi["id"] == "sales_calls:sum")
    assert calls["record"] == "team:sales_calls:sum"
    assert calls["values"] == [{"labels": {"team": "north"}, "value": 3.0, "previous": None, "trend": None}]
    for query in ({"window": "decade"}, {"period": "next"}, {"window": "5m", "at": "2026-11-18T12:00:00Z"}):
        assert (await client.get("/api/v1/kpis", params=query)).status_code == 400
    assert (await client.get("/api/v1/kpis", params={"level": "planet"})).status_code == 400


async def test_explain(client, exporter, explainer):
    """The question reaches the explainer whole; its refusal is the person's 400; without one 501."""
    query = {"family": "sales_calls", "manager": "m-1", "direction": "inbound", "limit": 5}
    answer = await client.get("/api/v1/explain", params=query)
    assert answer.json()["total"] == "3"
    assert explainer.asked == [("sales_calls", {"direction": "inbound"}, "m-1", None, "day", "current", None, 5, None)]
    assert (await client.get("/api/v1/explain", params={"family": "nothing"})).status_code == 400
    alone = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(exporter)), base_url="http://exporter")
    assert (await alone.get("/api/v1/explain", params=query)).status_code == 501


async def test_large_answers(client, exporter):
    """A thousand managers: the same text packed and plain, with its length, every line there."""
    for n in range(1000):
        part = {key("r", "call", "first", str(b)): 1 for b in range(20)} | {key("r", "call", "first", "s"): 5}
        exporter.board.put(("d", DAY), {Field(0, f"m-{n:04}", "north"): part})
    plain = await client.get("/metrics", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content) > 3_000_000
    assert plain.text.count("sales_response_seconds{") == 1000 * 3 * 5
    assert plain.text.count("sales_team_response_seconds_bucket{") == 20 * 5
    packed = await client.get("/metrics", headers={"accept-encoding": "gzip"})
    assert int(packed.headers["content-length"]) < len(packed.content) / 10
    assert sales(packed.text) == sales(plain.text)


def sales(text):
    """Lines of the sales department."""
    own = ("sales_exporter_",)
    return [line for line in text.splitlines() if line.startswith("sales_") and not line.startswith(own)]


def scraped() -> list[list[str]]:
    """Windows that the shipped jobs ask for."""
    return [
        windows for job in prometheus_config()["scrape_configs"] if (windows := job.get("params", {}).get("window"))
    ]


@pytest.mark.parametrize(
    "shared",
    [
        [["day", "5m", "15m", "1h"], ["now"], ["week", "month", "quarter", "year", "90d"]],
        [["live", "day", "5m"], ["course", "15m", "1h", "week", "month", "quarter", "year", "90d"]],
        scraped(),
    ],
)
async def test_only_some_windows(client, exporter, shared):
    """Each sample is in exactly one of the answers that share all windows among them; misuse is named."""
    exporter.board.put_reference({"m": manager("m-1", "north"), "p": plan("team:north", "2026-11", "100", "calls")})
    minute = int(NOW) // 60 * 60
    exporter.board.put(("m", minute), {Field(0, "m-1", "north"): {key("c", "inbound", "answered"): 1}})
    answers = [(await client.get("/metrics", params={"window": some})).text for some in shared]
    together = [line for text in answers for line in sales(text)]
    whole = sales((await client.get("/metrics")).text)
    assert sorted(together) == sorted(whole)
    for name in (
        "sales_view_up",
        "sales_manager_info",
        "sales_month_to_day",
        "sales_plan_target",
        'window="5m"',
        'window="year"',
    ):
        assert any(name in line for line in whole), name
    assert sum("sales_view_up" in text for text in answers) == 1
    assert (await client.get("/metrics", params={"window": "decade"})).status_code == 400


async def test_a_scrape_does_not_wait_for_a_long_turn(exporter, monkeypatch):
    """While a minute turns it gets the numbers from before, whole; who comes later gets the new ones."""
    day = (
        'sales_calls{manager="m-1",team="north",direction="inbound",outcome="answered",window="day",period="current"} '
    )
    board, follower, scrapes = exporter.board, exporter.follower, exporter.scrapes

    async def shown(encodings="gzip"):
        answer = await scrapes.answer("", encodings, None)
        body = b"".join([piece async for piece in answer.body_iterator])
        text = (gzip.decompress(body) if encodings else body).decode()
        return text.partition(day)[2].partition("\n")[0]

    assert await shown() == "3.0"
    board.put(("d", DAY), {Field(0, "m-1", "north"): {key("c", "inbound", "answered"): 4}})
    monkeypatch.setattr(follower, "_turn_seconds", 1.0)
    follower._turned.clear()
    board.hold()
    assert await shown() == "3.0"
    board.let_go()
    follower._turned.set()
    assert await shown() == "4.0"
    assert await shown("") == "4.0"


REFUSED = [
    ("explain", {"family": "sales_calls", "manager": "m-9"}, "manager='m-9'"),
    ("explain", {"family": "sales_calls", "manager": "${manager}"}, "manager='${manager}'"),
    ("explain", {"family": "sales_calls", "team": ".*"}, "team='.*'"),
    ("explain", {"family": "sales_calls", "team": "All"}, "north"),
    ("explain", {"family": "sales_calls", "team": "$__all"}, "team='$__all'"),
    ("explain", {"family": "sales_calls", "manager": ""}, "manager= is empty"),
    ("explain", {"family": "sales_calls", "manager": "m-1", "team": "south"}, "contradicts manager='m-1'"),
    ("explain", {"family": "sales_calls", "manager": ["m-1", "m-2"]}, "manager= is stated 2 times"),
    ("explain", {"family": "sales_calls", "direction": ["inbound", "outbound"]}, "direction= is stated 2 times"),
    ("explain", {"family": "sales_calls", "window": "fortnight"}, "window='fortnight'"),
    ("explain", {"family": "sales_calls", "window": "5m", "at": "2026-11-20T00:00:00Z"}, "at= contradicts"),
    ("explain", {"family": "sales_open_deals", "window": "day"}, "window='day' contradicts sales_open_deals"),
    ("explain", {"family": "sales_open_deals", "period": "previous"}, "period='previous' contradicts"),
    ("explain", {"family": "sales_plan_target", "window": "day"}, "window='day'"),
    ("explain", {"family": "sales_calls", "limit": "many"}, "limit="),
    ("explain", {}, "family= and kpi="),
    ("kpis", {"level": "planet"}, "level="),
    ("kpis", {"team": "north"}, "'team'"),
    ("kpis", {"window": ["day", "week"]}, "window= is stated 2 times"),
    ("history", {}, "one of kpi= and family="),
    ("history", {"kpi": "sales_calls:sum", "family": "sales_calls"}, "one of kpi= and family="),
    ("history", {"kpi": "sales_calls"}, "kpi='sales_calls'"),
    ("history", {"family": "sales_visits"}, "family='sales_visits'"),
    ("history", {"family": "sales_team_won_deal_amount"}, "sales_team_won_deal_amount_bucket"),
    ("history", {"family": "sales_response_seconds_bucket"}, "sales_response_seconds_bucket"),
    ("history", {"family": "sales_open_deals"}, "about now"),
    ("history", {"kpi": "sales_clients_ready:sum"}, "about now"),
    ("history", {"kpi": "sales_plan_calls:ratio", "step": "day"}, "month, quarter, year"),
    ("history", {"kpi": "sales_calls:sum", "step": "5m"}, "step='5m'"),
    ("history", {"kpi": "sales_calls:sum", "name": "north"}, "name='north' contradicts level=company"),
    ("history", {"kpi": "sales_calls:sum", "level": "team", "name": "west"}, "team='west'"),
    ("history", {"kpi": "sales_calls:sum", "level": "manager", "name": ""}, "name= is empty"),
    ("history", {"kpi": "sales_calls:sum", "from": "yesterday"}, "from='yesterday'"),
    ("history", {"kpi": "sales_calls:sum", "from": "2024-01-01"}, "800 days back"),
    ("history", {"kpi": "sales_calls:sum", "from": "2026-11-10", "to": "2026-11-09"}, "after to=2026-11-09"),
    ("history", {"kpi": "sales_calls:sum", "from": ["2026-11-10", "2026-11-09"]}, "from= is stated 2 times"),
    ("history", {"kpi": "sales_calls:sum", "format": "xml"}, "format="),
    ("history", {"kpi": "sales_calls:sum", "at": "2026-11-10"}, "'at'"),
    ("live", {"level": "company", "id": "north"}, "id='north' contradicts"),
    ("live", {"level": "team"}, "needs id="),
    ("live", {"level": "team", "id": "west"}, "team='west'"),
    ("live", {"level": "manager", "id": "m-9"}, "manager='m-9'"),
    ("live", {"wall": "1"}, "'wall'"),
    ("stream", {"window": "day"}, "'window'"),
]


@pytest.mark.parametrize(("address", "query", "named"), REFUSED)
async def test_what_is_not_known_is_refused_by_name(client, exporter, address, query, named):
    """Unknown, repeated or contradictory parameters, managers and teams: 400 that names them, never a zero."""
    exporter.board.put_reference({"a": manager("m-1", "north"), "b": manager("m-2", "south")})
    answer = await client.get(f"/api/v1/{address}", params=query)
    assert answer.status_code == 400, answer.text
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "window"),
    [
        ({"family": "sales_calls", "manager": "m-1", "team": "north"}, "day"),
        ({"family": "sales_calls", "manager": "unknown"}, "day"),
        ({"family": "sales_calls", "team": "unknown", "window": "year", "period": "previous"}, "year"),
        ({"family": "sales_calls", "manager": "m-2"}, "day"),
        ({"family": "sales_team_response_seconds_bucket", "le": "5.0", "window": "1h"}, "1h"),
        ({"family": "sales_open_deals", "manager": "m-1"}, ""),
        ({"family": "sales_plan_target", "team": "west", "level": "team"}, "month"),
    ],
)
async def test_what_is_known_is_explained(exporter, query, window):
    """People and teams of the roster, of plans and with numbers; where no window is stated it is the family's own."""
    exporter.board.put_reference({"b": manager("m-2", "south"), "c": plan("team:west", "2026-11", "5")})
    explainer = Explainer()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(exporter, explainer)), base_url="http://exporter"
    ) as client:
        answer = await client.get("/api/v1/explain", params=query)
    assert answer.status_code == 200, answer.text
    assert explainer.asked[0][4] == window


@pytest.mark.parametrize(("loading", "said"), [(True, "the view is being loaded"), (False, "no answer from Redis")])
async def test_what_is_waited_for_is_said(client, exporter, loading, said):
    """Redis is blamed for no view that is being read, which takes seconds where it is large or the machine is busy."""
    exporter.follower.loaded, exporter.follower.loading = False, loading
    for path in ("/readyz", "/api/v1/kpis"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert said in answer.text


async def test_what_is_away_is_503(client, exporter):
    """Without the view nobody can say who exists, without Kafka nothing can be explained: not a 400, not a 500."""
    exporter.follower.loaded = False
    answer = await client.get("/api/v1/explain", params={"family": "sales_calls", "manager": "m-1"})
    assert (answer.status_code, "view" in answer.json()["detail"]) == (503, True)

    class AwayExplainer(Explainer):
        async def explain(self, *_, **__):
            raise AwayError("Kafka does not answer")

    alone = httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(exporter, AwayExplainer())), base_url="http://exporter"
    )
    answer = await alone.get("/api/v1/explain", params={"family": "sales_calls"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "Kafka does not answer")
