"""What the exporter holds of the view: every part of every bucket, most of them packed, as they rest for years."""

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

import msgspec

from metrics.exporter.held.fences import Fences
from metrics.exporter.held.items import BASE, Items
from metrics.exporter.held.resting import Resting
from metrics.exporter.held.settled import SettledDay
from metrics.view import Field, Waiting
from metrics.windows import local_day

Bucket = tuple[str, int]
Credit = tuple[str, str]
"""Manager, and team as stated ("" when not stated)."""
Part = Mapping[str, int]
Deltas = list[tuple[int, int]]
"""Numbers of items, each with what it adds."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[int], list[int]]).decode
_decode_long = msgspec.msgpack.Decoder(tuple[list[int], list[int | str]]).decode


def pack(part: Mapping[int, int]) -> bytes:
    """Numbers of items and their values; values beyond 64 bits as text."""
    try:
        return _encode((list(part), list(part.values())))
    except OverflowError:
        return _encode((list(part), list(map(str, part.values()))))


def unpack(raw: bytes) -> dict[int, int]:
    """Reverse of `pack`."""
    try:
        numbers, values = _decode(raw)
    except msgspec.ValidationError:
        numbers, texts = _decode_long(raw)
        values = list(map(int, texts))
    return dict(zip(numbers, values, strict=True))


class Parts:
    """All parts. Not safe for threads: one event loop uses it."""

    def __init__(self, zone: ZoneInfo, base: str) -> None:
        self._zone = zone
        self._parts: dict[Bucket, dict[Field, Part | bytes] | Resting | SettledDay] = {}
        self._changed: set[Bucket] | None = None
        """Days changed since days were settled last; None before they were."""
        self._at_hand: dict[Bucket, int] = {}
        """Buckets that are not at rest and could be, the one changed longest ago first, with their numbers of parts."""
        self._count_at_hand = 0
        self._newest: dict[str, int] = {}
        self._fields: dict[Field, Field] = {}
        self._days: dict[Bucket, int] = {}
        self.at_hand = 20_000
        """Parts not put to rest, besides those of the newest buckets: what was changed last is often changed again."""
        self.items = Items(base)
        self.fences = Fences()
        self.money_events: dict[tuple[str, int], int] = {}
        """Entities with money by (currency, local day; 0 for what is open), of day cells and open cells."""
        self.waiting: dict[int, list[Waiting]] = {}
        self.count = 0

    def put(self, bucket: Bucket, field: Field, part: Part) -> Deltas:
        """Replace one part (an empty one removes it); say what that adds to its credit's share of the bucket."""
        held = self._parts.get(bucket)
        if isinstance(held, Resting | SettledDay):
            held = self._awake(bucket, held)
        raw = held.get(field) if held is not None else None
        old: Part = {} if raw is None else self._named(raw)
        changed = [(name, value) for name, value in part.items() if old.get(name) != value]
        # Sums mostly grow: then all that was there still is.
        gone = [] if old.keys() <= part.keys() else [name for name in old if name not in part]
        if not (changed or gone):
            return []
        names, number, before = self.items.names, self.items.number, old.get
        deltas = [(names[name] if name in names else number(name), value - before(name, 0)) for name, value in changed]
        deltas += [(names[name], -old[name]) for name in gone]
        self._store(bucket, field, part, raw)
        if not self.items.special.isdisjoint([n for n, _ in deltas]):
            self._count_money(bucket, deltas)
            deltas = self._shown(bucket, deltas)
        return deltas

    def _store(self, bucket: Bucket, field: Field, part: Part, old: Part | bytes | None) -> None:
        if self._changed is not None and bucket[0] == "d":
            self._changed.add(bucket)
        if part:
            # Fields repeat in every bucket: one object serves them all.
            field = self._fields.setdefault(field, field)
            held = self._open(bucket)
            if self._is_busy(bucket):
                held[field] = part
            else:
                held[field] = self._packed(part)
                self._put_at_hand(bucket, len(held))
            self.count += old is None
        else:
            held = self._open(bucket)
            del held[field]
            self.count -= 1
            if bucket in self._at_hand:
                self._put_at_hand(bucket, len(held))
            if not held:
                del self._parts[bucket]
                self._count_at_hand -= self._at_hand.pop(bucket, 0)
                self._days.pop(bucket, None)

    def _open(self, bucket: Bucket) -> dict[Field, Part | bytes]:
        """The parts of a bucket, to be changed."""
        held = self._parts.get(bucket)
        if held is None:
            held = self._parts[bucket] = {}
        return self._awake(bucket, held) if isinstance(held, Resting | SettledDay) else held

    def _awake(self, bucket: Bucket, resting: Resting | SettledDay) -> dict[Field, Part | bytes]:
        """Take a bucket's parts out, to be changed."""
        held: dict[Field, Part | bytes]
        if isinstance(resting, Resting):
            held = dict(resting.items())
        else:
            held = {field: pack(row) for field, row in resting.items()}
        self._parts[bucket] = held
        self._put_at_hand(bucket, len(held))
        return held

    def _put_at_hand(self, bucket: Bucket, count: int) -> None:
        """Note that a bucket was changed last; those changed longest ago go to rest where there are too many parts."""
        self._count_at_hand += count - self._at_hand.pop(bucket, 0)
        self._at_hand[bucket] = count
        while self._count_at_hand > self.at_hand and (oldest := next(iter(self._at_hand))) != bucket:
            self._count_at_hand -= self._at_hand.pop(oldest)
            held = self._parts[oldest]
            if isinstance(held, dict):
                self._parts[oldest] = Resting({field: self._packed(part) for field, part in held.items()})

    def _is_busy(self, bucket: Bucket) -> bool:
        """Whether a bucket is the newest of its kind: what changes all the time is quicker unpacked."""
        kind, number = bucket
        newest = self._newest.get(kind)
        if newest is None or number > newest:
            self._newest[kind] = number
            if newest is not None:
                before = (kind, newest)
                held = self._open(before) if before in self._parts else {}
                for field, part in held.items():
                    held[field] = self._packed(part)
                if held:
                    self._put_at_hand(before, len(held))
            return True
        return number == newest

    def _packed(self, part: Part | bytes) -> bytes:
        return part if isinstance(part, bytes) else pack(self._numbered(part))

    def _named(self, part: Part | bytes) -> Part:
        if isinstance(part, bytes):
            items = self.items.all
            return {items[n].measure: value for n, value in unpack(part).items()}
        return part

    def _numbered(self, part: Part | bytes) -> dict[int, int]:
        if isinstance(part, bytes):
            return unpack(part)
        names = self.items.names
        return {names[name]: value for name, value in part.items()}

    def credits(self) -> set[Credit]:
        """Everybody who has had anything in any bucket, by team as stated."""
        return {(field.manager, field.team) for field in self._fields}

    def buckets(self) -> set[Bucket]:
        """All buckets that anything is held of."""
        return set(self._parts)

    def settling(self) -> Iterator[None]:
        """Keep by family, in steps, what days hold that are over and have not changed since the last time."""
        before, since = self._changed or set(), set[Bucket]()
        self._changed = since
        over = [(kind, day) for kind, day in self._parts if kind == "d" and day < self._newest.get(kind, day)]
        for bucket in over:
            is_settled = isinstance(self._parts.get(bucket, {}), SettledDay)
            # Others had their turn: it may have changed again, or be gone.
            if not is_settled and bucket not in before and bucket not in since and bucket in self._parts:
                self._parts[bucket] = SettledDay(dict(self._rows(bucket, -1, "")), self.items.bits)
                self._count_at_hand -= self._at_hand.pop(bucket, 0)
                yield

    def of(self, bucket: Bucket, manager: str = "") -> Iterator[tuple[Credit, Deltas]]:
        """What a bucket's parts add, part by part. manager: of one alone, "" for all."""
        for field, items in self._rows(bucket, -1, manager):
            yield (field.manager, field.team), self._deltas(bucket, items)

    def of_families(
        self, bucket: Bucket, mask: int, manager: str = "", *, by_team: bool = False
    ) -> Iterator[tuple[Credit, dict[int, int]]]:
        """The same of some families, by item. by_team: people of a stated team may come as one."""
        bits, held, special = self.items.bits, self._parts.get(bucket), self.items.special
        found: Iterable[tuple[Credit, dict[int, int]]]
        if by_team and isinstance(held, SettledDay):
            found = held.by_team(mask)
        else:
            found = (((one.manager, one.team), items) for one, items in self._rows(bucket, mask, manager))
        for credit, items in found:
            if not isinstance(held, SettledDay):
                items = {number: value for number, value in items.items() if bits[number] & mask}  # noqa: PLW2901
            if items:
                yield credit, items if special.isdisjoint(items) else dict(self._shown(bucket, list(items.items())))

    def whole(self, bucket: Bucket, mask: int) -> dict[int, int] | None:
        """What a bucket adds in all, of some families; None where it has to be added up from its parts."""
        held = self._parts.get(bucket)
        return dict(self._deltas(bucket, held.whole(mask))) if isinstance(held, SettledDay) else None

    def columns(self, bucket: Bucket, mask: int) -> Iterator[tuple[int, Iterable[Field], list[int]]]:
        """What a bucket holds of some families, item by item: whose it is, and how much. An item may come again."""
        held, bits = self._parts.get(bucket), self.items.bits
        if isinstance(held, SettledDay):
            for number, fields, values in held.columns(mask):
                for shown, _ in self._deltas(bucket, {number: 0}):
                    yield shown, fields, values
            return
        for field, items in self._rows(bucket, mask, ""):
            for number, value in self._deltas(bucket, {n: value for n, value in items.items() if bits[n] & mask}):
                yield number, (field,), [value]

    def _rows(self, bucket: Bucket, mask: int, manager: str) -> Iterator[tuple[Field, dict[int, int]]]:
        held = self._parts.get(bucket, {})
        if isinstance(held, SettledDay):
            yield from held.items(mask, manager)
            return
        found = held.items(manager) if isinstance(held, Resting) else held.items()
        for field, raw in found:
            if not manager or field.manager == manager:
                yield field, self._numbered(raw)

    def _deltas(self, bucket: Bucket, items: dict[int, int]) -> Deltas:
        deltas = list(items.items())
        return deltas if self.items.special.isdisjoint(items) else self._shown(bucket, deltas)

    def first_day(self) -> int | None:
        """Ordinal of the first local day of which anything is held."""
        return min((number for kind, number in self._parts if kind == "d"), default=None)

    def everyone_waiting(self) -> list[Waiting]:
        """All who wait in all partitions, longest first."""
        return sorted((w for rows in self.waiting.values() for w in rows), key=lambda w: w.start)

    def _shown(self, bucket: Bucket, deltas: Deltas) -> Deltas:
        """Without what no family shows; money of another currency by the bucket's day."""
        items, day = self.items, self._day(bucket)
        return [(items.dated(n, day) if day and items.foreign[n] else n, value) for n, value in deltas if items.bits[n]]

    def _count_money(self, bucket: Bucket, deltas: Deltas) -> None:
        if bucket[0] not in {"d", "o"}:
            return
        for n, value in deltas:
            if currency := self.items.counted[n]:
                key = (currency, self._day(bucket))
                count = self.money_events.get(key, 0) + value
                if count:
                    self.money_events[key] = count
                else:
                    del self.money_events[key]

    def _day(self, bucket: Bucket) -> int:
        day = self._days.get(bucket)
        if day is None:
            kind, number = bucket
            day = number if kind == "d" else BASE if kind == "o" else local_day(number, self._zone)
            self._days[bucket] = day
        return day
