"""The past for Prometheus, as text: what it says of each day is what history and the API say, to the digit."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from metrics.catalogue import KPIS
from metrics.exporter import api, history
from metrics.exporter.board import Board
from metrics.exporter.runs import oldest
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.kpi import Kpi, Level, Quantile
from metrics.past import openmetrics, values
from metrics.windows import last_second, period_end, period_start
from tests.support.boards import board
from tests.support.pasts import board_with_past

TODAY = date(2026, 4, 20)
NOW = datetime(2026, 4, 20, 9, tzinfo=UTC).timestamp()
SINCE = oldest(TODAY)
YESTERDAY = TODAY - timedelta(days=1)
FIRST = date(2026, 3, 28)
"""Daylight saving begins on March 29th, and a quarter ends on the 31st."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], dict[float, float]]


def written(shown: Board, first: date, last: date = YESTERDAY) -> Samples:
    """Name and labels of a series → Unix second → value, as a strict reader of OpenMetrics sees them."""
    text = "".join(openmetrics.document(shown, values.ends(first, last, SINCE), SINCE, NOW))
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        for sample in family.samples:
            mine = found.setdefault((sample.name, frozenset(sample.labels.items())), {})
            assert float(sample.timestamp) not in mine
            mine[float(sample.timestamp)] = sample.value
    return found


@pytest.fixture(scope="module")
def shown() -> Board:
    return board_with_past(TODAY, 500)


@pytest.fixture(scope="module")
def samples(shown: Board) -> Samples:
    return written(shown, FIRST)


def named(
    kpi: Kpi, level: Level, labels: dict[str, str], window: str, period: str
) -> tuple[str, frozenset[tuple[str, str]]]:
    found = labels | {"window": window} | ({} if kpi.is_planned else {"period": period})
    if isinstance(kpi.formula, Quantile) and not kpi.is_recorded(level):
        return kpi.formula.family.name, frozenset((found | {"quantile": f"{kpi.formula.q:g}"}).items())
    return kpi.record(level), frozenset(found.items())


def test_at_the_end_of_a_period_it_is_history(shown: Board, samples: Samples) -> None:
    """Every KPI, level and step, and no series besides; what history does not know has no sample either."""
    told: dict[tuple[Any, int], float] = {}
    ends: set[tuple[str, int]] = set()
    answers = history.History(shown)
    for step in CALENDAR_WINDOWS:
        since = period_start(step, FIRST)
        if period_end(step, since) > TODAY:
            continue
        for kpi, level in product([kpi for kpi in values.RECORDED if step in kpi.windows], Level):
            asked = history.question(kpi.id, None, level, "", step)
            for point in answers.points(asked, history.span(asked, since, YESTERDAY, TODAY), NOW):
                if point["complete"]:
                    second = last_second(date.fromisoformat(point["to"]), shown.zone)
                    ends.add((step, second))
                    said = [
                        (named(kpi, level, one["labels"], step, PERIODS[0]), one["value"]) for one in point["values"]
                    ]
                    told |= {(key, second): value for key, value in said}
    found = {
        (key, second): value
        for key, mine in samples.items()
        for second, value in mine.items()
        if (dict(key[1])["window"], second) in ends and dict(key[1]).get("period") != PERIODS[1]
    }
    assert found == told
    assert {step for step, _ in ends} >= {"day", "week", "month", "quarter"}


@pytest.mark.parametrize("day", [FIRST, date(2026, 3, 31), date(2026, 4, 1)])
def test_within_a_period_it_is_what_the_api_said_at_its_end(shown: Board, samples: Samples, day: date) -> None:
    """Both periods: the previous one is cut after the same day."""
    second = last_second(day, shown.zone)
    for window in CALENDAR_WINDOWS:
        numbers = api.Numbers(shown, NOW, second, window)
        for level in Level:
            for period in PERIODS:
                for row in api.kpis(numbers, level, window, period):
                    kpi = next(one for one in KPIS if one.id == row["id"])
                    if kpi.is_planned:
                        continue
                    for one in row["values"]:
                        mine = samples.get(named(kpi, level, one["labels"], window, period), {})
                        assert mine.get(second, 0.0) == one["value"], (kpi.id, level, window, period)


def test_a_sample_a_day(samples: Samples) -> None:
    """At 23:59:59 of the wall clock, also where that is another hour of the world's."""
    calls = samples["company:sales_calls:sum", frozenset({("window", "year"), ("period", "current")})]
    days = [FIRST + timedelta(days=n) for n in range((YESTERDAY - FIRST).days + 1)]
    assert sorted(calls) == [last_second(day, board(timezone="Europe/Berlin").zone) for day in days]
    gaps = {later - earlier for earlier, later in zip(sorted(calls), sorted(calls)[1:], strict=False)}
    assert gaps == {86400, 82800}


def test_what_is_not_held_as_a_whole_is_not_told() -> None:
    """Two days after the first one that is held its year, quarter and month are cut: days and whole weeks are told."""
    shown = board_with_past(TODAY, 805)
    first = SINCE + timedelta(days=2)
    windows = {dict(labels)["window"] for _, labels in written(shown, first, first)}
    assert windows == {window for window in CALENDAR_WINDOWS if period_start(window, first) >= SINCE}
    assert "year" not in windows


def test_many_kpis_are_worked_out_in_several_walks(
    shown: Board, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held at once is bounded, and the text the same."""
    monkeypatch.setattr(values, "_MOST_VALUES", 1)
    assert len(list(values.bundles(shown, 1))) > 40
    second = last_second(FIRST, shown.zone)
    expected = {key: {at: v for at, v in mine.items() if at == second} for key, mine in samples.items()}
    assert written(shown, FIRST, FIRST) == {key: mine for key, mine in expected.items() if mine}


def test_nothing_is_held() -> None:
    """Neither of an empty board nor of one that began today is there a past."""
    assert values.held(board(), NOW) is None
    assert values.held(board_with_past(TODAY, 0), NOW) is None
