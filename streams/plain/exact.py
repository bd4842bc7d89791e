"""Reading times, money and probabilities of events exactly, without the fast paths of the worker."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from producers.events import wire

Name = TypeVar("Name")
Kept = TypeVar("Kept", bound=wire.Envelope)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Version = tuple[str, int, str]
"""(sequence or "", time as an instant, id): of two events about one entity the greater counts."""


def moment(time: datetime) -> int:
    """An instant in microseconds since the epoch (us)."""
    return (time - _EPOCH) // _MICROSECOND


def ten_thousandths(amount: str) -> int:
    """Money as written ("1250.00") in ten-thousandths (12500000)."""
    whole, _, places = amount.partition(".")
    return int(whole + places.ljust(4, "0"))


def trillionths(probability: float | Decimal) -> int:
    """A probability, 0 to 1, as written, in 10^-12; further digits are cut."""
    return int(Decimal(str(probability)) * 10**12)


def version(event: wire.Envelope) -> Version:
    """The version of an entity that an event states."""
    return (event.sequence or "", moment(event.time), event.id)


def keep_greater(held: dict[Name, Kept], name: Name, event: Kept) -> str:
    """Keep an event when its version is greater than the one held; says "folded", "stale" or "duplicate"."""
    other = held.get(name)
    if other is not None and version(event) <= version(other):
        return "duplicate" if version(event) == version(other) else "stale"
    held[name] = event
    return "folded"
