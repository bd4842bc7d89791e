"""The past in a real Prometheus: what promtool made blocks of is what history tells, also where a day has changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.past.fill import Past
from deploy.stack.ports import free_port
from deploy.stack.prometheus import PastPrometheus
from metrics.exporter import history
from metrics.exporter.board import Board
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
def serving(past: Past, folder: Path) -> Iterator[str]:
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


def test_query_range_is_history(tmp_path: Path) -> None:
    """A sample a day over a change of daylight saving, at every level; what began again fills nothing twice."""
    board, past = board_with_past(TODAY, 90), Past(tmp_path / "past")
    assert past.fill(board, NOW).days == 90
    assert past.fill(board, NOW) == (0, 0)
    with serving(past, tmp_path) as url:
        for kpi, level in (("sales_calls:sum", Level.MANAGER), ("sales_win:ratio", Level.TEAM)):
            assert shown(url, board, kpi, level) == told(board, kpi, level) != {}
        booked = "sales_won_amount:sum"
        assert shown(url, board, booked, Level.COMPANY) == told(board, booked, Level.COMPANY) != {}


@pytest.mark.slow
def test_a_changed_day_is_never_there_twice_or_half(tmp_path: Path) -> None:
    """While changed blocks take the place of others, each answer is the old one or the new one, of every series."""
    board, past = board_with_past(TODAY, 90), Past(tmp_path / "past")
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
