"""An exporter with a past and plans, whose forecasts are made by hand."""

import json
from datetime import UTC, date, datetime
from typing import Any

from metrics.exporter.http.server import Exporter
from metrics.kpi import Level
from metrics.measure import key
from metrics.view import Field
from tests.support.boards import board, exporter_of, manager, plan, rate

TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 12, 30, tzinfo=UTC).timestamp()
DAYS = 400
DOLLARS = key("wa", "b2b", "USD")


def won(back: int) -> dict[Field, dict[str, int]]:
    """Roubles and dollars of two people on a day, as ten-thousandths: no day is as the other."""
    roubles, dollars = 1_000_000 * (1 + back * 7 % 13), 10_000 * (1 + back % 5)
    return {
        Field(0, "m-1", "north"): {key("wa", "retail", "RUB"): roubles, DOLLARS: dollars},
        Field(1, "m-2", ""): {key("wa", "retail", "RUB"): 3_000_000},
    }


def exporter_of_days(days: int) -> Exporter:
    shown = board()
    for back in range(days):
        day = date.fromordinal(TODAY.toordinal() - back)
        if day.weekday() < 5:
            shown.put(("d", day.toordinal()), won(back))
    shown.put_reference(
        {
            "a": manager("m-2", "south"),
            "b": rate("USD", "2025-01-01", "90.5"),
            "c": plan("company", "2026-11", "900000"),
            "d": plan("team:south", "2026-Q4", "90000"),
            "e": plan("manager:m-1", "2026-11", "5"),
            "f": plan("company", "2026-10", "7"),
            "g": plan("company", "2026", "9000", "calls"),
        }
    )
    return exporter_of(shown, NOW)


def make(exporter: Exporter) -> int:
    """Work them out; how many turns others had."""
    return sum(1 for _ in exporter.forecasts.making(NOW))


def exporter_live(exporter: Exporter, level: Level, name: str) -> list[dict[str, Any]]:
    """The plans on a wall."""
    found: list[dict[str, Any]] = json.loads(exporter.live(level, name, "month"))["plan"]
    return found


async def nothing(**_: Any) -> None:
    """In place of asking Redis for news."""
