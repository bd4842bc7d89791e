"""Clients nobody answered, by hand: what closes a miss, what comes late, and what a call in time order looks at."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from metrics.calendar import CalendarFile, build
from producers.compiled import FORM
from producers.events import wire
from streams.fold.page import Page
from streams.fold.rules import Rules
from streams.plain import PlainRules, recompute
from streams.plain.calendar import of
from streams.plain.listed import still_listed
from streams.state.partition import Partition
from tests.support.folding import Log, everything, fold, rules, total

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
    """However many there were: one among them that cannot be read shows who looks. The first miss does not, either."""
    log = Log()
    for n in range(600):
        kind = ("inbound", "answered") if n % 2 or n < 100 else ("outbound", "missed")
        call(log, *_minute(n), *kind, call_id=f"c-{n}")
    partition = fold(log)
    page = partition._clients.pages[b"ccl-1"]
    page.put("cbroken", b"?")
    for n in range(600, 900):
        direction, outcome = (("inbound", "missed"), ("outbound", "answered"), ("inbound", "answered"))[n % 3]
        call(log, *_minute(n), direction, outcome, call_id=f"c-{n}")
    log.add("lead.changed", _minute(901)[0], lead_id="l", temperature="cold", created_at=_minute(901)[0],
            manager_id="m-1")  # fmt: skip
    call(log, *_minute(902), "outbound", "answered", call_id="touch")
    partition.fold(log.records)
    assert page.line is None
    assert total(everything(partition), "d")["mc", "called_back"] == 100
    assert total(everything(partition), "d")["ld",] == 1
    call(log, *_minute(0), call_id="late")
    with pytest.raises(msgspec.MsgspecError):
        partition.fold(log.records)


def _minute(n: int) -> tuple[str, str]:
    start = f"2026-11-{2 + n // 480:02}T{9 + n % 480 // 60:02}:{n % 60:02}:"
    return f"{start}00Z", f"{start}40Z"


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_a_day_that_returns_is_one_day(order):
    """St. John's put its clocks back at 00:01: a day began, the one before came again, and it began once more."""
    log, turned = Log(), Log()
    call(log, "2010-11-07T02:30:05Z", "2010-11-07T02:30:10Z", "outbound", "answered", call_id="a")
    for name, start in (("b", "02:30:20"), ("c", "02:40:00"), ("d", "03:40:00")):
        call(log, f"2010-11-07T{start}Z", f"2010-11-07T{start[:-2]}40Z", call_id=name)
    for n in order:
        turned.append(log.records[n].value, log.records[n].key)
    partition = Partition(0, 1, rules(ZoneInfo("America/St_Johns")))
    partition.fold(turned.records)
    days = [{name: n for name, n in fields["m-1", ""].items() if name.startswith("mc")}
            for (kind, _), fields in sorted(everything(partition).items()) if kind == "d"]  # fmt: skip
    assert [list(day.values()) for day in days] == [[1], [1]]


class _CountedOffsets(dict[int, int]):
    """Counts how often a moment's local day is asked: each time for the offset of its hour."""

    asked = 0

    def get(self, hour: int, default: Any = None) -> Any:
        self.asked += 1
        return super().get(hour, default)


def test_late_calls_of_a_client_nobody_calls_look_at_a_call_a_day():
    """Thousands missed without contact, each pair turned round: no call looks at all of them."""
    log, law = Log(), rules()
    law.local._offsets = offsets = _CountedOffsets()
    for n in range(2000):
        call(log, *_minute(n ^ 1), call_id=f"c-{n}")
    partition = Partition(0, 1, law)
    partition.fold(log.records)
    assert total(everything(partition), "d")["mc", "lost"] == 5
    assert offsets.asked < 100 * len(log.records)
    # Machine code asks a dict past the methods of its class.
    assert offsets.asked or FORM.name == "compiled"


@pytest.mark.parametrize("count", [400, 3200])
def test_leads_of_one_client_cost_the_same_however_many(count, monkeypatch):
    """A lead and a call to it, again and again, each fifth lead late: none of them looks through all that is known."""
    looked, kept = [0], Page.kept

    def counted(page: Page, letter: str) -> Iterator[tuple[str, bytes]]:
        looked[0] += len(page.entities)
        return kept(page, letter)

    monkeypatch.setattr(Page, "kept", counted)
    log = Log()
    for n in range(count):
        start = _minute(2 * n)[0]
        created = _minute(2 * n - 5)[0] if n % 5 == 4 else start
        log.add("lead.changed", start, lead_id=f"l-{n}", temperature="cold", created_at=created, manager_id="m-1")
        call(log, _minute(2 * n + 1)[0], _minute(2 * n + 1)[1], "outbound", "answered", call_id=f"c-{n}")
    assert total(everything(fold(log)), "d")["ld",] == count
    assert looked[0] < 20 * count


