"""A KPI is added in the catalogue alone: whatever it is made of, walls and rules follow, and no code here knows it."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import grafana
from grafana import dynamics, rules, targets
from grafana.dashboards import people
from grafana.look import Look
from grafana.shown import decimals, tile, unit
from grafana.tables import measured
from metrics.catalogue import KPIS, activities, deals, now, plan
from metrics.catalogue.rows import durations, of_now, windowed
from metrics.catalogue.values import values
from metrics.kpi import Aim, Kpi, Level, Minus, Plan, Ratio, Sum

LOOK = Look()
_QUICK = Ratio(Sum(deals.REPEAT_DEALS), Sum(deals.CLOSED))
_LEFT = Minus(Plan(plan.TARGET, "calls"), Sum(activities.CALLS))


def _calls(operation: str, *by: str) -> Kpi:
    return windowed(1, "sales_calls", operation, f"Calls: {operation}", "x", "x.", Sum(activities.CALLS), by=by)


DIRECTED, OUTCOMES = _calls("by_direction", "direction"), _calls("by_outcome", "direction", "outcome")
QUICKLY = windowed(12, "sales_quick", "ratio", "Won quickly", "x", "x.", _QUICK, "percentunit")
PROMISED = windowed(2, "sales_kept", "ratio", "Kept", "x", "x.", _QUICK, "percentunit", aim=Aim.IN_TIME)
_READY = Ratio(Sum(now.CLIENTS_READY), Sum(now.OPEN_DEALS))
READY_SHARE = of_now(2, "sales_ready", "per_deal", "Ready per deal", "x", "x.", _READY, "short")
SHORT_OF = Kpi(
    15, "sales_plan_calls", "half_left", "Half of the calls", "x", "x.", _LEFT, "short", plan.PLAN_WINDOWS, trend=False
)
SLOWLY = durations(deals.DURATION, 12, "sales_slow", "Slow deals", "x", (), (0.95,), days=True)
MADE_UP = (DIRECTED, QUICKLY, READY_SHARE, SHORT_OF, OUTCOMES, *SLOWLY, PROMISED)


@pytest.mark.parametrize("kpi", MADE_UP, ids=lambda kpi: kpi.id)
def test_rules_rows_and_the_choice_of_dynamics_follow(kpi: Kpi, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a rule at each level, a row for each value of its labels on *Team* and *Manager*, and can be chosen."""
    everything = (*KPIS, kpi)
    for module in (people, rules):
        monkeypatch.setattr(module, "KPIS", everything)
    recorded = {rule["record"] for groups in rules.groups().values() for group in groups for rule in group["rules"]}
    assert {kpi.record(level) for level in Level if kpi.is_recorded(level)} <= recorded
    rows = list(measured([kpi]))
    assert len({row.name for row in rows}) == len(rows)
    for made in (people.team(LOOK), people.manager(LOOK)):
        text = json.dumps(made, ensure_ascii=False)
        for row in rows:
            assert f'\\"{row.name}\\"' in text
    monkeypatch.setattr(dynamics, "CHOSEN", (*dynamics.CHOSEN, *([kpi] if "day" in kpi.windows else [])))
    chosen = json.dumps(dynamics.choice(), default=lambda one: one.to_json_data())
    assert (kpi.id in chosen) == ("day" in kpi.windows)
    assert tile(kpi, Level.COMPANY, LOOK)


def test_a_share_of_the_deals_durations_number_is_no_number_of_days() -> None:
    assert unit(QUICKLY, LOOK) == "percentunit"
    assert {unit(one, LOOK) for one in SLOWLY} == {"suffix:days"}


def test_only_who_waits_is_recorded_every_few_seconds() -> None:
    """By where its numbers come from, not by the number of the KPI."""
    assert [pace for _, pace in rules.paced(READY_SHARE, Level.COMPANY)] == [rules.CALM]
    waiting = next(kpi for kpi in KPIS if kpi.id == "sales_untouched_leads:sum")
    assert [pace for _, pace in rules.paced(replace(waiting, number=5), Level.COMPANY)] == [rules.NOW]


def test_what_is_left_of_a_plan_is_over_beyond_it() -> None:
    assert SHORT_OF.is_left
    assert next(measured([SHORT_OF])).over == "Half of the calls: over plan"
    assert [kpi.id.split(":")[1] for kpi in KPIS if kpi.is_left] == ["left"] * len(plan.SUBJECTS)
    assert [kpi.id.split(":")[1] for kpi in KPIS if kpi.is_needed] == ["needed_per_day"] * len(plan.SUBJECTS)


def test_an_aim_gives_colours_and_a_target() -> None:
    assert targets.steps(PROMISED, LOOK) == targets.IN_TIME
    assert targets.target(PROMISED, LOOK) == targets.GOAL
    assert targets.target(QUICKLY, LOOK) is None
    for aim in Aim:
        assert targets.steps(replace(QUICKLY, aim=aim), LOOK, "call")


def test_a_mean_of_a_small_number_has_two_digits() -> None:
    assert decimals(READY_SHARE) == 2


def test_a_label_that_anybody_may_add_values_to_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="sales_deals_created:x keeps 'pipeline'"):
        values(replace(DIRECTED, metric="sales_deals_created", operation="x", formula=Sum(deals.CREATED)), "pipeline")


_NAMES = {"title", "title_ru", "number", "metric", "operation", "id"}


def _asked(node: ast.AST) -> bool:
    """Whether code asks which KPI it has, by what that is called."""
    match node:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            named = any(isinstance(one, ast.Attribute) and one.attr in _NAMES for one in sides)
            return named and any(isinstance(one, ast.Constant | ast.List | ast.Tuple | ast.Set) for one in sides)
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=name), attr=asks)):
            return name in _NAMES and asks in {"startswith", "endswith", "removesuffix", "removeprefix", "replace"}
    return False


def test_nothing_is_decided_by_what_a_kpi_is_called() -> None:
    """A title says what to call it, a number where it is defined; what follows from it is a property of its own."""
    folder = Path(grafana.__file__).parent
    asked = [
        f"{file.relative_to(folder)}:{node.lineno}"
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.expr) and _asked(node)
    ]
    assert asked == []
