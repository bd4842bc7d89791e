"""Short ways to write events for tables of the plain definition."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from producers.events import wire
from streams.plain import Contribution, PlainCalendar, PlainPartition, PlainRules, recompute

T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
"""Monday, 10:00 UTC."""

RULES = PlainRules(ZoneInfo("UTC"), PlainCalendar(ZoneInfo("UTC")))
_ids = itertools.count()


def at(seconds: float) -> datetime:
    """A moment after T0."""
    return T0 + timedelta(seconds=seconds)


def event(kind: type[Any], seconds: float, /, *, id: str = "", sequence: str | None = None, **data: Any) -> Any:  # noqa: A002 - as CloudEvents names it
    """An event of a type, `seconds` after T0, of client cl-1; moments in data are seconds after T0 too."""
    moments = {name: at(value) for name, value in data.items() if name.endswith("_at")}
    fields = {"client_id": "cl-1"} | data | moments
    if kind is wire.CostBooked:
        del fields["client_id"]
    made = kind.__annotations__["data"](**fields)
    return kind(
        specversion="1.0", id=id or f"e-{next(_ids)}", source="s://t", time=at(seconds), sequence=sequence, data=made
    )


def told(*events: Any, rules: PlainRules = RULES) -> PlainPartition:
    """The partition after these events."""
    return recompute(events, rules)


def adds(partition: PlainPartition, *codes: str) -> list[tuple[Any, ...]]:
    """(code, labels…, manager, seconds after T0, value) of the contributions with these codes, sorted."""
    return sorted(_short(one) for one in partition.contributions() if one.code in codes)


def _short(one: Contribution) -> tuple[Any, ...]:
    seconds = one.time / 10**6 - T0.timestamp()
    return (one.code, *one.labels, one.manager, seconds, one.value)
