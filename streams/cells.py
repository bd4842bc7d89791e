"""The cells of one partition: sums rolled up into local minutes, hours and days, and kept by partition time.

What a kept cell holds depends on the log alone, not on when sums were rolled up: partition time never falls, so a
bucket that is kept now was kept at every roll-up before, and one that is past its time goes as a whole.
"""

import struct
from collections.abc import Iterable, Iterator

import msgspec

from metrics.view import encode_part, field
from streams.errors import StateError
from streams.fold.deltas import BITS, MASK, Deltas, Sums
from streams.fold.localtime import DAY, HOUR, MINUTE, SECOND, LocalTime
from streams.rolling import Tally, by_day, by_hour

MINUTES_KEPT = 3 * HOUR
HOURS_KEPT = 15 * DAY
DAYS_KEPT = 800
"""Local days."""

_KINDS = (b"o", b"m", b"h", b"d")
_HOT = 10_000
"""Parts that may stay decoded after a cut."""

_head = struct.Struct(">cq")
_encode = msgspec.msgpack.Encoder().encode
_decode_pair = msgspec.msgpack.Decoder(tuple[str, str]).decode
_decode_part = msgspec.msgpack.Decoder(dict[str, int], strict=False).decode

Part = dict[str, int]
"""Measure key → sum, never a zero."""


class Bucket:
    """The parts of one bucket by pair: decoded while they change, the payload of the last cut while they do not.

    uncut, unseen: what the changelog and the view have not been told, as payloads; None: not encoded yet, b"": gone.
    """

    __slots__ = ("kind", "parts", "start", "uncut", "unseen")

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind
        self.start = start
        self.parts: dict[int, Part | bytes] = {}
        self.uncut: dict[int, bytes | None] = {}
        self.unseen: dict[int, bytes | None] = {}

    def pour(self, tally: Tally, measures: list[tuple[str, ...]]) -> int:
        """Add sums to parts; how many parts are new. One left as it was counts as changed all the same.

        A worker that was killed may have shown the part as it was in between, and nobody else would take that back.
        """
        parts, before = self.parts, len(self.parts)
        for pair, sums in tally.items():
            part = parts.get(pair)
            if not isinstance(part, dict):
                part = parts[pair] = {} if part is None else _decode_part(part)
            for spec, n in sums.items():
                for name in measures[spec]:
                    total = part.get(name, 0) + n
                    if total:
                        part[name] = total
                    else:
                        part.pop(name, None)
        changed = dict.fromkeys(tally)
        self.uncut.update(changed)
        self.unseen.update(changed)
        return len(parts) - before

    def encode(self, pair: int) -> bytes:
        """The payload of a part; b"" when nothing is in it."""
        part = self.parts.get(pair, b"")
        return part if isinstance(part, bytes) else encode_part(part) if part else b""

    def is_kept(self, time: int, first_day: int) -> bool:
        """Whether partition time (us) has not gone past it."""
        if self.kind == "m":
            return self.start * SECOND + MINUTES_KEPT > time
        if self.kind == "h":
            return self.start * SECOND + HOURS_KEPT > time
        return self.kind == "o" or self.start >= first_day


