"""Sums by hour and by day are those of the cells, whatever came in which order, and agree with the windows."""

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalogue import course
from metrics.exporter.exposition.text import plain_lines
from metrics.measure import key
from metrics.view import Field
from tests.support.boards import board, exposition, manager, plan, rate
from tests.support.collector import course_rows, rows

ZONE = ZoneInfo("Europe/Berlin")
NOW = int(datetime(2026, 10, 29, 15, 30, tzinfo=ZONE).timestamp())
"""Thursday after the clock was put back: the week before has an hour that comes twice."""
HOUR = NOW // 3600 * 3600
TODAY = datetime(2026, 10, 29, tzinfo=ZONE).date()

MEASURES = {
    "calls_taken": key("c", "inbound", "answered"),
    "calls_missed": key("c", "inbound", "abandoned"),
    "chats_answered": key("r", "chat", "first", "3"),
    "deals_won": key("dx", "p", "won"),
    "won_amount": key("wa", "p", "RUB"),
    "revenue_amount": key("rv", "RUB"),
}
OTHERS = (key("c", "outbound", "missed"), key("r", "call", "first", "3"), key("r", "chat", "first", "s"),
          key("r", "chat", "next", "2"), key("dx", "p", "lost"), key("dd", "p", "1"))  # fmt: skip
changes = st.lists(
    st.tuples(
        st.integers(-12 * 24, 0).map(lambda n: HOUR + n * 3600),
        st.sampled_from(["m-1", "m-2"]),
        st.sampled_from(["", "north"]),
        st.dictionaries(st.sampled_from([*MEASURES.values(), *OTHERS]), st.integers(1, 99).map(lambda n: n * 10_000)),
    ),
    max_size=25,
)


def shown(one, family):
    """Labels → value of a family's lines."""
    return dict(course_rows(one, NOW)[family])


@given(changes)
@settings(max_examples=80)
def test_hours_are_added_up_by_local_hour_and_team(todo):
    """Parts are replaced and removed; an unstated team is looked up; the last state counts."""
    one = board(timezone="Europe/Berlin")
    last = {}
    for hour, who, team, part in todo:
        one.put(("h", hour), {Field(0, who, team): part})
        last[hour, who, team] = part
    one.put_reference({"manager:m-1": manager("m-1", "south")})
    hours, week = defaultdict(int), defaultdict(int)
    for (hour, who, team), part in last.items():
        local = datetime.fromtimestamp(hour, ZONE)
        back = (TODAY - local.date()).days
        named = team or {"m-1": "south"}.get(who, "unknown")
        for measure, name in MEASURES.items():
            value = part.get(name, 0) / (10_000 if measure.endswith("amount") else 1)
            if value and back in (0, 7):
                hours[named, measure, "today" if back == 0 else "week_before", f"{local:%H}"] += value
            if value and 1 <= back <= 7:
                week[measure, f"{local.isoweekday()} {local:%a}", f"{local:%H}"] += value
    assert shown(one, course.HOURS) == hours
    assert shown(one, course.WEEK_HOURS) == week


@given(changes)
@settings(max_examples=40)
def test_lines_follow_the_numbers(todo):
    """Whatever was rendered before: what went is gone, what changed is new."""
    one = board(timezone="Europe/Berlin")
    for hour, who, team, part in todo:
        one.put(("h", hour), {Field(0, who, team): part})
        exposition(one, NOW)
    lines = [line for line in exposition(one, NOW).decode().splitlines() if line.startswith("sales_by_")]
    wanted = [
        line
        for family in course.COURSE_FAMILIES
        for line in plain_lines(family, course_rows(one, NOW)[family]).splitlines()
    ]
    assert sorted(lines) == sorted(wanted)


def test_the_hour_that_comes_twice_is_one_line():
    """Two lines of the same labels would cost the whole scrape."""
    twice = [int(datetime(2026, 10, 25, 2, fold=fold, tzinfo=ZONE).timestamp()) for fold in (0, 1)]
    assert twice[0] != twice[1]
    one = board(timezone="Europe/Berlin")
    for hour in twice:
        one.put(("h", hour), {Field(0, "m-1", "north"): {MEASURES["calls_taken"]: 2}})
    assert course_rows(one, NOW)[course.WEEK_HOURS] == [(("calls_taken", "7 Sun", "02"), 4.0)]
    text = exposition(one, NOW).decode()
    assert text.count('sales_by_weekday_hour{measure="calls_taken",weekday="7 Sun",hour="02"} 4.0\n') == 1


