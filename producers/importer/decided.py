"""What was decided about a batch of a file's events: what to send, and what to remember once Kafka has it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from producers.importer.entities import REFERENCE, ComparedEvent
from producers.importer.ready import ReadyMany
from producers.importer.state import ImportCounts

Pair = tuple[bytes, bytes]


class WaitingEvent(NamedTuple):
    """A file's greatest version of an entity of which the log has one that is not smaller, and the event."""

    item: ComparedEvent
    value: bytes


@dataclass(slots=True)
class Decided:
    """`items` and `many`: what is sent; `seen`: what the log has so; `waiting`: for the end of the file.

    done: what waits no more.
    """

    events: list[Pair] = field(default_factory=list)
    reference: list[Pair] = field(default_factory=list)
    items: list[ComparedEvent] = field(default_factory=list)
    many: list[ReadyMany] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    waiting: list[WaitingEvent] = field(default_factory=list)
    done: list[bytes] = field(default_factory=list)
    counts: ImportCounts = field(default_factory=ImportCounts)

    def send(self, key: bytes, value: bytes, what: ComparedEvent) -> None:
        """Have an event sent."""
        (self.reference if what.kind == REFERENCE else self.events).append((key, value))
        self.items.append(what)
        self.counts.sent += 1

    def send_all(self, many: ReadyMany) -> None:
        """Have events sent, none of them reference data."""
        self.events += zip(many.keys, many.values, strict=True)
        self.many.append(many)
        self.counts.sent += len(many.keys)
