"""Which of two versions of a thing counts: the greater one, by sequence, then time, then id."""

from datetime import datetime
from typing import Protocol

from producers.events.units import us

Version = tuple[str, int, str]
"""Sequence ("" when none), time (us), id."""


class Versioned(Protocol):
    """An event that states a whole thing."""

    @property
    def id(self) -> str:
        """Of the event."""

    @property
    def time(self) -> datetime:
        """With a zone."""

    @property
    def sequence(self) -> str | None:
        """As text, compared as text."""


def version(event: Versioned) -> Version:
    """What two versions of a thing are compared by."""
    return event.sequence or "", us(event.time), event.id