class Cells:
    """Parts by bucket and (manager, team)."""

    def __init__(self, number: int, deltas: Deltas, local: LocalTime) -> None:
        self._number = number
        self._deltas = deltas
        self._local = local
        self._count = 0
        self._buckets: dict[tuple[str, int], Bucket] = {}
        self._uncut: dict[Bucket, None] = {}
        self._unseen: dict[Bucket, None] = {}
        self._warm: list[tuple[Bucket, int, bytes]] = []
        self._pair_keys: list[bytes] = []
        self._fields: list[bytes] = []
        self._expired_at = -1

    def __len__(self) -> int:
        return self._count

    # -- from sums to parts

    def roll_up(self, time: int, first_day: int) -> None:
        """Move all sums into parts and drop what is past its keeping time. `time`: partition time, us."""
        if self._deltas.cells:
            cells, self._deltas.cells = self._deltas.cells, {}
            self._roll(cells, time, first_day)
        if time // MINUTE != self._expired_at:
            self._expired_at = time // MINUTE
            self._expire(time, first_day)

    def _roll(self, cells: dict[int, Sums], time: int, first_day: int) -> None:
        first_minute = (time - MINUTES_KEPT) // MINUTE + 1
        first_hour = (time - HOURS_KEPT) // SECOND + 1
        is_open: Tally = {}
        minutes: dict[int, Tally] = {}
        for key, sums in cells.items():
            minute = key >> BITS
            if not minute:
                is_open[key] = sums
            elif minute >= first_minute:
                minutes.setdefault(minute, {})[key & MASK] = sums
        for pair in is_open:
            del cells[pair]
        self._pour("o", 0, is_open)
        for minute, tally in minutes.items():
            self._pour("m", minute * 60, tally)
        hours = by_hour(cells, self._local)
        for (hour, _), tally in hours.items():
            if hour >= first_hour:
                self._pour("h", hour, tally)
        for day, tally in by_day(hours).items():
            if day >= first_day:
                self._pour("d", day, tally)

    def _pour(self, kind: str, start: int, tally: Tally) -> None:
        if tally:
            bucket = self._bucket(kind, start)
            self._count += bucket.pour(tally, self._deltas.specs.measures)
            self._uncut[bucket] = self._unseen[bucket] = None

    def _bucket(self, kind: str, start: int) -> Bucket:
        bucket = self._buckets.get((kind, start))
        if bucket is None:
            bucket = self._buckets[kind, start] = Bucket(kind, start)
        return bucket

    def _expire(self, time: int, first_day: int) -> None:
        for bucket in [bucket for bucket in self._buckets.values() if not bucket.is_kept(time, first_day)]:
            del self._buckets[bucket.kind, bucket.start]
            self._count -= len(bucket.parts)
            gone = dict.fromkeys(bucket.parts, b"")
            bucket.uncut.update(gone)
            bucket.unseen.update(gone)
            bucket.parts = {}
            self._uncut[bucket] = self._unseen[bucket] = None

    # -- what changed

    def cut(self) -> list[tuple[bytes, bytes | None]]:
        """Parts changed since the last cut, for the changelog; None takes a part away."""
        self._learn_pairs()
        self._cool()
        changed, self._uncut = self._uncut, {}
        keys, warm = self._pair_keys, self._warm
        result: list[tuple[bytes, bytes | None]] = []
        for bucket in changed:
            head = _head.pack(bucket.kind.encode(), bucket.start)
            parts, unseen = bucket.parts, bucket.unseen
            uncut, bucket.uncut = bucket.uncut, {}
            for pair, payload in uncut.items():
                if payload is None:
                    payload = bucket.encode(pair)  # noqa: PLW2901 - the same payload, made now
                    if pair in unseen:
                        unseen[pair] = payload
                result.append((head + keys[pair], payload or None))
                if not payload:
                    self._count -= parts.pop(pair, None) is not None
                elif len(warm) < _HOT:
                    warm.append((bucket, pair, payload))
                else:
                    parts[pair] = payload
        return result

    def _cool(self) -> None:
        """Encode what has not changed since the last cut: its payload is at hand."""
        for bucket, pair, payload in self._warm:
            if pair not in bucket.uncut and pair in bucket.parts:
                bucket.parts[pair] = payload
        self._warm.clear()

    def changes(self) -> dict[tuple[str, int], dict[bytes, bytes | None]]:
        """Parts changed since the last call, for the view: (kind, bucket) → field → payload, None to take it away."""
        self._learn_pairs()
        changed, self._unseen = self._unseen, {}
        fields = self._fields
        result: dict[tuple[str, int], dict[bytes, bytes | None]] = {}
        for bucket in changed:
            uncut = bucket.uncut
            unseen, bucket.unseen = bucket.unseen, {}
            found = result[bucket.kind, bucket.start] = {}
            for pair, payload in unseen.items():
                if payload is None:
                    payload = bucket.encode(pair)  # noqa: PLW2901 - the same payload, made now
                    if pair in uncut:
                        uncut[pair] = payload
                found[fields[pair]] = payload or None
        return result

    def everything(self) -> Iterator[tuple[tuple[str, int], dict[bytes, bytes | None]]]:
        """All parts, a bucket at a time, as in `changes`."""
        for bucket in list(self._buckets.values()):
            self._learn_pairs()
            held = {self._fields[pair]: bucket.encode(pair) or None for pair in bucket.parts}
            yield (bucket.kind, bucket.start), held

    def restore(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take over parts as `cut` gave them; later ones win. Raises StateError."""
        known: dict[bytes, int] = {}
        size = _head.size
        try:
            for key, value in pairs:
                kind, start = _head.unpack_from(key)
                if kind not in _KINDS:
                    raise StateError(f"a cell of an unknown kind: {key!r}")
                parts = self._bucket(kind.decode(), start).parts
                raw = key[size:]
                pair = known.get(raw)
                if pair is None:
                    pair = known[raw] = self._deltas.pair(*_decode_pair(raw))
                self._count -= pair in parts
                if value is None:
                    parts.pop(pair, None)
                else:
                    _decode_part(value)
                    parts[pair] = value
                    self._count += 1
        except (msgspec.MsgspecError, struct.error, ValueError) as error:
            raise StateError(f"a cell cannot be read: {error}") from error

    def _learn_pairs(self) -> None:
        for manager, team in self._deltas.pairs[len(self._fields) :]:
            self._pair_keys.append(_encode((manager, team)))
            self._fields.append(field(self._number, manager, team))
