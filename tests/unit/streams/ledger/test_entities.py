"""The ledger's stream of entities: as one moment has them, piece by piece, as long as somebody reads."""

import asyncio
import csv
import io
import json
import socket
import sqlite3
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import httpx
import pytest
import uvicorn

from deploy import logs
from deploy.connections import Protocol
from metrics.errors import AwayError
from metrics.exporter.http.ledger import LedgerProxy
from metrics.exporter.http.server import create_app as exporter_app
from streams.ledger import answers
from streams.ledger.answers import Index
from streams.ledger.explain import entity
from streams.ledger.follow import LedgerFollower
from streams.ledger.lines import lines
from streams.ledger.server import create_app
from streams.ledger.settings import LedgerSettings
from streams.ledger.snapshot import Snapshot
from streams.plain.rows import PlainQuery
from tests.laws.logs import InMemoryLog
from tests.support.boards import board, exporter_of
from tests.support.ledgers import Kept
from tests.unit.streams.ledger.test_ledger import NOW, RULES

TODAY = datetime.fromtimestamp(NOW, UTC).date()
DAYS = TODAY.toordinal() - 20, TODAY.toordinal()
CALLS = 1_300


def calls():
    """Some every hour of the last days, of a few people."""
    for n in range(CALLS):
        time = (datetime.fromtimestamp(NOW, UTC) - timedelta(minutes=20 * n)).isoformat()
        yield {
            "specversion": "1.0", "id": f"e{n}", "source": "pbx://a", "type": "sales.call.ended.v1", "time": time,
            "data": {
                "call_id": f"c{n}", "client_id": f"cl-{n % 50}", "manager_id": f"m-{n % 7}", "team_id": f"t-{n % 2}",
                "started_at": time, "direction": "outbound", "outcome": "busy",
            },
        }  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    found = Kept(str(tmp_path_factory.mktemp("ledger")), RULES, 1, NOW)
    log = InMemoryLog(list(calls()), 1)
    for _ in range(0, CALLS, 100):
        found.read(log, 100)
    yield found
    found.database.close()


@pytest.fixture
def index(kept):
    found = Index(kept.path, RULES, lambda: NOW)
    yield found
    found.close()


@pytest.fixture
def ledger(index, tmp_path):
    """Asked as the exporter asks it."""
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "other.sqlite", clock=lambda: NOW)
    follower.index = index
    follower.progress.reached({0: CALLS}, NOW)
    follower.progress.end({0: CALLS}, NOW)
    yield LedgerProxy("http://ledger", transport=httpx.ASGITransport(create_app(follower)))
    follower.close()


async def test_from_the_log_to_the_table(ledger):
    """What is streamed adds up to what is explained, over the exporter, in both forms."""
    exporter = exporter_of(board(), NOW)
    days = {name: date.fromordinal(day).isoformat() for name, day in zip(("from", "to"), DAYS, strict=True)}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(exporter_app(exporter, ledger)), base_url="http://exporter"
    ) as client:
        told = (await client.get("/api/v1/explain", params={"family": "sales_calls", **days, "limit": 1})).json()
        table = await client.get("/api/v1/entities", params={"family": "sales_calls", **days})
        lines = await client.get("/api/v1/entities", params={"family": "sales_calls", **days, "format": "jsonl"})
    assert told["count"] == CALLS
    assert (told["from"], told["to"], told["window"]) == (*days.values(), None)
    rows = list(csv.DictReader(io.StringIO(table.text)))
    found = [json.loads(line) for line in lines.text.splitlines()]
    assert len({one["id"] for one in rows}) == len(rows) == len({one["id"] for one in found}) == CALLS
    for each in (rows, found):
        assert sum(Fraction(one["contribution"]) for one in each) == Fraction(told["total"])


async def test_what_the_ledger_refuses_is_named(ledger):
    with pytest.raises(ValueError, match="no label 'flavour'"):
        await anext(ledger.entities("sales_calls", {"flavour": "x"}, None, None, "day", DAYS))
    with pytest.raises(ValueError, match="is streamed by days"):
        await anext(ledger.entities("sales_open_deals", {}, None, None, "", DAYS))