def test_the_month_runs_up_to_the_window_of_the_month():
    """Each day adds to the one before, a day without anything too; a late rate mends the past."""
    one = board(timezone="Europe/Berlin")
    for day in (2, 5, 29):
        number = TODAY.replace(day=day).toordinal()
        one.put(("d", number), {Field(0, "m-1", "north"): {key("wa", "p", "USD"): 10_0000, MEASURES["deals_won"]: 1}})
    assert ("team", "north", "won_amount", "2026-10-29") not in shown(one, course.MONTH_TO_DAY)
    one.put_reference({"rate:1": rate("USD", "2026-10-03", "90")})
    found = shown(one, course.MONTH_TO_DAY)
    deals = [found["company", "", "deals_won", f"2026-10-{day:02}"] for day in range(2, 30)]
    assert deals == [1.0] * 3 + [2.0] * 24 + [3.0]
    for of in (("team", "north"), ("company", "")):
        assert found[*of, "won_amount", "2026-10-29"] == 2 * 10 * 90.0
    assert ("company", "", "deals_won", "2026-10-01") not in found
    assert {(team, measure) for level, team, measure, _ in found if level == "team"} == {("north", "won_amount")}
    [won] = [row.block for row in rows(one, NOW) if row.slot == ("month", "current")]
    assert {
        value for family, values in won.items() if family.name == "sales_won_amount" for value in values.values()
    } == {1800.0}


def test_days_are_those_of_the_company():
    """The last 31, whoever it was; what lies before is not shown."""
    one = board(timezone="Europe/Berlin")
    for back, team in ((0, "north"), (0, "south"), (30, "north"), (31, "north")):
        part = {MEASURES["deals_won"]: 1, key("dx", "p", "lost"): 2, MEASURES["won_amount"]: 5_0000}
        one.put(("d", TODAY.toordinal() - back), {Field(0, team, team): part})
    found = shown(one, course.DAYS)
    assert found["deals_won", "2026-10-29"] == 2.0
    assert found["deals_lost", "2026-10-29"] == 4.0
    assert found["won_amount", "2026-09-29"] == 5.0
    assert {day for _, day in found} == {"2026-10-29", "2026-09-29"}


def test_the_plan_of_a_month_is_used_up_by_working_time():
    """0 before the first working day, the whole plan at the end; days off add nothing."""
    one = board(timezone="Europe/Berlin")
    unseen = plan("team:north", "2026-10", "22", "deals_won")
    one.put_reference({"plan:1": plan("team:north", "2026-10", "22", "won_amount"), "plan:2": unseen})
    found = {labels[-1]: value for labels, value in shown(one, course.PLAN_COURSE).items()}
    assert len(found) == 31
    assert found["2026-10-01"] == 1.0
    assert found["2026-10-02"] == found["2026-10-03"] == found["2026-10-04"] == 2.0
    assert found["2026-10-31"] == 22.0


def test_old_buckets_leave():
    """What no wall shows is not held for years."""
    one = board(timezone="Europe/Berlin")
    for n in range(1000):
        one.put(("h", HOUR - n * 3600), {Field(0, "m", ""): {MEASURES["calls_taken"]: 1}})
    assert sum(shown(one, course.HOURS).values()) == 16 + 24
    assert len(one._course._sums["h"]) == 24 * 9


def test_sums_over_teams_and_days_are_exact():
    """Ten cents and twenty are thirty, in any family: what is added up is no float before it is shown."""
    one = board(timezone="Europe/Berlin")
    for back, team, amount in ((0, "n", 1000), (0, "s", 2000), (1, "n", 2000)):
        for kind, bucket in (("d", TODAY.toordinal() - back), ("h", HOUR - back * 86_400)):
            one.put((kind, bucket), {Field(0, "m", team): {MEASURES["won_amount"]: amount}})
    assert dict(course_rows(one, NOW)[course.DAYS])["won_amount", TODAY.isoformat()] == 0.3
    month = dict(course_rows(one, NOW)[course.MONTH_TO_DAY])
    assert month["team", "n", "won_amount", TODAY.isoformat()] == 0.3
    assert month["company", "", "won_amount", TODAY.isoformat()] == 0.5
    [(_, week)] = course_rows(one, NOW)[course.WEEK_HOURS]
    assert week == 0.2
