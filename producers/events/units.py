"""Exact integers from the contract's texts, because sums of floats would differ from run to run."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mypy_extensions import i64

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SCALE: Final = ("0000", "000", "00", "0", "")


def us(moment: datetime) -> int:
    """Microseconds since the Unix epoch, exact. `moment` has a zone."""
    since = moment - _EPOCH
    days: i64 = since.days
    return (days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(microseconds: int) -> datetime:
    """The UTC moment that lies `microseconds` after the Unix epoch; the inverse of `us`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def money(text: str) -> int:
    """Ten-thousandths of a currency unit. `text` is valid money of the contract: up to 4 places."""
    whole, _, places = text.partition(".")
    return int(whole + places + _SCALE[len(places)])