def test_a_few_are_at_hand_at_a_time(index):
    """Whatever there is, as of one moment; who asks for one team or person gets theirs."""
    pieces = index.entities(PlainQuery("sales_calls", window="day"), DAYS)
    sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == CALLS
    assert max(sizes) == answers._PIECE
    mine = [
        row for piece in index.entities(PlainQuery("sales_calls", {}, "m-1", "t-1", "day"), DAYS) for row, _ in piece
    ]
    assert {(row.manager, row.team) for row in mine} == {("m-1", "t-1")}
    few = [
        row for piece in index.entities(PlainQuery("sales_calls", window="day"), (DAYS[1], DAYS[1])) for row, _ in piece
    ]
    assert {datetime.fromtimestamp(row.time / 1e6, UTC).date() for row in few} == {TODAY}


@pytest.mark.parametrize("manager", [None, "m-1"])
def test_no_more_is_read_than_the_page_takes(index, monkeypatch, manager):
    """Of entities that are all equally large, those of the last day that comes in, and none of the days before."""
    read, shares = [], Snapshot.shares

    def counted(*args, **more):
        for share in shares(*args, **more):
            read.append(share)
            yield share

    monkeypatch.setattr(Snapshot, "shares", counted)
    found = index.explain(PlainQuery("sales_calls", {}, manager, None, "day"), None, 10, DAYS)
    assert len(found.rows) == 10
    assert found.count >= CALLS // 7
    assert len(read) <= 10 + 2 * 72  # 72 a day


async def test_who_leaves_lets_the_index_go(index):
    """The moment that he read is not held on to: the index would grow beside it."""
    query = PlainQuery("sales_calls", window="day")
    pieces = index.entities(query, DAYS)
    read = lines(pieces, lambda one: entity(query, *one))
    assert (await anext(read)).count(b"\n") == answers._PIECE
    await read.aclose()
    async with asyncio.timeout(20):
        while pieces.gi_frame is not None:  # noqa: ASYNC110 - a thread closes it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(app):
    """At an address, as processes are served."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=Protocol, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


async def read_into(got, answer):
    async for piece in answer.aiter_bytes():
        got += piece


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("why", [AwayError("ask for fewer days"), sqlite3.DatabaseError("malformed")])
async def test_a_stream_that_breaks_is_seen_to_be_incomplete(index, tmp_path, monkeypatch, capfd, form, why):
    """Through ledger and exporter: whole lines, no last chunk, and one line in each log without a traceback."""
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "other.sqlite", clock=lambda: NOW)
    follower.index = index
    follower.progress.reached({0: CALLS}, NOW)
    follower.progress.end({0: CALLS}, NOW)
    whole = index.entities(PlainQuery("sales_calls", window="day"), DAYS)

    def breaking(*_):
        yield next(whole)
        raise why

    monkeypatch.setattr(index, "entities", breaking)
    logs.configure("text")
    got = bytearray()
    async with (
        served(create_app(follower)) as ledger,
        served(exporter_app(exporter_of(board(), NOW), asked := LedgerProxy(ledger))) as at,
    ):
        query = {"family": "sales_calls", "format": form}
        async with httpx.AsyncClient() as client, client.stream("GET", f"{at}/api/v1/entities", params=query) as answer:
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await read_into(got, answer)
        await asked.close()
    follower.close()
    assert answer.status_code == 200
    assert got.endswith(b"\n")
    assert got.count(b"\n") == answers._PIECE + (form == "csv")
    said = capfd.readouterr().err.splitlines()
    assert (
        sum("broken off" in line for line in said)
        == len([line for line in said if "Traceback" in line or "ASGI" in line or "broken off" in line])
        == 2
    ), said
    assert any(str(why) in line for line in said)


def test_nobody_reads_for_ever(index, monkeypatch):
    monkeypatch.setattr(answers, "_MOST_SECONDS", -1.0)
    with pytest.raises(AwayError, match="ask for fewer days"):
        list(index.entities(PlainQuery("sales_calls", window="day"), DAYS))
