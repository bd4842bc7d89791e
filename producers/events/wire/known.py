"""Checks of values that no msgspec type can express. What few values are given again and again for is remembered."""

from datetime import datetime
from typing import Final

from producers.events.rules import AHEAD, EARLIEST, LATEST, is_currency, is_source

_MOST_REMEMBERED: Final = 10_000
SOURCES: Final[set[str]] = set()
"""Sources known to be URI-references."""
_currencies: Final[set[str]] = set()


def known_source(source: str) -> bool:
    """Whether `source` is a URI-reference. Few systems send many events, so verdicts are remembered."""
    if source in SOURCES:
        return True
    if not is_source(source):
        return False
    if len(SOURCES) >= _MOST_REMEMBERED:
        SOURCES.clear()
    SOURCES.add(source)
    return True


def known_currency(currency: str) -> bool:
    """Whether `currency` is three capital letters; remembered, as there are 26³ at most."""
    if currency in _currencies:
        return True
    if not is_currency(currency):
        return False
    _currencies.add(currency)
    return True


def in_range(moment: datetime) -> bool:
    """Whether `moment` lies in the years 2000 to 9998, UTC."""
    return 2000 < moment.year < 9998 or EARLIEST <= moment < LATEST


def is_soon(moment: datetime, time: datetime) -> bool:
    """Whether a time in `data` that is not before the event's `time` is in range and at most 10 minutes after it."""
    return moment - time <= AHEAD and in_range(moment)
