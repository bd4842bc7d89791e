"""Why is this number so? The entities behind a number, as an answer that adds up to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from metrics.catalogue import FAMILIES
from streams.plain.rows import PlainQuery, PlainRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OLDEST = frozenset(family.name for family in FAMILIES if family.name.endswith("_oldest_seconds"))
"""Families that show the greatest of their rows, not the sum."""


@dataclass(frozen=True)
class ExplainedNumber:
    """A number and the rows that add up to it, or that it is the percentile of.

    total: exact, as a decimal (or a fraction "1/3"), of a percentile the digits shown, None of nothing; over all
    `count` rows, of which `rows` holds at most the limit that was asked for, by size (`truncated` says whether any is
    missing). sources: where each row's entity is from. position, first: of a percentile of more rows than the limit the
    rows are those around it, by value; how many of all are shorter than it, and how many come before the rows.
    """

    query: PlainQuery
    at: datetime
    total: str | None
    count: int
    rows: tuple[PlainRow, ...]
    truncated: bool
    sources: tuple[str, ...] = ()
    position: int | None = None
    first: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values; times in RFC 3339, numbers exact, as text."""
        q, sources = self.query, self.sources or [""] * len(self.rows)
        around = {} if self.position is None else {"position": self.position, "first": self.first}
        return {
            "family": q.family,
            "labels": dict(q.labels),
            "manager": q.manager,
            "team": q.team,
            "window": q.window or None,
            "period": q.period if q.window else None,
            "at": self.at.isoformat(),
            "total": self.total,
            "count": self.count,
            "truncated": self.truncated,
            **around,
            "entities": [entity(q, row, source) for row, source in zip(self.rows, sources, strict=True)],
        }


def entity(query: PlainQuery, row: PlainRow, source: str) -> dict[str, Any]:
    """A row as plain JSON values. source: where its entity is from, "" where that is not known."""
    return {
        "kind": row.kind,
        "id": row.entity,
        "client": row.client,
        "source": source,
        "manager": row.manager,
        "team": row.team,
        "time": None if row.time is None else _instant(row.time).isoformat(),
        "contribution": exact(row.value),
        "converted": row.converted,
        "labels": dict(zip(query.declared.labels, row.labels, strict=False)),
    }


def exact(value: Fraction) -> str:
    """A number as text without loss: a decimal where there is one, else a fraction."""
    scaled, places = value, 0
    while scaled.denominator != 1 and places < 60:
        scaled, places = scaled * 10, places + 1
    if scaled.denominator != 1:
        return str(value)
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
