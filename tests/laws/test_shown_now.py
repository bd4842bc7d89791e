"""The law of what is shown as of now: any events, roster, rates, plans and calendars, at any moment, seen in every way.

Through the real fold and the exporter's board: /metrics, what the exporter says of itself, the JSON API; and through
Prometheus's own tool the recording rules, of some of them.
"""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from metrics.catalogue import service
from metrics.catalogue.course import COURSE_FAMILIES
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.http import api
from metrics.exporter.http.service import own_numbers
from metrics.family import CALENDAR_WINDOWS, PERIODS, SHORT_WINDOWS
from metrics.kpi import Level
from streams.audit import compare, walls
from streams.audit.answers import API, WALL, AuditAnswer, read
from streams.audit.answers import kpis as shown_kpis
from streams.audit.retold import kpis as plain_kpis
from streams.audit.walls import Wall
from streams.plain.kept import kept_from
from streams.plain.kpis import PlainNumbers
from streams.plain.other import together
from streams.plain.series import series
from streams.plain.shown import PlainShown
from tests.laws.mixtures import ANCHORS, KINDS, ZONES, Choices, Json, event
from tests.laws.replay import CALENDAR
from tests.laws.test_streamed import LAW
from tests.support.boards import exposition
from tests.support.floors import Floor
from tests.support.recorded import differences, expected

NEAR = 9
"""Anchors within ten weeks: later ones push everything else out of the windows."""
_MORE_CALENDAR = {
    **CALENDAR,
    "teams": {
        **CALENDAR["teams"],  # type: ignore[dict-item] # a calendar file in parts
        "t-2": {"holidays": ["2026-10-26", "2026-11-02"], "days": {"2026-11-01": ["00:30-03:30"]}},
    },
}
_CALENDARS = ({}, _MORE_CALENDAR)
_TEAMS = ("t-1", "t-2", "t-3")
_DATES = ("2026-01-01", "2026-10-24", "2026-10-25", "2026-10-26", "2026-11-01", "2026-12-01", "2027-01-03")
_PERIODS = ("2026-10", "2026-11", "2026-12", "2026-Q4", "2027-Q1", "2026", "2027")


def near_events(size: int) -> st.SearchStrategy[list[Json]]:
    numbers = st.tuples(
        st.integers(0, len(KINDS) - 1),
        st.integers(0, 5),
        st.integers(0, NEAR - 1),
        st.integers(0, 3000),
        st.integers(0, 2**50),
    )
    return st.lists(numbers, min_size=1, max_size=size).map(lambda rows: [event(*row) for row in rows])


def _reference(number: int, seed: int) -> Json:
    choose = Choices(seed)
    kind = choose.of("manager", "rate", "rate", "rate", "plan", "plan")
    if kind == "manager":
        who = choose.of("m-1", "m-2", "m-3", "m-9")
        data = {"manager_id": who, "name": who, "team_id": choose.of(*_TEAMS), "active": choose.of(True, False)}
    elif kind == "rate":
        # Oftener of the days on which most events are: on them a rate is another one than the day before.
        date = choose.of("2026-01-01", *("2026-10-24", "2026-10-25") * 3, "2026-10-26", "2026-11-01", "2027-01-03")
        value = choose.of("81.25", "0.000000000001", "3", "123456.789", "0.3333")
        data = {"currency": choose.of("USD", "EUR"), "date": date, "rate": value}
    else:
        scope = choose.of("company", "team:t-1", "team:t-2", "manager:m-1", "manager:m-2", "manager:m-9")
        measure = choose.of("won_amount", "revenue_amount", "deals_won", "calls", "meetings")
        data = {
            "scope": scope,
            "measure": measure,
            "period": choose.of(*_PERIODS),
            "target": choose.of("17", "0", "0.5"),
        }
        data |= choose.of({}, {"currency": "USD"}) if measure.endswith("amount") else {}
    type_ = {"manager": "manager.changed", "rate": "rate.set", "plan": "plan.set"}[kind]
    made = {"specversion": "1.0", "id": f"r-{number}", "source": "crm://a", "type": f"sales.{type_}.v1"}
    return {**made, "time": f"2026-10-{1 + number % 28:02}T00:00:00Z", "data": data}


references = st.lists(st.integers(0, 2**40), max_size=14).map(
    lambda seeds: [_reference(number, seed) for number, seed in enumerate(seeds)]
)
_moments = st.tuples(
    st.sampled_from(ANCHORS[:NEAR]), st.integers(-600, 6000), st.sampled_from([0, 1, 59_999_999, 30_500_000])
).map(lambda at: at[0] + timedelta(minutes=at[1], microseconds=at[2]))


def clock(events: list[Json], drawn: datetime) -> float:
    """The moment drawn, but no event is dated more than ten minutes ahead of the clock."""
    latest = max(datetime.fromisoformat(one["time"]) for one in events)
    return max(drawn, latest - timedelta(minutes=10)).timestamp()


LIMITS = st.sampled_from([(2000, 200), (2000, 1), (1, 1), (2, 1), (2, 2), (3, 1)])
"""Managers, and values of other labels, that have names of their own on /metrics."""


def floor_of(
    events: list[Json], records: list[Json], zone: str, calendar: int, partitions: int,
    limits: tuple[int, int] = (2000, 200),
) -> Floor:  # fmt: skip
    return Floor(events, records, zone, "RUB", _CALENDARS[calendar], ("READY",), partitions, *limits)