def _lead(log: Log, time: str, created: str, **data: str) -> None:
    log.add("lead.changed", time, lead_id="l", temperature="cold", created_at=created, manager_id="m-2", **data)


def _touched(log: Log) -> dict[tuple[str, ...], int]:
    found = total(everything(fold(log)), "d")
    return {name: n for name, n in found.items() if name[0] in {"ld", "lt"} or name == ("lr", "s")}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("10:00:00", {("ld",): 1}),
        ("10:00:01", {("ld",): 1, ("lt",): 1}),
    ],
)
def test_a_call_that_ends_when_a_lead_is_created_does_not_touch_it(end, expected):
    """It is no longer under way then; one that ends later touches it at once. Whichever is told first."""
    log, turned = Log(), Log()
    answered = {"answered_at": f"{MONDAY}09:50:00Z"}
    call(log, f"{MONDAY}09:49:00Z", f"{MONDAY}{end}Z", "inbound", "answered", call_id="a", **answered)
    _lead(log, f"{MONDAY}10:00:05Z", f"{MONDAY}10:00:00Z")
    for record in reversed(log.records):
        turned.append(record.value, record.key)
    assert _touched(log) == _touched(turned) == expected


def test_of_messages_before_a_lead_the_latest_by_business_time_counts():
    """A lead told late is touched by the last message before it was told; of several chats, by the latest one."""
    log = Log()
    for chat, moment in (("h-1", "10:03:00"), ("h-2", "10:02:00")):
        log.add("chat.message", f"{MONDAY}{moment}Z", chat_id=chat, author="manager", manager_id="m-1")
    _lead(log, f"{MONDAY}10:05:00Z", f"{MONDAY}10:00:00Z")
    assert _touched(log) == {("ld",): 1, ("lt",): 1, ("lr", "s"): 180_000_000}


def test_deletion_takes_the_touch_back():
    """A deleted lead is not due, in time or answered; when it comes back it is touched as before."""
    log = Log()
    _lead(log, f"{MONDAY}10:00:00Z", f"{MONDAY}10:00:00Z")
    call(log, f"{MONDAY}10:01:00Z", f"{MONDAY}10:02:00Z", "outbound", "answered")
    touched = {("ld",): 1, ("lt",): 1, ("lr", "s"): 60_000_000}
    assert _touched(log) == touched
    log.add("lead.deleted", f"{MONDAY}11:00:00Z", lead_id="l")
    assert _touched(log) == {}
    _lead(log, f"{MONDAY}12:00:00Z", f"{MONDAY}10:00:00Z")
    assert _touched(log) == touched


def test_of_a_team_that_never_works_a_lead_is_listed_as_long_as_it_counts():
    """It is never due; 800 days on nothing shows its day any more, and it leaves the list, as the oracle has it."""
    law = Rules(UTC, build(CalendarFile.model_validate({"teams": {"t-0": {"hours": {}}}}), UTC))
    log, listed = Log(), []
    _lead(log, "2024-01-10T10:00:00Z", "2024-01-10T10:00:00Z", team_id="t-0")
    for moment in ("2026-03-20T23:59:00Z", "2026-03-21T00:00:00Z", "2026-03-21T01:59:59Z", "2026-03-21T02:00:00Z"):
        log.add("meeting.held", moment, meeting_id=moment, manager_id="m-1", client_id="cl-2")
        partition = Partition(0, 1, law)
        partition.fold(log.records)
        listed.append([len(update.unanswered) for update in partition.everything() if update.unanswered is not None])
        plain = recompute(
            (wire.decode(record.value) for record in log.records),
            PlainRules(ZoneInfo("UTC"), of({"teams": {"t-0": {"hours": {}}}}, ZoneInfo("UTC"))),
        )
        assert listed[-1] == [len(still_listed(plain.open_things(), plain.time, plain.rules))]
    assert listed == [[1], [1], [1], [0]]


def test_a_call_that_was_outbound_and_is_inbound_rings():
    """A correction moves it from one list to the other; a restart finds the same."""
    log = Log()
    for second, direction in (("00", "outbound"), ("01", "inbound"), ("02", "outbound"), ("03", "inbound")):
        log.add("call.started", f"{MONDAY}10:00:{second}Z", call_id="a", direction=direction, manager_id="m-1")
    partition = fold(log)
    (update,) = (one for one in partition.everything() if one.waiting)
    assert [one.channel for one in update.waiting] == ["call"]
    assert update.unanswered == []
