"""Working time: several intervals, holidays, extra days, teams, and daylight saving in both directions."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calendar import Calendar, CalendarFile, build, load, parse
from metrics.errors import CalendarError
from streams.plain.calendar import of

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000
FILE = """
hours:
  mon: ["09:00-13:00", "14:00-18:00"]
  tue: ["09:00-18:00"]
  sun: ["00:00-24:00"]
holidays: ["2026-11-24"]
days:
  "2026-11-28": ["10:00-15:00"]
teams:
  night:
    hours: {mon: ["20:00-24:00"]}
"""


def us(*local: int, zone: tzinfo = BERLIN) -> int:
    return int(datetime(*local, tzinfo=zone).timestamp() * 1_000_000)


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return build(parse(FILE), BERLIN)


@pytest.mark.parametrize(
    ("start", "end", "hours", "team"),
    [
        ((2026, 11, 23, 8), (2026, 11, 23, 20), 8, ""),
        ((2026, 11, 23, 12, 30), (2026, 11, 23, 14, 30), 1, ""),
        ((2026, 11, 24), (2026, 11, 25), 0, ""),
        ((2026, 11, 28), (2026, 11, 29), 5, ""),
        ((2026, 11, 23), (2026, 11, 30), 8 + 5 + 24, ""),
        ((2026, 11, 23, 12), (2026, 11, 24), 4, "night"),
        ((2026, 11, 23, 12), (2026, 11, 24), 5, "of nobody"),
        ((2026, 3, 29), (2026, 3, 30), 23, ""),
        ((2026, 10, 25), (2026, 10, 26), 25, ""),
        ((2026, 11, 23, 10), (2026, 11, 23, 10), 0, ""),
        ((2026, 11, 23, 12), (2026, 11, 23, 10), 0, ""),
    ],
)
def test_working_time(calendar: Calendar, start, end, hours, team):
    """Working time between two moments is what a clock on the wall would add up."""
    assert calendar.working_us(us(*start), us(*end), team) == hours * HOUR


@given(
    st.integers(0, 400 * 24 * 60), st.integers(0, 40 * 24 * 60), st.sampled_from(["", "night"]),
)  # fmt: skip
def test_working_time_is_the_sum_of_its_minutes(offset, length, team):
    """For any span: the fast sum equals walking it in hours and counting what is open at each minute's start."""
    calendar = build(parse(FILE), BERLIN)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    begin = int(start.timestamp() * 1_000_000)
    minute = 60_000_000
    walked = sum(calendar.of(team).is_open(begin + i * minute) for i in range(0, length, 30)) * 30 * minute
    exact = calendar.working_us(begin, begin + length * minute, team)
    assert abs(walked - exact) <= 30 * minute * (2 + length // 720)
    middle = begin + length // 2 * minute
    assert exact == calendar.working_us(begin, middle, team) + calendar.working_us(
        middle, begin + length * minute, team
    )


@pytest.mark.parametrize(
    ("zone", "hours", "start", "end", "minutes"),
    [
        ("Europe/Berlin", ["02:00-02:45", "03:00-04:00"], (2026, 3, 29, 1), (2026, 3, 29, 2), 60),
        ("Europe/Berlin", ["02:15-02:45"], (2026, 3, 28), (2026, 3, 30), 0),
        ("Europe/Berlin", ["02:15-03:10"], (2026, 3, 28), (2026, 3, 30), 10),
        ("Europe/Berlin", ["01:30-02:30"], (2026, 3, 28), (2026, 3, 30), 30),
        ("Europe/Berlin", ["02:15-02:45"], (2026, 10, 25), (2026, 10, 26), 30),
        ("Europe/Berlin", ["01:30-03:30"], (2026, 10, 24), (2026, 10, 26), 180),
        ("Africa/Cairo", ["00:10-01:10"], (2026, 4, 1), (2026, 4, 30), 3 * 60 + 10),
        ("Australia/Lord_Howe", ["02:10-02:40"], (2026, 10, 3), (2026, 10, 5), 10),
    ],
)
def test_no_working_time_in_an_hour_that_the_clock_skips(zone, hours, start, end, minutes):
    """It counts once, whoever adds it up; what the clock shows twice begins with the first of the two."""
    content = {"hours": {"fri" if zone == "Africa/Cairo" else "sun": hours}}
    calendar = build(CalendarFile.model_validate(content), ZoneInfo(zone))
    assert calendar.working_us(us(*start, zone=UTC), us(*end, zone=UTC)) == minutes * 60_000_000
    plain = of(content, ZoneInfo(zone))
    assert plain.working_us(us(*start, zone=UTC), us(*end, zone=UTC)) == minutes * 60_000_000


def test_a_teams_hours_replace_and_its_holidays_and_days_add():
    """A team that states only hours keeps the company's holidays and days; what it states of these comes on top."""
    own = 'holidays: ["2026-12-07"], days: {"2026-12-06": ["12:00-13:00"], "2026-11-28": ["10:00-11:00"]}'
    text = FILE + f'  hours: {{hours: {{tue: ["20:00-24:00"]}}}}\n  more: {{{own}}}\n'
    calendar = build(parse(text), BERLIN)

    def hours(team, *days):
        return [calendar.working_us(us(*day), us(*day, 23, 59, 59), team) // HOUR for day in days]

    days = (2026, 11, 24), (2026, 11, 28), (2026, 12, 1), (2026, 12, 6), (2026, 12, 7)
    assert hours("", *days) == [0, 5, 9, 23, 8]
    assert hours("hours", *days) == [0, 5, 3, 0, 0]
    assert hours("more", *days) == [0, 1, 9, 1, 0]


def test_default_is_monday_to_friday_nine_to_six():
    """Without a file the week has 45 working hours."""
    calendar = load(None, BERLIN)
    assert calendar.working_us(us(2026, 11, 23), us(2026, 11, 30)) == 45 * HOUR
    assert not calendar.of().intervals(datetime(2026, 11, 29, tzinfo=BERLIN).date())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hours: {mon: ['9-18']}", ["hours", "'9'", "09:00"]),
        ("hours: {mon: ['18:00-09:00']}", ["hours", "ends before it begins"]),
        ("hours: {mon: ['09:00-13:00', '12:00-14:00']}", ["overlaps"]),
        ("hours: {monday: ['09:00-13:00']}", ["monday", "mon tue"]),
        ("hours: {mon: ['09:00-25:00']}", ["25:00", "24:00"]),
        ("hours: {mon: 9}", ["list of intervals"]),
        ("hours: nine to five", ["days of the week"]),
        ("holidays: [tomorrow]", ["holidays"]),
        ("days: {x: []}", ["days"]),
        ("days: 7", ["dates"]),
        ("teams: {a: {hors: {}}}", ["teams.a.hors"]),
        ("{", ["not YAML"]),
    ],
)
def test_a_wrong_file_names_the_place(text, words):
    """Every mistake in the file is told with its place and what to write."""
    with pytest.raises(CalendarError) as error:
        parse(text, "calendar.yaml")
    for word in (*words, "calendar.yaml"):
        assert word in str(error.value)


def test_a_missing_file_names_the_setting(tmp_path):
    """An unreadable file is told by the setting's name."""
    with pytest.raises(CalendarError, match="SALES_CALENDAR"):
        load(tmp_path / "none.yaml", BERLIN)


def test_the_signature_follows_the_hours(calendar):
    """States that depend on working time notice any change of it."""
    assert calendar.signature == build(parse(FILE), BERLIN).signature
    assert calendar.signature != build(parse(FILE), ZoneInfo("Europe/Moscow")).signature
    assert calendar.signature != build(CalendarFile(), BERLIN).signature
