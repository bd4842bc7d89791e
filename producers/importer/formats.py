"""How a line of a file becomes events: a format takes lines and gives back records of one or more of them.

A format may join lines (a quoted line break in CSV, the lines of one call in a queue log). It never drops one:
each line is in exactly one record, and what cannot be understood is raised as Refused with the record.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from producers.errors import Refused
from producers.importer.source import Line, Source


class Record(NamedTuple):
    """What was read as one: its first line's number, its bytes, and the position after it.

    `values` are the JSON events in it; `problem` says why there are none.
    """

    number: int
    raw: bytes
    end: int
    values: tuple[bytes, ...] = ()
    problem: Refused | None = None


class Format(Protocol):
    """Turns lines into records. `whole` ones must see a file from its beginning, also when an import goes on."""

    whole: bool
    header: bytes
    """What a file of refused records must begin with to be imported again."""

    def begin(self, source: Source) -> None:
        """Learn what the beginning of a file says, before records of its middle are asked for."""

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        """Yield the records of the lines, in order. Each file needs a format of its own."""


class JsonLines:
    """One CloudEvent a line, as it is."""

    whole = False
    header = b""

    def begin(self, source: Source) -> None:
        """Learn nothing: each line stands for itself."""

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        """Yield a record for each line that is not blank."""
        for number, raw, end in lines:
            value = raw.strip(b" \t\r\n")
            if number == 1:
                value = value.removeprefix(b"\xef\xbb\xbf")
            if value:
                yield Record(number, raw, end, (value,))
