"""The benches are run by hand; here only so much that they do not rot between two runs."""

import json
import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from producers.partitioner import partition_for
from tests.bench import __main__ as bench
from tests.bench import compare, stages, workload
from tests.bench.peers import java, states, work
from tests.bench.remote import Head, ToldSamples, Writer
from tests.bench.results import Results, latest, tables
from tests.bench.simulated import SimulatedBoard, counted
from tests.support.boards import exposition
from tests.support.folding import FAR_MS

COUNT = 3_000


def records() -> stages.Records:
    found: stages.Records = {number: [] for number in range(4)}
    for key, value in workload.events(COUNT, clients=200, managers=20, full=True):
        part = found[partition_for(key, 4)]
        part.append(
            SimpleNamespace(offset=len(part), timestamp=FAR_MS, timestamp_type=1, key=key, value=value, headers=())
        )
    return found


def test_every_stage_takes_time_and_nothing_is_refused() -> None:
    taken = stages.inside(records(), 4, 8, made := [])
    assert {number for number, _ in made} == {0, 1, 2, 3}
    assert set(taken) == {"decode", "fold", "cut", "view"}
    assert min(taken["decode"], taken["cut"], taken["view"]) > 0


def test_a_deal_counts_once_however_often_it_changes() -> None:
    pairs = list(workload.events(COUNT, clients=50, managers=20))
    deals = [data for _, value in pairs if "deal_id" in (data := json.loads(value)["data"])]
    clients, cells = states.recomputed(pairs)
    counted = sum(cell[status] for cell in cells.values() for status in (work.OPEN, work.WON, work.LOST))
    held = sum(len(client.get("deals", ())) for client in clients.values())
    assert counted == held == len({deal["deal_id"] for deal in deals}) < len(deals)


def test_a_wrong_cell_is_found() -> None:
    wanted = states.recomputed(workload.events(COUNT))
    clients, cells = states.recomputed(workload.events(COUNT))
    assert not states.differences((clients, cells), wanted)
    next(iter(cells.values()))[0] += 1
    del clients[next(iter(clients))]
    assert states.differences((clients, cells), wanted) == 2


def test_what_is_sent_again_counts_once() -> None:
    sent = list(workload.events(COUNT, clients=50, managers=20, again=0.2))
    once = list(dict.fromkeys(sent))
    assert len(sent) - len(once) > COUNT / 10
    assert states.recomputed(sent) == states.recomputed(once)


def test_only_minutes_that_are_kept_are_compared() -> None:
    wanted = states.recomputed(workload.events(COUNT, days=1))
    newest, oldest = (f(int(cell.partition("/m")[2]) for cell in wanted[1] if "/m" in cell) for f in (max, min))
    assert newest - oldest > work.MINUTES_KEPT
    forgotten = {cell: sums for cell, sums in wanted[1].items() if not cell.endswith(f"/m{oldest}")}
    assert not states.differences((wanted[0], forgotten), wanted)
    lost = {cell: sums for cell, sums in wanted[1].items() if not cell.endswith(f"/m{newest}")}
    assert states.differences((wanted[0], lost), wanted)


def test_java_knows_the_same_bins() -> None:
    text = (java.SOURCES / "Work.java").read_text().partition("BOUNDS_MS = {")[2].partition("}")[0]
    assert [int(bound.replace("_", "")) for bound in text.replace(",", " ").split()] == work._BOUNDS_MS


def test_two_streams_share_no_event() -> None:
    def ids(events: Iterator[workload.Pair]) -> set[str]:
        return {json.loads(value)["id"] for _, value in events}

    assert not ids(workload.events(100, prefix="1-")) & ids(workload.events(100, prefix="2-"))


def test_calls_that_ring_are_ended() -> None:
    """Or at a steady load ever more of them would ring, for an hour each."""
    events = [json.loads(value) for _, value in workload.events(COUNT, clients=50, managers=20, full=True)]
    begun = [event["data"]["call_id"] for event in events if event["type"] == "sales.call.started.v1"]
    ended = {event["data"]["call_id"] for event in events if event["type"] == "sales.call.ended.v1"}
    assert len(begun) > 30
    assert len(ended.intersection(begun)) > 0.8 * len(begun)


def test_every_peer_has_a_name_and_its_sources() -> None:
    assert set(compare._NAMES) == set(compare.PEERS)
    assert {source.stem for source in java.SOURCES.glob("*.java")} == {"Event", "Client", "Work", *java.LIBRARIES}


