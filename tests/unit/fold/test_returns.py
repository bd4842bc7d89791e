"""Clients nobody answered, by hand: what closes a miss, what comes late, and what a call in time order looks at."""

import pytest

from tests.support.folding import Log, everything, fold, total

MONDAY = "2026-11-23T"
LOST, BACK, AGAIN = ("mc", "lost"), ("mc", "called_back"), ("mc", "client_called")


def call(log: Log, start: str, end: str, direction: str = "inbound", outcome: str = "missed", **data: str) -> None:
    name = {"call_id": f"c-{len(log.records)}", "manager_id": "m-1", **data}
    log.add("call.ended", end, direction=direction, outcome=outcome, started_at=start, **name)


def outcomes(log: Log) -> dict[tuple[str, ...], int]:
    found = total(everything(fold(log)), "d")
    return {name: n for name, n in found.items() if name[0] in {"mc", "cd", "ct"} or name == ("cb", "s")}


@pytest.mark.parametrize(
    ("back", "direction", "outcome", "expected"),
    [
        ("2026-11-23T10:10:00Z", "outbound", "missed", {BACK: 1, ("cd",): 1, ("ct",): 1, ("cb", "s"): 600_000_000}),
        ("2026-11-23T10:20:01Z", "outbound", "busy", {BACK: 1, ("cd",): 1, ("cb", "s"): 1_201_000_000}),
        ("2026-11-23T10:10:00Z", "outbound", "failed", {LOST: 1, ("cd",): 1}),
        ("2026-11-23T10:10:00Z", "inbound", "answered", {AGAIN: 1}),
        ("2026-11-23T11:10:00Z", "inbound", "answered", {AGAIN: 1, ("cd",): 1}),
        ("2026-11-24T23:59:00Z", "outbound", "missed", {BACK: 1, ("cd",): 1, ("cb", "s"): 17 * 3_600_000_000}),
        ("2026-11-25T00:00:00Z", "outbound", "answered", {LOST: 1, ("cd",): 1}),
    ],
)
def test_what_closes_a_miss(back, direction, outcome, expected):
    """By the end of the next working day, in working time; which call is told first does not matter."""
    log, turned = Log(), Log()
    missed = (f"{MONDAY}09:59:00Z", f"{MONDAY}10:00:00Z")
    call(log, *missed, call_id="a")
    call(log, back, back.replace(":00Z", ":50Z").replace(":01Z", ":50Z"), direction, outcome, call_id="b")
    for record in reversed(log.records):
        turned.append(record.value, record.key)
    assert outcomes(log) == outcomes(turned) == expected


def test_of_a_day_without_contact_only_the_first_call_is_a_miss():
    """Another day, and after a contact, it is one again."""
    log = Log()
    for minute in ("00", "10"):
        call(log, f"{MONDAY}09:{minute}:00Z", f"{MONDAY}09:{minute}:30Z")
    call(log, f"{MONDAY}09:20:00Z", f"{MONDAY}09:21:00Z", "outbound", "answered")
    call(log, f"{MONDAY}09:30:00Z", f"{MONDAY}09:30:30Z")
    call(log, "2026-11-24T09:00:00Z", "2026-11-24T09:00:30Z")
    call(log, "2026-11-24T09:00:00Z", "2026-11-24T09:00:30Z", client_id="anonymous:1")
    found = outcomes(log)
    assert (found[BACK], found[LOST]) == (1, 2)


def test_a_call_in_time_order_looks_at_no_other():
    """However many there were: the line of all calls is made only when one comes late."""
    log = Log()
    for n in range(600):
        start = f"2026-11-{1 + n // 30:02}T{9 + n % 30 // 5:02}:{n % 5 * 10:02}:0"
        direction, outcome = (("inbound", "missed"), ("outbound", "answered"), ("inbound", "answered"))[n % 3]
        call(log, f"{start}0Z", f"{start}9Z", direction, outcome)
    partition = fold(log)
    page = partition._clients.pages[b"ccl-1"]
    assert page.line is None
    call(log, f"{MONDAY[:8]}01T08:00:00Z", f"{MONDAY[:8]}01T08:00:30Z")
    partition.fold(log.records)
    assert page.line is not None
    assert len(page.line.calls) == 601


def test_a_call_that_was_outbound_and_is_inbound_rings():
    """A correction moves it from one list to the other; a restart finds the same."""
    log = Log()
    for second, direction in (("00", "outbound"), ("01", "inbound"), ("02", "outbound"), ("03", "inbound")):
        log.add("call.started", f"{MONDAY}10:00:{second}Z", call_id="a", direction=direction, manager_id="m-1")
    partition = fold(log)
    (update,) = (one for one in partition.everything() if one.waiting)
    assert [one.channel for one in update.waiting] == ["call"]
    assert update.unanswered == []
