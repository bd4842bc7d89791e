"""Calls: what each order of started, answered and ended adds, and who rings."""

from typing import Any

import pytest

from tests.support.folding import Log, everything, fold, total, us

ANSWERED = {
    "direction": "inbound",
    "outcome": "answered",
    "started_at": "2026-11-23T09:10:00Z",
    "answered_at": "2026-11-23T09:10:18Z",
    "manager_id": "m-1",
    "team_id": "north",
}


def _ended(log: Log, time: str = "2026-11-23T09:15:00Z", *, sequence: str | None = None, **data: str) -> None:
    log.add("call.ended", time, sequence=sequence, **{"call_id": "c", **ANSWERED, **data})


def _without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ANSWERED.items() if name not in names}


RESPONSE = {
    ("r", "call", "first", "3"): 1,
    ("r", "call", "first", "s"): 18_000_000,
    ("b", "call", "first", "3"): 1,
    ("b", "call", "first", "s"): 18_000_000,
    ("d", "call"): 1,
    ("t", "call"): 1,
}
MISS = {("mc", "lost"): 1, ("cd",): 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {("c", "inbound", "answered"): 1, **RESPONSE}),
        ({"direction": "outbound"}, {("c", "outbound", "answered"): 1}),
        ({"outcome": "missed"}, {("c", "inbound", "missed"): 1, ("d", "call"): 1, **MISS}),
        ({"outcome": "abandoned"}, {("c", "inbound", "abandoned"): 1, ("d", "call"): 1, **MISS}),
        ({"outcome": "abandoned", "started_at": "2026-11-23T09:14:55Z"}, {("c", "inbound", "abandoned"): 1}),
        (
            {"outcome": "missed", "started_at": "2026-11-23T09:14:54.999999Z"},
            {("c", "inbound", "missed"): 1, ("d", "call"): 1, **MISS},
        ),
        ({"outcome": "busy"}, {("c", "inbound", "busy"): 1}),
        ({"outcome": "failed"}, {("c", "inbound", "failed"): 1}),
        ({"outcome": "missed", "direction": "outbound"}, {("c", "outbound", "missed"): 1}),
    ],
)
def test_what_an_ended_call_adds(changes, expected):
    """A call counts at its end; only an inbound one owes a response."""
    log = Log()
    _ended(log, **changes)
    assert total(everything(fold(log)), "d") == expected


def test_without_an_answer_time_there_is_no_response_and_none_is_due():
    """An answered call that does not say when counts as a call only."""
    log = Log()
    log.add("call.ended", "2026-11-23T09:15:00Z", call_id="c", **_without("answered_at"))
    assert total(everything(fold(log)), "d") == {("c", "inbound", "answered"): 1}


@pytest.mark.parametrize("answer", ["2026-11-23T09:09:59Z", "2026-11-23T06:10:18Z"])
def test_an_answer_before_the_start_is_one_at_once(answer):
    """A clock that was set back makes no response negative, and takes none away."""
    log = Log()
    _ended(log, answered_at=answer)
    assert total(everything(fold(log)), "d") == {
        ("c", "inbound", "answered"): 1,
        ("r", "call", "first", "0"): 1,
        ("b", "call", "first", "0"): 1,
        ("d", "call"): 1,
        ("t", "call"): 1,
    }


def test_service_level_is_answered_in_time_by_due():
    """1,000 answered (860 within 20 s) and 60 abandoned (10 within 5 s): 860 ÷ 1,050."""
    log = Log()
    for i in range(1000):
        second = 20 if i < 860 else 21
        _ended(log, call_id=f"a-{i}", answered_at=f"2026-11-23T09:10:{second}Z")
    for i in range(60):
        start = "2026-11-23T09:14:55Z" if i < 10 else "2026-11-23T09:14:50Z" if i < 20 else "2026-11-23T09:14:00Z"
        _ended(log, call_id=f"b-{i}", outcome="abandoned", started_at=start)
    sums = total(everything(fold(log)), "d")
    assert (sums["t", "call"], sums["d", "call"]) == (860, 1050)


def test_a_newer_version_takes_back_the_older_from_its_manager_and_time():
    """Corrected to another manager and day, nothing is left where it was."""
    log = Log()
    _ended(log)
    _ended(log, "2026-11-24T10:00:00Z", manager_id="m-2", outcome="busy")
    held = everything(fold(log))
    assert {where: list(parts) for where, parts in held.items() if where[0] == "d"} == {
        ("d", 739944): [("m-2", "north")]
    }
    assert total(held, "d") == {("c", "inbound", "busy"): 1}


def test_stale_and_repeated_ends_change_nothing_and_are_counted():
    """Of two ends of a call the greater (sequence, time, id) stays."""
    log = Log()
    _ended(log, sequence="2")
    _ended(log, "2026-11-25T09:15:00Z", sequence="1", outcome="busy")
    log.append(log.records[0].value, log.records[0].key)
    partition = fold(log)
    assert (partition.counts.stale, partition.counts.duplicates) == (1, 1)
    assert ("c", "inbound", "busy") not in total(everything(partition), "d")


STARTED = ("call.started", "2026-11-23T09:10:00Z", {"direction": "inbound", "manager_id": "m-1"})
OUTBOUND = ("call.started", "2026-11-23T09:10:00Z", {"direction": "outbound"})
TAKEN = ("call.answered", "2026-11-23T09:10:18Z", {"manager_id": "m-1"})
ENDED = ("call.ended", "2026-11-23T09:15:00Z", ANSWERED)
AGAIN = ("call.started", "2026-11-23T09:11:00Z", {"direction": "inbound", "manager_id": "m-2"})
WAITS = [("call", "m-1", "", 1795425000000000)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([STARTED], WAITS),
        ([OUTBOUND], []),
        ([STARTED, TAKEN], []),
        ([TAKEN, STARTED], []),
        ([STARTED, ENDED], []),
        ([ENDED, STARTED], []),
        ([ENDED, TAKEN, STARTED], []),
        ([STARTED, AGAIN], [("call", "m-2", "", 1795425060000000)]),
        ([AGAIN, STARTED], [("call", "m-2", "", 1795425060000000)]),
        ([STARTED, ("meeting.held", "2026-11-23T10:09:59Z", {"meeting_id": "x", "manager_id": "m-9"})], WAITS),
        ([STARTED, ("meeting.held", "2026-11-23T10:19:59Z", {"meeting_id": "x", "manager_id": "m-9"})], WAITS),
        ([STARTED, ("meeting.held", "2026-11-23T11:10:00Z", {"meeting_id": "x", "manager_id": "m-9"})], []),
    ],
)
def test_who_rings(events, expected):
    """An inbound call waits until its answer or end is known, in any order, or must be over by any clock.

    Partition time may be ten minutes ahead of the clock, so that it does not say when an hour is over.
    """
    log = Log()
    for kind, time, data in events:
        log.add(kind, time, **({"call_id": "c"} if kind.startswith("call.") else {}), **data)
    assert fold(log).view().waiting == expected


def test_an_earlier_start_that_was_corrected_keeps_nothing() -> None:
    """Of a call whose end never came the start that counts decides how long it is known, not one that it replaced."""
    log = Log()
    inbound: dict[str, Any] = {"call_id": "c", "direction": "inbound"}
    log.add("call.started", "2026-11-24T09:00:00Z", **inbound)
    log.add("call.started", "2026-11-23T09:00:00Z", sequence="1", **inbound)
    log.add("call.started", "2029-02-01T09:00:00Z", **inbound)
    assert [one.start for one in fold(log).view().waiting or ()] == [us("2029-02-01T09:00:00Z")]
