"""What a file is read as: a format opens a source and gives back records, each of which makes events or says why not.

A format may join lines (a quoted line break in CSV, the lines of one call in a queue log). It never drops one:
each line is in exactly one record, and a record has events, or a reason for having none.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from producers.errors import Refused
from producers.importer.source import SourceFile, SourceLine, checked
from producers.importer.state import State


class InputRecord(NamedTuple):
    """What was read as one: its first line's number, its bytes, and the position after it.

    `values` are the JSON events in it; `problem` says why it is refused; `left_out` why it makes no event.
    One with none of them is taken, its event comes with another record.
    `end` grows from record to record: bytes of a file of lines, rows of a table.
    """

    number: int
    raw: bytes
    end: int
    values: tuple[bytes, ...] = ()
    problem: Refused | None = None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one line each that follow each other, and each have events; `end` is that of the last one.

    raw: the bytes of one, which few are asked for.
    """

    number: int
    end: int
    values: Sequence[tuple[bytes, ...]]
    raw: Callable[[int], bytes]

    def part(self, begin: int, stop: int) -> "Rows":
        """Some of them."""
        end = self.end - len(self.values) + stop
        return Rows(self.number + begin, end, self.values[begin:stop], lambda index: self.raw(begin + index))

    def records(self) -> Iterator[InputRecord]:
        """Each by itself."""
        before = self.end - len(self.values)
        for index, values in enumerate(self.values):
            yield InputRecord(self.number + index, self.raw(index), before + index + 1, values)


class EventOrigin(NamedTuple):
    """Whose events a format makes: of this `source`. `given`: with ids from the file, else with derived ones.

    types: those that it can make. ranked: of two of its files the one with the greater sequence knows more, and is not
    corrected by the other.
    """

    source: str
    types: frozenset[str]
    given: bool = False
    ranked: bool = False


class Format(Protocol):
    """Reads one source; each source needs a format of its own.

    origin: None where the events of a file are another system's, as they are: those are never corrected.
    header: what a file of refused records must begin with to be imported again; known once records are asked for.
    notes: what was found out about the file and a person should know, one line each.
    """

    header: bytes
    notes: list[str]

    @property
    def origin(self) -> EventOrigin | None: ...  # noqa: D102 - above

    def records(self, source: SourceFile, after: State) -> Iterator[InputRecord | Rows]:
        """Yield the records behind those that `after` says are done, in order. Raises ImportProblem."""


class JsonLines:
    """One CloudEvent a line, as it is."""

    header = b""
    origin = None

    def __init__(self) -> None:
        self.notes: list[str] = []

    def records(self, source: SourceFile, after: State) -> Iterator[InputRecord]:
        """Yield a record for each line that is not blank."""
        with source.lines(after.end, after.line) as lines:
            for number, raw, end in checked(source, lines):
                value = raw.strip(b" \t\r\n")
                if number == 1:
                    value = value.removeprefix(b"\xef\xbb\xbf")
                if value:
                    yield InputRecord(number, raw, end, (value,))


def singly(records: Iterable[InputRecord | Rows]) -> Iterator[InputRecord]:
    """Each record by itself."""
    for one in records:
        if isinstance(one, Rows):
            yield from one.records()
        else:
            yield one


def behind(records: Iterable[InputRecord], after: State) -> Iterator[InputRecord]:
    """The records that are not done, of a format that must see its file from the beginning."""
    return (record for record in records if record.end > after.end)


__all__ = ["EventOrigin", "Format", "InputRecord", "JsonLines", "Rows", "SourceLine", "behind", "singly"]