def test_rows_come_back_as_a_table(tmp_path: Path) -> None:
    results = Results(tmp_path / "rows.jsonl")
    results.add("Part", "one", {"rate": [3.0, 1.0, 2.0]}, "10 events")
    results.add("Part", "one", {"rate": [30_000.0, 10_000.0, 20_000.0], "checked": "equal"}, "10 events")
    text = tables(latest(tmp_path / "rows.jsonl"))
    assert "| one | 20,000 (10,000 to 30,000) | equal |" in text
    assert text.count("| one |") == 1


def test_an_unknown_part_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "peers,nonsense"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "nonsense" in capsys.readouterr().err


def test_a_simulated_floor_goes_on_without_a_clock() -> None:
    """What happened by a moment is shown at it, by people and by teams; what comes later is not there yet."""
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
    told = SimulatedBoard(managers=3, days=2, start=noon)
    before = counted(iter(exposition(told.board, noon).decode().splitlines()))
    assert before["manager", "day current"] > 0 < before["team", "day current"]
    assert told.go(noon + 3600) > 0
    after = counted(iter(exposition(told.board, noon + 3600).decode().splitlines()))
    assert after["manager", "day current"] >= before["manager", "day current"]
    assert told.go(noon + 3600) == 0


AT = 1_700_000_000


def fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Number and content of each field of a protocol buffer."""
    at = 0

    def whole() -> int:
        nonlocal at
        found = shift = 0
        while True:
            byte, at = content[at], at + 1
            found, shift = found | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return found

    while at < len(content):
        tag = whole()
        length = {0: 0, 1: 8, 2: -1}[tag & 7]
        if not length:
            yield tag >> 3, whole()
            continue
        length = whole() if length < 0 else length
        at += length
        yield tag >> 3, content[at - length : at]


def told_series(told: ToldSamples) -> dict[str, list[tuple[float, int]]]:
    """Labels as text → samples, as Prometheus reads them."""
    found: dict[str, list[tuple[float, int]]] = {}
    for one in Writer(httpx.Client()).encoded(told):
        [(_, series)] = fields(one)
        inside = list(fields(series))
        pairs = (dict(fields(content)) for number, content in inside if number == 1)
        labels = ",".join(f"{pair[1].decode()}={pair[2].decode()}" for pair in pairs)
        samples = [dict(fields(content)) for number, content in inside if number == 2]
        found[labels] = [(struct.unpack("<d", one[1])[0], one[2]) for one in samples]
    return found


def test_what_prometheus_is_told_is_what_was_scraped_and_when() -> None:
    """A series that stays, one that changes, one that comes, and one that is gone: noted as such, once."""
    last: dict[Head, float] = {'a{x="1"}': 1.0, "b{}": 2.0, 'c{x="\\\\\\""}': 3.0}
    told = ToldSamples("", {"job": "j"}, last, [AT + 100, AT + 105, AT + 110])
    told.at(1, {"b{}": 5.0, "d{}": 7.0, 'a{x="1"}': 1.0}, ['c{x="\\\\\\""}'])
    found = told_series(told)
    assert found["__name__=a,job=j,x=1"] == [
        (1.0, (AT + 100) * 1000),
        (1.0, (AT + 105) * 1000),
        (1.0, (AT + 110) * 1000),
    ]
    assert found["__name__=b,job=j"] == [(2.0, (AT + 100) * 1000), (5.0, (AT + 105) * 1000), (5.0, (AT + 110) * 1000)]
    assert found["__name__=d,job=j"] == [(7.0, (AT + 105) * 1000), (7.0, (AT + 110) * 1000)]
    first, gone = found['__name__=c,job=j,x=\\"']
    assert first == (3.0, (AT + 100) * 1000)
    assert math.isnan(gone[0])
    assert gone[1] == (AT + 105) * 1000
    assert told.names() == {"b", "c", "d"}
    told.taken()
    assert last == {'a{x="1"}': 1.0, "b{}": 5.0, "d{}": 7.0}


def test_an_answer_of_a_rule_is_told_as_it_is() -> None:
    """What the answer no longer has is gone; what it has at some of the moments is there at those."""
    told = ToldSamples("team:x:sum", {"pace": "often"}, {(("team", "n"),): 1.0}, [AT + 100, AT + 115])
    told.take([{"metric": {"__name__": "x", "team": "s"}, "values": [[AT + 115, "4"]]}])
    found = told_series(told)
    assert found["__name__=team:x:sum,pace=often,team=s"] == [(4.0, (AT + 115) * 1000)]
    [(value, _)] = found["__name__=team:x:sum,pace=often,team=n"]
    assert math.isnan(value)