_COURSE = {family.name for family in COURSE_FAMILIES}


@settings(LAW, max_examples=120)
@given(
    near_events(45), references, st.sampled_from(ZONES), _moments, st.integers(0, 1), st.sampled_from([1, 3]), LIMITS
)
def test_all_that_is_shown_is_plain(
    events: list[Json], references: list[Json], zone: str, now: datetime, calendar: int, partitions: int,
    limits: tuple[int, int],
) -> None:  # fmt: skip
    """/metrics to the last digit, KPIs of the API at all levels, windows and periods, and what cannot be converted."""
    floor, at = floor_of(events, references, zone, calendar, partitions, limits), clock(events, now)
    moment = int(at * 10**6)
    plain = floor.plain(at)
    assert floor.metrics(at) == floor.exposed(plain)
    _service(floor, at, moment)
    numbers, shown = PlainNumbers(plain), api.LiveNumbers(floor.board, at)
    for level in Level:
        for window in (*SHORT_WINDOWS, *CALENDAR_WINDOWS):
            for period in PERIODS:
                told = {"kpis": api.kpis(shown, level, window, period)}
                found = dict(shown_kpis(told, level, window, period))
                answer = AuditAnswer(API, {}, moment, found, asked=(level, window, period))
                assert list(compare.answers(answer, dict(plain_kpis(numbers, level, window, period)))) == []


_MIDNIGHT = datetime.fromisoformat("2026-10-25T00:00:00Z")
_WON_BY_A_STRANGER: Json = {
    "specversion": "1.0",
    "id": "e-0",
    "source": "crm://a",
    "type": "sales.deal.changed.v1",
    "time": "2026-10-25T00:00:00+00:00",
    "data": {
        "deal_id": "d-0",
        "client_id": "cl-0",
        "manager_id": "m-1",
        "team_id": "t-2",
        "amount": "0.0001",
        "currency": "RUB",
        "status": "won",
        "pipeline": "retail",
        "stage": "READY",
        "created_at": "2026-10-24T23:59:55+00:00",
        "closed_at": "2026-10-25T00:00:00+00:00",
    },
}
"""He is in no roster: his own wall shows him as one person, whatever team his deal was credited to."""


@settings(LAW, max_examples=60)
@given(near_events(45), references, st.sampled_from(ZONES), _moments, st.integers(0, 1), st.sampled_from(Level))
@example([_WON_BY_A_STRANGER], [], "UTC", _MIDNIGHT, 0, Level.MANAGER)
def test_walls_show_what_is_plain(
    events: list[Json], references: list[Json], zone: str, now: datetime, calendar: int, level: Level
) -> None:
    """KPIs of every scope, who waits in it, its plan and its leaders."""
    floor, at = floor_of(events, references, zone, calendar, 1), clock(events, now)
    moment = int(at * 10**6)
    told, numbers = PlainShown(moment, floor.rules, floor.reference), PlainNumbers(floor.plain(at))
    things = [one for partition in floor.plain_partitions for one in partition.open_things()]
    names = {Level.COMPANY: ("",), Level.TEAM: ("t-1", "unknown"), Level.MANAGER: ("m-1", "m-2", "unknown")}
    for name in names[level]:
        for window in CALENDAR_WINDOWS:
            wall = Wall(level, name, window)
            found = walls.shown(floor.wall(level, name, window, at), wall)
            answer = AuditAnswer(WALL, {}, moment, found, wall=wall)
            assert list(compare.answers(answer, walls.expected(wall, numbers, things, told, found))) == []


def _service(floor: Floor, at: float, moment: int) -> None:
    plain = PlainShown(moment, floor.rules, floor.reference)
    things, kept = [], {}
    for number, partition in enumerate(floor.plain_partitions):
        plain.add(partition.contributions(), partition=number)
        things += list(partition.open_things())
        kept[number] = kept_from(partition.time, floor.rules)
    own = own_numbers(floor.board, at, ViewFollower(floor.board, Redis(), "test", lambda: at), None)
    found = {
        series(family.name, dict(zip(family.labels, labels, strict=True))): value
        for family in (service.UNCONVERTED, service.WORKING_NOW)
        for labels, value in own[family]
    }
    assert found == {one: float(value) for one, value in plain.service(things, kept).items()}
    text = exposition(floor.board, at).decode()
    found = {one: value for one, value in read(text).items() if one.name in _COURSE and value}
    assert found == {one: float(value) for one, value in plain.course.shown().items() if value}


@settings(LAW, max_examples=12)
@given(near_events(60), references, st.sampled_from(ZONES), _moments, st.integers(0, 1), LIMITS)
def test_rules_record_what_is_plain(
    events: list[Json], references: list[Json], zone: str, now: datetime, calendar: int, limits: tuple[int, int]
) -> None:
    """What Prometheus makes of /metrics by the recording rules: every KPI and trend at every level.

    Of people without a name as of one more, who is no salesperson.
    """
    floor, at = floor_of(events, references, zone, calendar, 1, limits), clock(events, now)
    with tempfile.TemporaryDirectory() as folder:
        wanted = expected(together(floor.plain(at), floor.reference, floor.rules))  # type: ignore[arg-type] # fractions
        assert differences(floor.metrics(at, zeros=True), wanted, Path(folder)) == ""
