"""Boards with a past: random sums of many days, in two currencies, of people who have moved between teams."""

from datetime import date
from random import Random

from metrics.exporter.board import Board
from metrics.measure import key
from metrics.view import Field
from tests.support.boards import board, manager, plan, rate

_MEASURES = (
    key("c", "inbound", "answered"), key("c", "inbound", "missed"), key("c", "outbound", "answered"), key("m"),
    *(key("r", channel, "first", b) for channel in ("call", "chat") for b in ("0", "3", "9", "19", "s")),
    key("dd", "retail", "2"), key("dd", "retail", "s"), key("dx", "retail", "won"), key("dx", "b2b", "lost"),
    *(key(code, *labels, currency) for code, labels in (("wa", ("b2b",)), ("rv", ())) for currency in ("RUB", "USD")),
)  # fmt: skip
_SIGNED = ("wa", "rv")
"""Measures that are taken back, too."""


def board_with_past(today: date, back: int, seed: int = 1, zone: str = "Europe/Berlin", **settings: int) -> Board:
    """Day cells of so many days up to today, on two partitions; plans of this month, the last one and this year."""
    random, shown = Random(seed), board(timezone=zone, **settings)
    people = [("m-1", "north"), ("m-1", "south"), ("m-2", ""), ('m"3\\', "south"), ("m-4", "")]
    for ordinal in range(today.toordinal() - back, today.toordinal() + 1):
        parts = {}
        for place, (who, team) in enumerate(people):
            if random.random() < 0.6:
                parts[Field(place % 2, who, team)] = {
                    name: random.choice([-1, 1]) * random.randrange(1, 9) * 10**4 if name[:2] in _SIGNED else
                    random.randrange(1, 9) * (10**6 if name.endswith("s") else 1)
                    for name in random.sample(_MEASURES, 6)
                }  # fmt: skip
        shown.put(("d", ordinal), parts)
    months = [f"{today:%Y-%m}", f"{date.fromordinal(today.replace(day=1).toordinal() - 1):%Y-%m}", f"{today.year}"]
    plans = [
        plan(scope, period, str(10 + n), measure, currency)
        for n, (scope, measure, currency) in enumerate(
            [("company", "calls", None), ("team:south", "won_amount", "USD"), ("manager:m-1", "calls", None)]
        )
        for period in months
    ]
    records = [manager("m-1", "south"), manager("m-2", "north"), rate("USD", "2025-01-01", "90.5"), *plans]
    shown.put_reference({str(n): record for n, record in enumerate(records)})
    return shown
