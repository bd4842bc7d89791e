"""The plain definition against the sentences of numbers.md, one row each."""

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from producers.events import wire as w
from streams.plain import PlainCalendar, PlainRules
from streams.plain.calendar import of
from streams.plain.exact import moment
from streams.plain.windows import windows
from tests.unit.plain.events import T0, adds, event, told

S = 10**6
DAY = 86_400
FIRST_DAY = T0.toordinal()


def ended(seconds: float, outcome: str = "answered", direction: str = "inbound", **data: Any) -> Any:
    fields = {"call_id": "c", "started_at": 0, "manager_id": "m-1", "outcome": outcome, "direction": direction}
    return event(w.CallEnded, seconds, **fields | data)


def wrote(seconds: float, author: str, manager: str | None = None, **data: Any) -> Any:
    return event(w.ChatMessage, seconds, chat_id="ch", author=author, manager_id=manager, **data)


def deal(seconds: float, number: int, status: str, closed: float | None = None, **data: Any) -> Any:
    fields = {
        "deal_id": f"d-{number}",
        "manager_id": "m-1",
        "pipeline": "p",
        "stage": "s",
        "status": status,
        "amount": "100.00",
        "currency": "RUB",
        "created_at": 0,
    }
    if closed is not None:
        fields["closed_at"] = closed
    return event(w.DealChanged, seconds, **fields | data)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            ended(60, answered_at=20),
            [("d", "call", "m-1", 20, 1), ("r", "call", "first", "m-1", 20, 20 * S), ("t", "call", "m-1", 20, 1)],
        ),
        (ended(60, answered_at=21), [("d", "call", "m-1", 21, 1), ("r", "call", "first", "m-1", 21, 21 * S)]),
        (ended(60), []),
        (ended(60, answered_at=3, direction="outbound"), []),
        (ended(5, "missed"), []),
        (ended(5.5, "missed"), [("d", "call", "m-1", 5.5, 1)]),
        (ended(6, "abandoned", manager_id=None), [("d", "call", "unknown", 6, 1)]),
        (ended(6, "busy"), []),
        (ended(6, "missed", direction="outbound"), []),
        (ended(60, "missed", answered_at=3), [("d", "call", "m-1", 60, 1)]),
    ],
)
def test_calls(call: w.CallEnded, expected: list[Any]) -> None:
    """What the end of a call adds to responses."""
    assert adds(told(call), "r", "d", "t") == expected


def test_service_level_of_the_issue() -> None:
    """1,000 answered calls (860 in time), 60 abandoned (10 of them within 5 s): 860 of 1,050."""
    answered = [ended(60, answered_at=10 if n < 860 else 40, call_id=f"a-{n}") for n in range(1000)]
    lost = [ended(4 if n < 10 else 15 if n < 20 else 30, "abandoned", call_id=f"l-{n}") for n in range(60)]
    partition = told(*answered, *lost)
    assert len(adds(partition, "t")) == 860
    assert len(adds(partition, "d")) == 1050


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [wrote(0, "client"), wrote(5, "client"), wrote(30, "manager", "m-1"), wrote(40, "manager", "m-2")],
            [("d", "chat", "m-1", 30, 1), ("r", "chat", "first", "m-1", 30, 30 * S)],
            id="from the first unanswered message",
        ),
        pytest.param(
            [wrote(0, "client"), wrote(1, "manager", "m-1"), wrote(2, "client"), wrote(4, "manager", "m-1")],
            [
                ("d", "chat", "m-1", 1, 1),
                ("d", "chat", "m-1", 4, 1),
                ("r", "chat", "first", "m-1", 1, S),
                ("r", "chat", "next", "m-1", 4, 2 * S),
            ],
            id="first, then next",
        ),
        pytest.param(
            [
                wrote(0, "client"),
                wrote(1, "bot"),
                event(w.ChatHandedOff, 10, chat_id="ch"),
                event(w.ChatHandedOff, 12, chat_id="ch"),
                wrote(15, "manager", "m-1"),
            ],
            [("d", "chat", "m-1", 15, 1), ("r", "chat", "first", "m-1", 15, 5 * S)],
            id="the first hand-off after a bot moves the start, the second has no bot before it",
        ),
        pytest.param(
            [wrote(0, "bot"), event(w.ChatHandedOff, 1, chat_id="ch"), wrote(9, "manager", "m-1")],
            [],
            id="a hand-off never starts a wait",
        ),
        pytest.param(
            [
                wrote(0, "client"),
                wrote(1, "manager", "m-1"),
                wrote(5, "client"),
                event(w.ChatClosed, 9, chat_id="ch"),
                wrote(8, "client"),
                wrote(12, "manager", "m-2"),
            ],
            [
                ("d", "chat", "m-1", 1, 1),
                ("d", "chat", "m-1", 9, 1),
                ("d", "chat", "m-2", 12, 1),
                ("r", "chat", "first", "m-1", 1, S),
                ("r", "chat", "first", "m-2", 12, 3 * S),
            ],
            id="closed while waiting: due of the last writer; then first again, not before the closing",
        ),
        pytest.param(
            [wrote(0, "client", id="x"), event(w.ChatClosed, 3, chat_id="ch"), wrote(0, "client", id="x")],
            [("d", "chat", "unknown", 3, 1)],
            id="a repeated message starts nothing",
        ),
    ],
)
def test_chats(events: list[Any], expected: list[Any]) -> None:
    """Chats count in log order."""
    assert adds(told(*events), "r", "d") == expected


