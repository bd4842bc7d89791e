"""JSON: rows put together by level before dividing give what single managers' rows give after adding up."""

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalogue import KPIS
from metrics.exporter.http import api
from metrics.exporter.kpi.kpis import Evaluation
from metrics.exporter.kpi.levels import people, place
from metrics.family import NINETY_DAYS
from metrics.kpi import Level
from metrics.measure import key
from metrics.measure import parts as names
from metrics.view import Field, Waiting
from metrics.windows import local_day
from tests.support.boards import board, fields, manager, open_parts, parts, plan, rate, waitings
from tests.support.collector import open_rows
from tests.support.collector import rows as rows_of

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
DAY = datetime(2026, 11, 18, tzinfo=UTC).toordinal()


def counted(part):
    """Without sums of values that were not counted: whoever folds a value counts it in the same part."""
    bins = {names(measure)[:-1] for measure in part if names(measure)[-1] != "s"}
    return {name: n for name, n in part.items() if names(name)[-1] != "s" or names(name)[:-1] in bins}


@given(
    st.lists(st.tuples(st.integers(0, 100), fields, parts.map(counted)), max_size=8),
    st.lists(st.tuples(fields, open_parts), max_size=3),
    waitings,
    st.sampled_from(Level),
    st.sampled_from(["day", "month", "year"]),
)
@settings(max_examples=60)
def test_together_first_or_last(days, opened, waiting, level, window):
    """Every KPI of every level: the same from rows of a level as from rows of single credits."""
    shown = board()
    for back, field, part in days:
        shown.put(("d", DAY - back), {field: part})
    for field, part in opened:
        shown.put(("o", 0), {field: part})
    shown.put_waiting(0, waiting)
    records = {"a": manager("m-1", "north"), "b": rate("USD", "2026-10-01", "90.25"), "c": plan("company", "2026", "9")}
    shown.put_reference(records)
    sums = shown.sums(NOW)
    rows = list(rows_of(shown, NOW))
    single = Evaluation(
        level,
        window,
        [
            *(row for row in rows if row.slot == (window, "current")),
            *open_rows(shown, NOW),
            *shown.waiting_rows(NOW),
        ],
        [row for row in rows if row.slot == (NINETY_DAYS, "current")],
        shown.plan_samples(NOW),
        partial(people, shown, sums[window, "current"], place(level)),
        lambda who: shown.reference.team_of(who, ""),
    )
    together = api.LiveNumbers(shown, NOW).evaluation(level, window, "current")
    for kpi in KPIS:
        if not kpi.windows or window in kpi.windows:
            found, wanted = together.of(kpi), single.of(kpi)
            assert found.keys() == wanted.keys(), kpi.id
            assert found == pytest.approx(wanted, abs=1e-6), kpi.id


def test_the_mean_per_salesperson_counts_people_once():
    """A manager with money in two teams is one person of the company, one of each team."""
    shown = board()
    for team, amount in (("n", 10), ("s", 20)):
        shown.put(("d", DAY), {Field(0, "m-1", team): {key("wa", "p", "RUB"): amount * 10_000}})
    shown.put(("d", DAY), {Field(0, "m-2", "n"): {key("wa", "p", "RUB"): 30 * 10_000, key("wa", "p", "USD"): 1}})
    shown.put(("d", DAY), {Field(0, "m-3", "n"): {key("wa", "p", "USD"): 5}})
    kpi = next(kpi for kpi in KPIS if kpi.id == "sales_won_amount:per_manager")
    numbers = api.LiveNumbers(shown, NOW)
    assert numbers.evaluation(Level.COMPANY, "day", "current").of(kpi) == {(): 30.0}
    assert numbers.evaluation(Level.TEAM, "day", "current").of(kpi) == {("n",): 20.0, ("s",): 20.0}


def test_one_team_or_manager_alone():
    """`only` leaves the rest out of KPIs, leaders, plan and waiting."""
    shown = board()
    for name, team, amount in (("m-1", "n", 10), ("m-2", "n", 30), ("m-3", "s", 50)):
        shown.put(("d", DAY), {Field(0, name, team): {key("wa", "p", "RUB"): amount * 10_000}})
    shown.put_waiting(0, [Waiting("chat", "m-3", "s", int(NOW - 5) * 10**6)])
    shown.put_reference({"p": plan("team:n", "2026-11", "80")})
    team = api.live(shown, NOW, Level.TEAM, "n", "day")
    assert [(row["id"], row["won"]) for row in team["leaders"]] == [("m-2", 30.0), ("m-1", 10.0)]
    assert [(row["target"], row["actual"]) for row in team["plan"]] == [(80.0, 40.0)]
    assert team["waiting"] == []
    everybody = api.live(shown, NOW, Level.COMPANY, "", "day")
    assert [row["id"] for row in everybody["leaders"]] == ["m-3", "m-2", "m-1"]
    assert [row["id"] for row in everybody["teams"]] == ["s", "n"]
    assert len(everybody["waiting"]) == 1


def test_as_it_stood():
    """With a moment: calendar windows only, nothing that is so now."""
    shown = board()
    at = NOW - 86_400
    shown.put(("h", int(at) // 3600 * 3600), {Field(0, "m", "n"): {key("c", "inbound", "answered"): 4}})
    shown.put(("o", 0), {Field(0, "m", "n"): {key("cr"): 2}})
    assert local_day(int(at), shown.zone) == DAY - 1
    found = {
        row["id"]: row["values"] for row in api.kpis(api.LiveNumbers(shown, NOW, at), Level.COMPANY, "day", "current")
    }
    assert [row["value"] for row in found["sales_calls:sum"]] == [4.0]
    assert found["sales_clients_ready:sum"] == []
