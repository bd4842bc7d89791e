"""Reading times, money and probabilities of events exactly, without the fast paths of the worker."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from producers.events import wire

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
    """A probability, 0 to 1, as written, in 10^-12; further digits are rounded half to even."""
    return int((Decimal(str(probability)) * 10**12).to_integral_value())


def version(event: wire.Envelope) -> Version:
    """The version of an entity that an event states."""
    return (event.sequence or "", moment(event.time), event.id)
