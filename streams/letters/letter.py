"""What a dead letter is: the refused record byte for byte, and headers that say why, from where and by whom.

A mark is a record beside the letters that closes one of them. The names of the headers are `producers.letters`'.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from producers.events.sender import sender
from producers.letters import (
    APPLICATION,
    CUT,
    DETAIL,
    MARK,
    OFFSET,
    PARTITION,
    REASON,
    SENDER,
    TIMESTAMP,
    TOPIC,
    at,
    encoded,
)
from streams.state.oversize import CutRecord, fitted

REPLAY_OF = "replay-of"
"""On a record that was sent again: topic/partition/offset of the one that was refused first."""

__all__ = [
    "APPLICATION", "CUT", "DETAIL", "MARK", "OFFSET", "PARTITION", "REASON", "REPLAY_OF", "SENDER", "TIMESTAMP",
    "TOPIC", "Headers", "Letter", "LetterPlace", "LetterRefusal",
    "make", "mark", "number", "own", "parse", "place_of", "text",
]  # fmt: skip

_OURS = frozenset({REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIMESTAMP, SENDER, APPLICATION, CUT, MARK})

Headers = Sequence[tuple[str, bytes | None]]


class LetterRefusal(Protocol):
    """A record that could not be used, with the contract's reason and one line of detail."""

    @property
    def record(self) -> Any: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102


class Letter(NamedTuple):
    """A dead letter or mark to be written: key and value byte for byte as they came, and headers."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class LetterPlace(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def make(refused: LetterRefusal, topic: str, partition: int, application: str) -> Letter:
    """A refused record as a dead letter: as it came, with reason and origin added to its headers.

    Of one that is too large for that the beginning is kept, and how large it was.
    """
    record = fitted(refused.record)
    cut = {CUT: str(record.size)} if isinstance(record, CutRecord) else {}
    added = {
        REASON: refused.reason,
        DETAIL: refused.detail,
        **at(topic, partition, record.offset),
        TIMESTAMP: str(record.timestamp),
        SENDER: sender(record.value, record.headers),
        APPLICATION: application,
        **cut,
    }
    return Letter(record.key, record.value, [*own(record.headers), *encoded(added)])


def mark(place: LetterPlace, what: str) -> Letter:
    """What closes the letter of the record at `place`."""
    return Letter(str(place).encode(), None, encoded({MARK: what, **at(*place)}))


def own(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Those of a record's headers that its sender gave it."""
    return [(name, value) for name, value in headers if name not in _OURS]


def text(headers: Iterable[tuple[str, bytes | None]], name: str) -> str:
    """The last header of a name, "" where there is none."""
    found = ""
    for key, value in headers:
        if key == name:
            found = (value or b"").decode(errors="replace")
    return found


def place_of(headers: Iterable[tuple[str, bytes | None]]) -> LetterPlace | None:
    """Where the refused record lay, None when the headers do not say so."""
    said = dict(headers)
    return parse("/".join((said.get(name) or b"").decode(errors="replace") for name in (TOPIC, PARTITION, OFFSET)))


def parse(place: str) -> LetterPlace | None:
    """The inverse of `str(place)`, None for what is none."""
    topic, _, rest = place.partition("/")
    partition, _, offset = rest.partition("/")
    where, at = number(partition), number(offset)
    return None if not topic or where is None or at is None else LetterPlace(topic, where, at)


def number(said: str, most: int = (1 << 63) - 1) -> int | None:
    """A whole number that is not negative, None for what is none or greater than `most`."""
    return int(said) if said.isdecimal() and len(said) < 20 and int(said) <= most else None
