"""Whom to call: what the wall's list says is what the gauges count, and of each the working time left."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.exporter.held.unanswered import MICRO
from metrics.exporter.http import api
from metrics.exporter.kpi.call_list import call_list
from metrics.kpi import Level
from metrics.view import LEAD, MISS, TALK, Unanswered
from tests.support.boards import MANAGERS, TEAMS, board, manager

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()  # a Wednesday
TARGETS = {MISS: 1200.0, LEAD: 300.0}
HOUR, DAY = 3600, 86_400

rows = st.lists(
    st.builds(
        lambda kind, who, team, ago: Unanswered(kind, "c", f"{kind}{ago}", who, team, int((NOW - ago) * MICRO)),
        st.sampled_from([MISS, LEAD]),
        st.sampled_from(MANAGERS),
        st.sampled_from(TEAMS),
        st.one_of(st.integers(0, 1500), st.integers(0, 40 * DAY)),
    ),
    max_size=70,
    unique=True,
)


def listed(kind: str, ago: float, who: str = "m-1", team: str = "", client: str = "c") -> Unanswered:
    return Unanswered(kind, client, f"{kind}-{ago}", who, team, int((NOW - ago) * MICRO))


def everybody(manager: str, team: str) -> bool:
    return True


@given(rows, rows)
def test_the_list_says_what_is_counted(here, there):
    """As many are open as the gauges say; late are those with less than no time left; first comes the first target."""
    shown = board()
    shown.put_reference({"a": manager("m-1", "north")})
    shown.put_unanswered(0, here)
    shown.put_unanswered(1, there)
    found = call_list(shown, NOW, everybody)
    numbers = api.LiveNumbers(shown, NOW)
    counted = {row["id"]: row["values"] for row in api.kpis(numbers, Level.COMPANY, "day", "current")}
    for kind, kpi in ((MISS, "sales_unreturned_clients:sum"), (LEAD, "sales_untouched_leads:sum")):
        mine = found[kind]
        assert mine["open"] == sum(value["value"] for value in counted[kpi])
        assert len(mine["rows"]) == min(50, mine["open"])
        lefts = [row["left"] for row in mine["rows"]]
        assert lefts == sorted(lefts)
        if mine["open"] <= 50:
            assert mine["late"] == sum(left < 0 for left in lefts)
        assert mine["unsure"] == 0
        assert mine["target"] == TARGETS[kind]


@pytest.mark.parametrize(
    ("hour", "ago", "left", "working"),
    [(12, 60, 1140, True), (8, HOUR, 1200, False), (9.25, HOUR, 300, True), (18.5, HOUR, -600, False)],
    ids=["in hours", "before hours", "since before hours", "after hours"],
)
def test_working_time_left(hour, ago, left, working):
    """By the hours from 9 to 18: it runs in them alone."""
    shown, now = board(), datetime(2026, 11, 18, tzinfo=UTC).timestamp() + hour * HOUR
    shown.put_unanswered(0, [Unanswered(MISS, "c", "1", "m", "", int((now - ago) * MICRO))])
    (row,) = call_list(shown, now, everybody)[MISS]["rows"]
    assert (row["left"], row["working"]) == (left, working)


def test_what_is_not_known_is_not_late():
    """Of a partition whose owner is out of contact nobody is said to be late; all are shown, marked."""
    shown = board()
    shown.put_unanswered(0, [listed(MISS, 1500)])
    shown.put_unanswered(1, [listed(MISS, 1600)])
    found = call_list(shown, NOW, everybody, unknown={1})[MISS]
    assert (found["open"], found["late"], found["unsure"]) == (2, 1, 1)
    assert [row["known"] for row in found["rows"]] == [False, True]


def test_whose_wall_and_who_is_in_a_call():
    """A team's wall and a person's show theirs; a lead whose client is in a call is not to be called."""
    shown = board()
    shown.put_reference({"a": manager("m-1", "north", "Anna")})
    shown.put_unanswered(
        0,
        [
            listed(MISS, 10),
            listed(MISS, 20, "m-2", "south"),
            listed(LEAD, 30, "m-2", "south", "talks"),
            listed(TALK, 5, "m-3", "", "talks"),
        ],
    )
    for level, name, wanted in (
        (Level.COMPANY, "", ["miss-20", "miss-10"]),
        (Level.TEAM, "north", ["miss-10"]),
        (Level.TEAM, "south", ["miss-20"]),
        (Level.MANAGER, "m-1", ["miss-10"]),
    ):
        answer = api.live(shown, NOW, level, name, "day")["unanswered"]
        assert [row["entity"] for row in answer[MISS]["rows"]] == wanted
        assert answer[LEAD]["open"] == 0
    (row,) = api.live(shown, NOW, Level.MANAGER, "m-1", "day")["unanswered"][MISS]["rows"]
    assert (row["name"], row["team"], row["client"]) == ("Anna", "north", "c")