def test_leads_stay_as_first_counted() -> None:
    """Opened by the first snapshot folded, warmed once, stale ones change nothing."""

    def lead(seconds: float, temperature: str) -> Any:
        return event(w.LeadChanged, seconds, lead_id="l", manager_id="m", temperature=temperature, created_at=0)

    snapshots = [lead(10, "cold"), lead(5, "hot"), lead(20, "warm"), lead(30, "cold"), lead(40, "hot")]
    assert adds(told(*snapshots), "lo", "lw") == [("lo", "cold", "m", 0, 1), ("lw", "m", 20, 1)]


def test_a_repeat_sale_follows_the_earliest_win() -> None:
    """All wins but the smallest (closed_at, id) are repeats; a reopened one no longer counts."""
    wins = [deal(100, 2, "won", 50), deal(100, 1, "won", 50), deal(100, 3, "won", 40)]
    assert [row[2:4] for row in adds(told(*wins), "rd")] == [("m-1", 50), ("m-1", 50)]
    assert [row[3] for row in adds(told(*wins, deal(200, 3, "open")), "rd")] == [50]
    gone = event(w.DealDeleted, 300, deal_id="d-1")
    assert adds(told(*wins, deal(200, 3, "open"), gone), "rd") == []


def test_the_greatest_version_counts_in_any_order() -> None:
    """A stale snapshot and a deletion before the last change do nothing; a reassignment takes all along."""
    last = deal(300, 1, "won", 50, manager_id="m-2", sequence="3")
    others = [deal(400, 1, "lost", 60, sequence="2"), event(w.DealDeleted, 500, deal_id="d-1", sequence="1")]
    expected = [("dc", "p", "m-2", 0, 1), ("dx", "p", "won", "m-2", 50, 1)]
    assert adds(told(*others, last), "dc", "dx") == adds(told(last, *others), "dc", "dx") == expected


def test_what_a_client_owes_and_whether_it_is_ready() -> None:
    """Payments may come before their invoice; refunds have ids of their own; a client is ready once per owner."""

    def paid(kind: type[Any], amount: str) -> Any:
        return event(kind, 1, payment_id="p", manager_id="m", amount=amount, currency="RUB", invoice_id="i")

    invoice = event(
        w.InvoiceChanged,
        2,
        invoice_id="i",
        manager_id="m",
        amount="10",
        currency="RUB",
        status="issued",
        issued_at=0,
        due_at=DAY,
    )
    ready = [deal(5, n, "open", probability=0.7, team_id=f"t-{n}") for n in (1, 2)]
    partition = told(paid(w.PaymentReceived, "7.5"), paid(w.PaymentRefunded, "0.5"), invoice, *ready)
    things = {one.code: one for one in partition.open_things()}
    assert things["rc"].against == (("RUB", FIRST_DAY, -5000), ("RUB", FIRST_DAY, 75000))
    assert [one.team for one in partition.open_things() if one.code == "cr"] == ["t-2"]


