"""The past for Prometheus, as text: what it says of each day is what history and the API say, to the digit."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as exposition

from metrics.catalogue import KPIS
from metrics.exporter.board import Board
from metrics.exporter.http import api
from metrics.exporter.kpi import history
from metrics.exporter.kpi.runs import oldest
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.kpi import Kpi, Level, Quantile
from metrics.measure import key
from metrics.other import FREE
from metrics.past import openmetrics, values
from metrics.past.names import names
from metrics.view import Field
from metrics.windows import last_second, period_end, period_start
from streams.plain.series import PlainSeries, series
from tests.support.boards import board
from tests.support.pasts import board_with_past
from tests.support.recorded import expected

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
    return kpi.kept_as(level), frozenset(found.items())


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
        numbers = api.LiveNumbers(shown, NOW, second, window)
        for level in Level:
            for period in PERIODS:
                for row in api.kpis(numbers, level, window, period):
                    kpi = next(one for one in KPIS if one.id == row["id"])
                    if kpi.is_planned:
                        continue
                    for one in row["values"]:
                        mine = samples.get(named(kpi, level, one["labels"], window, period), {})
                        assert mine.get(second, 0.0) == one["value"], (kpi.id, level, window, period)


@pytest.mark.parametrize("limit", [1, 2, 3, 2000])
def test_whoever_has_no_name_on_metrics_has_none_here(limit: int) -> None:
    """What the rules make of /metrics as of the end of a day is what is told of it: the rest is one, and no person."""
    # Ten days later whole days are told of all windows, and names are ranked by the same year.
    last = TODAY - timedelta(days=10)
    shown = board_with_past(last, 20, max_managers=limit)
    shown.put(("d", last.toordinal()), {Field(0, "other", "north"): {key("c", "inbound", "answered"): 1}})
    second = last_second(last, shown.zone)
    # The plain numbers take 0 for absent; Prometheus counts those who are shown with it, as money of several days is.
    exposed = {
        series(sample.name, sample.labels): sample.value or ("_amount" in sample.name) * 1e-9
        for family in exposition(b"".join(shown.exposition_at(second, NOW)).decode())
        for sample in family.samples
    }
    # Percentiles are those that people are shown with: teams have theirs from buckets of everybody.
    kept: set[tuple[str, str | None]] = set()
    for kpi in values.RECORDED:
        if isinstance(kpi.formula, Quantile):
            kept.add((kpi.formula.family.name, f"{kpi.formula.q:g}"))
        elif not kpi.is_planned:
            kept |= {(kpi.kept_as(level), None) for level in kpi.levels}

    def is_told(one: PlainSeries, value: float) -> bool:
        labels = dict(one.labels)
        # A made-up sum of seconds without a count is nobody's.
        return abs(value) > 1e-6 and (one.name, labels.get("quantile")) in kept and labels["window"] in CALENDAR_WINDOWS

    written_of = {
        series(name, dict(labels)): mine[second] for (name, labels), mine in written(shown, last, last).items()
    }
    found = {one: value for one, value in written_of.items() if is_told(one, value)}
    told = {one: value for one, value in (exposed | expected(exposed)).items() if is_told(one, value)}
    assert told == pytest.approx(found)
    assert ("other" in {dict(one.labels).get("manager") for one in found}) is (limit < 5)


def test_made_up_names_of_long_ago_get_the_places_that_are_left() -> None:
    """They are no more than on /metrics, displace nobody who is there, and have no plan."""
    shown = board_with_past(YESTERDAY, 20, max_managers=6)
    long_ago = TODAY - timedelta(days=200)
    made_up = {Field(0, f"a-{n}", ""): {key("c", "inbound", "answered"): 9} for n in range(30)}
    shown.put(("d", long_ago.toordinal()), made_up)
    managers, planned = set(), set()
    for name, labels in written(shown, long_ago, long_ago) | written(shown, YESTERDAY):
        managers.add(dict(labels).get("manager"))
        planned |= {dict(labels)["manager"]} if "manager:sales_plan" in name else set()
    assert managers >= {"m-1", "m-2", 'm"3\\', "m-4", "other"}
    assert len(managers - {None, "other"}) == 6
    assert set(FREE).isdisjoint(label for kpi in values.RECORDED for label in kpi.by), "they have no limit here"
    assert planned == {"m-1"}


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
    assert len(list(values.bundles(shown, 1, names(shown, NOW)))) > 40
    second = last_second(FIRST, shown.zone)
    expected = {key: {at: v for at, v in mine.items() if at == second} for key, mine in samples.items()}
    assert written(shown, FIRST, FIRST) == {key: mine for key, mine in expected.items() if mine}


def test_nothing_is_held() -> None:
    """Neither of an empty board nor of one that began today is there a past."""
    assert values.held(board(), NOW) is None
    assert values.held(board_with_past(TODAY, 0), NOW) is None
