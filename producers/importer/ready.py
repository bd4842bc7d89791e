"""Events that may be sent, one by one and many at once: most of them are all new, and need no look of their own."""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from producers.events.units import us
from producers.importer.entities import KINDS, ComparedEvent, about, item, said_many


class ReadyEvent(NamedTuple):
    """An event that may be sent: its Kafka key, its bytes, and what it is compared by."""

    key: bytes
    value: bytes
    item: ComparedEvent


class ReadyMany(NamedTuple):
    """The same for many, column by column; `abouts` to `kinds` are what `ComparedEvent` has."""

    keys: list[bytes]
    values: list[bytes]
    abouts: list[bytes]
    sequences: list[str]
    times: list[int]
    ids: list[str]
    digests: list[bytes]
    sources: list[str]
    kinds: list[str]

    @classmethod
    def none(cls) -> "ReadyMany":
        """None at all, to be extended."""
        return cls([], [], [], [], [], [], [], [], [])

    @classmethod
    def of(cls, ready: Sequence[ReadyEvent]) -> "ReadyMany":
        """These."""
        many = cls.none()
        for one in ready:
            many.append(one)
        return many

    def append(self, ready: ReadyEvent) -> None:
        """Have one more."""
        key, value, (about_, (sequence, time, id_), digest, source, kind) = ready
        self.extend(ReadyMany([key], [value], [about_], [sequence], [time], [id_], [digest], [source], [kind]))

    def extend(self, more: "ReadyMany") -> None:
        """Have more."""
        columns: Iterable[tuple[list[Any], list[Any]]] = zip(self, more, strict=True)
        for column, cells in columns:
            column.extend(cells)

    def singly(self) -> Iterator[ReadyEvent]:
        """Each by itself."""
        for key, value, about_, sequence, time, id_, digest, source, kind in zip(*self, strict=True):
            yield ReadyEvent(key, value, ComparedEvent(about_, (sequence, time, id_), digest, source, kind))


def ready_many(values: Sequence[bytes], events: Sequence[Any]) -> ReadyMany:
    """What events, of which these are the bytes, are sent as and compared by: as `item` says of each, for half."""
    keys = [event.key for event in events]
    encoded = list(map(str.encode, keys))
    types = {event.type for event in events}
    if len(types) != 1 or (type_ := types.pop()) not in KINDS:
        items = map(item, events)
        return ReadyMany.of([ReadyEvent(*each) for each in zip(encoded, values, items, strict=True)])
    kind, field = KINDS[type_]
    data = [event.data for event in events]
    times = [us(event.time) for event in events]
    lines = [f"{kind}\0{key}\0{entity}" for key, entity in zip(keys, map(attrgetter(field), data), strict=True)]
    return ReadyMany(
        encoded,
        list(values),
        list(map(about, lines)),
        [event.sequence or "" for event in events],
        times,
        [event.id for event in events],
        said_many(data, type_.encode(), times),
        [event.source for event in events],
        [kind] * len(events),
    )