def test_forgotten_after_800_days() -> None:
    """Known until all that an entity counts in is past 800 days, what touches leads 31 days longer; then it is new."""
    rating = {"rating_id": "x", "manager_id": "m", "score": 5}
    meeting = {"meeting_id": "x", "manager_id": "m"}
    for kind, data, kept in ((w.RatingGiven, rating, 800), (w.MeetingHeld, meeting, 831)):
        late = event(kind, 5, **data, sequence="1")
        for days, left in ((kept, 1), (kept + 1, 0)):
            clock = event(w.MeetingHeld, days * DAY, meeting_id="clock", manager_id="m")
            partition = told(event(kind, 0, **data, sequence="2"), clock, late)
            assert partition.outcomes["stale"] == left


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-10-23 17:00", "2026-10-26 10:00", 6 * 3600),
        ("2026-11-04 00:00", "2026-11-05 00:00", 0),
        ("2026-11-07 00:00", "2026-11-08 00:00", 5 * 3600),
        ("2026-10-25 00:00", "2026-10-26 00:00", 4 * 3600),
        ("2026-11-02 12:00", "2026-11-02 11:00", 0),
    ],
)
def test_working_time(start: str, end: str, seconds: int) -> None:
    """Holidays, extra days, and an interval over the end of summer time, which is an hour longer."""
    zone = ZoneInfo("Europe/Berlin")
    content = {
        "hours": {day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")} | {"sun": ["01:00-04:00"]},
        "holidays": ["2026-11-04"],
        "days": {"2026-11-07": ["10:00-15:00"]},
    }
    calendar = of(content, zone)
    from_, until = (moment(datetime.fromisoformat(text).replace(tzinfo=zone)) for text in (start, end))
    assert calendar.working_us(from_, until) == seconds * S


def test_a_teams_hours_replace_and_its_holidays_and_days_add() -> None:
    """A team that states only hours keeps the company's holidays and days; what it states of these comes on top."""
    content: dict[str, Any] = {"holidays": ["2026-11-04"], "days": {"2026-11-07": ["10:00-15:00"]}}
    own = {"hours": {"wed": ["20:00-24:00"]}, "holidays": ["2026-11-11"], "days": {"2026-11-08": ["12:00-13:00"]}}
    calendar = of(content | {"teams": {"night": own}}, ZoneInfo("UTC"))
    days = [date(2026, 11, day) for day in (4, 7, 8, 11, 12, 18)]
    assert [calendar.is_working_day(day, "night") for day in days] == [False, True, True, False, False, True]
    assert [calendar.is_working_day(day) for day in days] == [False, True, False, True, True, True]


def _span(window: str, period: str, now: datetime, zone: str = "Europe/Berlin", *, cut: bool = False) -> list[str]:
    rules = PlainRules(ZoneInfo(zone), PlainCalendar(ZoneInfo(zone)))
    found = next(w for w in windows(moment(now), rules, at=cut) if (w.window, w.period) == (window, period))
    return [datetime.fromordinal(day).strftime("%m-%d") for day in (found.first_day, found.last_day)]


@pytest.mark.parametrize(
    ("window", "period", "cut", "days"),
    [
        ("day", "current", False, ["03-31", "03-31"]),
        ("day", "previous", False, ["03-30", "03-30"]),
        ("week", "current", False, ["03-30", "04-05"]),
        ("week", "current", True, ["03-30", "03-31"]),
        ("week", "previous", False, ["03-23", "03-24"]),
        ("month", "current", False, ["03-01", "03-31"]),
        ("month", "previous", False, ["02-01", "02-28"]),
        ("quarter", "previous", False, ["10-01", "12-29"]),
        ("year", "current", True, ["01-01", "03-31"]),
        ("90d", "current", False, ["12-31", "03-30"]),
    ],
)
def test_windows(window: str, period: str, cut: bool, days: list[str]) -> None:
    """Days of each window on Tuesday, 31 March 2026."""
    assert _span(window, period, datetime(2026, 3, 31, 12, 30, tzinfo=UTC), cut=cut) == days


def test_the_same_hour_of_a_day_before_the_clock_changed() -> None:
    """Up to the same local hour, although the day before was an hour shorter."""
    zone = ZoneInfo("Europe/Berlin")
    rules = PlainRules(zone, PlainCalendar(zone))
    now = moment(datetime(2026, 3, 30, 9, 59, tzinfo=zone))
    before = next(w for w in windows(now, rules) if (w.window, w.period) == ("day", "previous"))
    assert before.end == moment(datetime(2026, 3, 29, 8, tzinfo=UTC))
    assert Fraction(before.end - moment(datetime(2026, 3, 29, tzinfo=zone)), 3600 * S) == 9
