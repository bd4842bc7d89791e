"""An explainer that knows its rows beforehand, for tests of what the exporter makes of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import msgspec

from streams.ledger.explain import ExplainedNumber, entity, exact
from streams.plain.rows import PlainQuery, PlainRow

AT = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)


def row(entity: str = "1", value: float = 1, manager: str = "m-1", team: str = "north", **more: Any) -> PlainRow:
    """One entity, of half past twelve."""
    known = {"kind": "call", "client": "c-1", "time": int(AT.timestamp() * 1_000_000)} | more
    return PlainRow(entity=entity, value=Fraction(repr(value)), manager=manager, team=team, **known)


class Explainer:
    """Answers with all its rows, the largest first, as the ledger does. asked: the questions, as they came."""

    def __init__(self, rows: Iterable[PlainRow] = (), percentile: str | None = None) -> None:
        self.rows = sorted(rows, key=lambda one: -abs(one.value))
        self.percentile = percentile
        self.asked: list[tuple[Any, ...]] = []
        self.given, self.left = 0, False

    async def explain(
        self,
        family,
        labels=None,
        manager=None,
        team=None,
        window="",
        period="current",
        at=None,
        *,
        limit=1000,
        fewer=None,
        days=None,
    ) -> ExplainedNumber:
        self.asked.append((family, labels, manager, team, window, period, at, limit, days))
        query = PlainQuery(family, dict(labels or {}), manager, team, window, period)
        total = self.percentile if query.quantile else exact(sum((one.value for one in self.rows), Fraction()))
        rows = tuple(self.rows[: limit if fewer is None or len(self.rows) <= limit else fewer])
        return ExplainedNumber(query, at or AT, total, len(self.rows), rows, len(rows) < len(self.rows))

    async def entities(self, family, labels, manager, team, window, days):
        """All rows, two at a time. left: whether whoever asked has let go."""
        self.asked.append((family, labels, manager, team, window, days))
        query = PlainQuery(family, dict(labels), manager, team, window)
        try:
            for start in range(0, len(self.rows), 2):
                yield b"\n".join(msgspec.json.encode(entity(query, one, "")) for one in self.rows[start : start + 2])
                self.given += 2
        finally:
            self.left = True
