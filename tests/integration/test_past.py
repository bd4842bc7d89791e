"""The past in a real Prometheus: what promtool made blocks of is what history tells, also where a day has changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx
import pytest

from deploy.past.fill import PastDatabase
from deploy.stack.ports import free_port
from deploy.stack.prometheus import PastPrometheus
from grafana.dashboards.dynamics import dashboard
from grafana.dynamics import BEFORE, YEAR_AGO
from grafana.look import Look
from metrics.exporter.board import Board
from metrics.exporter.http import api
from metrics.exporter.kpi import history
from metrics.kpi import Level
from metrics.measure import key
from metrics.view import Field
from metrics.windows import last_second
from tests.support.monitoring import ROOT
from tests.support.pasts import board_with_past

pytestmark = pytest.mark.integration

TODAY = date(2026, 4, 20)
NOW = datetime(2026, 4, 20, 9, tzinfo=UTC).timestamp()
FIRST = TODAY - timedelta(days=90)
LATE = date(2026, 2, 17)
"""Of another month and quarter than today, and of the block before today's."""


@contextmanager
def serving(past: PastDatabase, folder: Path) -> Iterator[str]:
    server = PastPrometheus(past.data, port=free_port(), generated=ROOT / "deploy", log=folder / "log")
    server.start_process()
    try:
        server.wait_until(lambda: server.ready, timeout=60)
        yield server.url
    finally:
        server.stop()


def told(board: Board, kpi: str, level: Level) -> dict[tuple[str, ...], dict[str, float]]:
    """Label values → last day of a complete day → value, by the history API."""
    asked = history.question(kpi, None, level, "", "day")
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for point in history.History(board).points(asked, history.span(asked, FIRST, TODAY, TODAY), NOW):
        for one in point["values"] if point["complete"] else ():
            found.setdefault(tuple(one["labels"].values()), {})[point["to"]] = one["value"]
    return found


def shown(url: str, board: Board, kpi: str, level: Level) -> dict[tuple[str, ...], dict[str, float]]:
    """The same by `query_range`, a step a day."""
    query = {
        "query": f'{level}:{kpi}{{window="day",period="current"}}', "step": "86400",
        "start": str(last_second(FIRST, board.zone) + 3600), "end": str(last_second(TODAY, board.zone) - 79200),
    }  # fmt: skip
    answer = httpx.get(f"{url}/api/v1/query_range", params=query, timeout=30).raise_for_status().json()
    asked = history.question(kpi, None, level, "", "day")
    return {
        tuple(one["metric"][name] for name in asked.labels): {
            board.local(second - 7200).date().isoformat(): float(value) for second, value in one["values"]
        }
        for one in answer["data"]["result"]
    }


def until(settled: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Board]]:
    """A Prometheus with ninety days of the past, and the board that they are of."""
    folder, board = tmp_path_factory.mktemp("past"), board_with_past(TODAY, 90)
    past = PastDatabase(folder / "past")
    assert past.fill(board, NOW).days == 90
    assert past.fill(board, NOW) == (0, 0), "what has not changed is not filled again"
    with serving(past, folder) as url:
        yield url, board


@pytest.mark.parametrize(
    ("kpi", "level"),
    [("sales_calls:sum", Level.MANAGER), ("sales_win:ratio", Level.TEAM), ("sales_won_amount:sum", Level.COMPANY)],
)
def test_query_range_is_history(served: tuple[str, Board], kpi: str, level: Level) -> None:
    """A sample a day over a change of daylight saving, at every level."""
    url, board = served
    assert shown(url, board, kpi, level) == told(board, kpi, level) != {}


DYNAMICS = dashboard(Look(timezone="Europe/Berlin"))
WHOLE_DAYS = (TODAY - timedelta(days=9)).isoformat()
"""Until then the API, too, says what was at a moment from whole days; later from hours, which are not here."""
CHANGES = {f"Change against the {window} before": window for window in ("day", "week", "month")}
PLACES = {"By day": "day", "By week": "week", "By month": "month", "Teams by week": "week", "Teams by month": "month"}


