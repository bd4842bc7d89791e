"""The CloudEvents attributes that every event carries, and the checks that no msgspec type can express."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from producers.events.rules import (
    AHEAD,
    ATTRIBUTE_LENGTH,
    EARLIEST,
    ID_LENGTH,
    LATEST,
    SEQUENCE_LENGTH,
    is_currency,
    is_source,
)

Id = Annotated[str, Meta(min_length=1, max_length=ID_LENGTH)]
Moment = Annotated[datetime, Meta(tz=True)]

_MOST_REMEMBERED = 10_000
SOURCES: set[str] = set()
"""Sources known to be URI-references."""
_currencies: set[str] = set()


class Data(Struct, frozen=True, gc=False, omit_defaults=True):
    """What an event says; fields as in the contract, absent ones None."""


class Envelope(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type"):
    """An event as decoded. `type` is the contract's type, `time` has a zone, `data` is per type."""

    type: ClassVar[str]

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(min_length=1, max_length=ATTRIBUTE_LENGTH)]
    source: Annotated[str, Meta(min_length=1, max_length=ATTRIBUTE_LENGTH)]
    time: Moment
    subject: Annotated[str, Meta(max_length=ATTRIBUTE_LENGTH)] | None = None
    partitionkey: str | None = None
    sequence: Annotated[str, Meta(max_length=SEQUENCE_LENGTH)] | None = None

    @property
    def key(self) -> str:
        """The Kafka key that this event must have."""
        client: str = self.data.client_id  # type: ignore[attr-defined]
        return client

    def sound(self) -> bool:
        """Whether the checks beyond the types hold; the models say which one does not."""
        return True


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
