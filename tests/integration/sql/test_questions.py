"""The questions of the page, and KPIs by day, say what the history API says of the same events."""

import asyncio
import re
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from metrics.exporter.kpi import history
from metrics.kpi import Level, Sum, leaves
from producers.events import wire
from streams.sql.views import kpis
from tests.laws.mixtures import ANCHORS, KINDS, Json, event
from tests.laws.test_explained import REFERENCES
from tests.laws.test_shown_now import NEAR, clock, floor_of
from tests.support.copied import Copying, HeldIndex
from tests.support.floors import Floor
from tests.support.ledgers import Kept
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.integration
PAGE = Path(__file__).resolve().parents[3] / "deploy" / "docs" / "sql.md"
_BY_CLOCK = {"mc", "cd", "ld"}
"""Codes of what the clock decides: PostgreSQL's is another one than that of the events here. See `test_copied.py`."""
_BACK = 60


def drawn() -> list[Json]:
    """Many won deals and chats among all the rest."""
    rng, wanted = Random(5), [KINDS.index("deal.changed"), KINDS.index("chat.message")]
    numbers = [
        (rng.choice([rng.randrange(len(KINDS)), *wanted]), rng.randrange(99), rng.randrange(NEAR), rng.randrange(3000))
        for _ in range(600)
    ]
    return [event(*one, rng.randrange(2**50)) for one in numbers]


def asked(floor: Floor, question: history.Question, now: float) -> dict[date, dict[tuple[str, ...], float]]:
    """What the history API has of the last days, by first day and labels."""
    told, today = history.History(floor.board), floor.board.local(now).date()
    periods = history.span(question, today - timedelta(days=_BACK), today, today)
    for _ in told.making(question, periods, now):
        pass
    return {
        date.fromisoformat(point["from"]): {tuple(one["labels"].values()): one["value"] for one in point["values"]}
        for point in told.points(question, periods, now)
    }


def test_questions_have_the_answers_of_history(postgres: PostgresServer, database: str, tmp_path: Path) -> None:
    events = drawn()
    floor, now = floor_of(events, REFERENCES, "Europe/Berlin", 0, 2), clock(events, ANCHORS[NEAR - 1])
    held = HeldIndex(Kept(str(tmp_path), floor.rules, 2, now))
    held.kept.read(floor.log, len(events))
    assert asyncio.run(Copying(held, postgres.url("sales", database), "writes").up())
    held.close()
    won, deals, percentiles = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with postgres.connect(database, "sales_reader", "reads") as reader:
        _won(floor, now, reader.execute(won).fetchall(), reader.execute(deals).fetchall())
        _percentiles(floor, now, reader.execute(percentiles).fetchall())
        _kpis(floor, now, reader)


def _won(floor: Floor, now: float, won: list[Any], deals: list[Any]) -> None:
    roster = [one.data for one in floor.reference.held.values() if isinstance(one, wire.ManagerChanged)]
    names = {one.manager_id: one.name for one in roster}
    expected: defaultdict[tuple[str, date], float] = defaultdict(float)
    found = asked(floor, history.question("sales_won_amount:sum", None, Level.MANAGER, "", "month"), now)
    for month, values in found.items():
        for (manager, _), value in values.items():
            expected[names.get(manager, manager), month] += value
    told = {(name, month): float(value) for name, month, value in won if month in found and value}
    assert len(expected) > 2
    assert told == pytest.approx({key: value for key, value in expected.items() if value})
    assert len(deals) > 10
    by_month: defaultdict[tuple[str, date], float] = defaultdict(float)
    for name, day, *_, converted in deals:
        by_month[name, day.replace(day=1)] += float(converted or 0)
    assert by_month == pytest.approx({(name, month): float(value) for name, month, value in won})


def _percentiles(floor: Floor, now: float, told: list[Any]) -> None:
    found = asked(floor, history.question("sales_response_seconds:p90", None, Level.TEAM, "", "month"), now)
    expected = {
        (team, month): value
        for month, values in found.items()
        for (team, channel), value in values.items()
        if channel == "chat"
    }
    assert len(expected) > 2
    assert {(team, month): value for team, month, value in told if month in found} == expected


def _kpis(floor: Floor, now: float, reader: Any) -> None:
    """By team and day; ratios of sums."""
    rows = reader.execute(
        "SELECT kpi, day, team, labels, sum(numerator), sum(denominator) FROM sales_pulse.kpi_days GROUP BY 1, 2, 3, 4"
    ).fetchall()
    compared = 0
    for kpi in kpis():
        codes = {leaf.family.code for leaf in leaves(kpi.formula) if isinstance(leaf, Sum)}
        if codes & _BY_CLOCK or "day" not in kpi.windows:
            continue
        found = asked(floor, history.question(kpi.id, None, Level.TEAM, "", "day"), now)
        expected = {(day, *key): value for day, values in found.items() for key, value in values.items() if value}
        told = {
            (day, team, *(labels[name] for name in kpi.by)): float(over if under is None else over / under)
            for name, day, team, labels, over, under in rows
            if name == kpi.id and day in found and (under is None or under) and over
        }
        assert told == pytest.approx(expected), kpi.id
        compared += len(expected)
    assert compared > 30