def titled(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def points(url: str, expr: str, board: Board) -> dict[tuple[str, ...], dict[str, float]]:
    """As Grafana asks: a step a day, from midnight on by the clock of today. By local date, an hour after it."""
    midnight = last_second(TODAY, board.zone) + 1
    query = {"query": expr, "step": "86400", "start": str(midnight - 91 * 86400), "end": str(midnight)}
    answer = httpx.post(f"{url}/api/v1/query_range", data=query, timeout=30).json()
    assert answer["status"] == "success", answer
    return {
        tuple(one["metric"].get(name, "") for name in ("team", "channel", "outcome")): {
            board.local(second + 7200).date().isoformat(): float(value) for second, value in one["values"]
        }
        for one in answer["data"]["result"]
    }


@pytest.mark.parametrize("kpi", ["sales_calls:sum", "sales_deal_duration_seconds:p50"])
@pytest.mark.parametrize("panel", [one for one in DYNAMICS["panels"] if one["title"] in PLACES], ids=titled)
def test_dynamics_shows_history(served: tuple[str, Board], panel: dict[str, Any], kpi: str) -> None:
    """Each point under the date of the last day of its period, beside that of the period before; of one query alone."""
    url, board = served
    step, level = PLACES[panel["title"]], Level.TEAM if panel["title"].startswith("Teams") else Level.COMPANY
    asked = history.question(kpi, None, level, "", step)
    found: dict[tuple[str, ...], dict[str, float]] = {}
    ends: list[str] = []
    for point in history.History(board).points(asked, history.span(asked, FIRST, TODAY, TODAY), NOW):
        if point["complete"]:
            ends.append(point["to"])
            for one in point["values"]:
                labels = tuple(one["labels"].get(name, "") for name in ("team", "channel", "outcome"))
                value = one["value"] / (86400 if kpi.startswith("sales_deal_duration") else 1)
                found.setdefault(labels, {})[point["to"]] = value
    drawn = [
        (target["legendFormat"], answer)
        for target in panel["targets"]
        if (answer := points(url, target["expr"].replace("$kpi", kpi), board))
    ]
    assert [answer for legend, answer in drawn if not legend.endswith((BEFORE, YEAR_AGO))] == [found]
    if level is Level.COMPANY:
        (earlier,) = [answer for legend, answer in drawn if legend.endswith(BEFORE)]
        moved = {
            labels: {end: mine[before] for before, end in pairwise(ends) if before in mine}
            for labels, mine in found.items()
        }
        told_earlier = {
            labels: {end: value for end, value in mine.items() if end in ends[1:]} for labels, mine in earlier.items()
        }
        assert told_earlier == moved


@pytest.mark.parametrize("kpi", ["sales_calls:sum", "sales_win:ratio", "sales_response_seconds:p90"])
@pytest.mark.parametrize("panel", [one for one in DYNAMICS["panels"] if one["title"] in CHANGES], ids=titled)
def test_dynamics_shows_what_the_api_calls_the_trend(
    served: tuple[str, Board], panel: dict[str, Any], kpi: str
) -> None:
    """At the end of each period: current ÷ previous − 1, of shares the difference."""
    url, board = served
    window = CHANGES[panel["title"]]
    asked = history.question(kpi, None, Level.COMPANY, "", window)
    wanted: dict[tuple[str, ...], dict[str, float]] = {}
    for point in history.History(board).points(asked, history.span(asked, FIRST, TODAY, TODAY), NOW):
        if not point["complete"] or point["to"] > WHOLE_DAYS:
            continue
        at = last_second(date.fromisoformat(point["to"]), board.zone)
        told = api.kpis(api.LiveNumbers(board, NOW, at, window), Level.COMPANY, window, "current")
        for one in next(told_of for told_of in told if told_of["id"] == kpi)["values"]:
            if one["trend"] is not None:
                labels = tuple(one["labels"].get(name, "") for name in ("team", "channel", "outcome"))
                wanted.setdefault(labels, {})[point["to"]] = one["trend"]
    drawn = [points(url, target["expr"].replace("$kpi", kpi), board) for target in panel["targets"]]
    (drawn_by,) = [one for one in drawn if one]
    found = {labels: {day: one for day, one in mine.items() if day <= WHOLE_DAYS} for labels, mine in drawn_by.items()}
    assert wanted
    assert found == {labels: pytest.approx(values) for labels, values in wanted.items()}


def test_a_block_that_is_lost_is_made_again(tmp_path: Path) -> None:
    """Also where nothing has changed since: what is noted is held against what is there."""
    board, past = board_with_past(TODAY, 5), PastDatabase(tmp_path)
    assert past.fill(board, NOW).blocks == 1
    for meta in past.data.glob("*/meta.json"):
        rmtree(meta.parent)
    assert past.fill(board, NOW).blocks == 1
    assert len(list(past.data.glob("*/meta.json"))) == 1


@pytest.mark.slow
def test_a_changed_day_is_never_there_twice_or_half(tmp_path: Path) -> None:
    """While changed blocks take the place of others, each answer is the old one or the new one, of every series."""
    board, past = board_with_past(TODAY, 90), PastDatabase(tmp_path / "past")
    past.fill(board, NOW)
    kpi, level = "sales_calls:sum", Level.TEAM
    before = told(board, kpi, level)
    with serving(past, tmp_path) as url:
        assert shown(url, board, kpi, level) == before
        board.put(("d", LATE.toordinal()), {Field(3, "m-2", "south"): {key("c", "inbound", "answered"): 1000}})
        after = told(board, kpi, level)
        assert past.fill(board, NOW).blocks == 2
        answers = []

        def look() -> bool:
            answers.append(shown(url, board, kpi, level))
            return answers[-1] == after

        until(look, 150)
        assert all(answer in (before, after) for answer in answers)
        assert before in answers, "it was looked at while the old blocks were there"
        until(lambda: len(list(past.data.glob("*/meta.json"))) == 2, 150)
        assert shown(url, board, kpi, level) == after
