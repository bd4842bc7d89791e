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
from streams.rolling import Rolled, Slots

MINUTES_KEPT = 3 * HOUR
HOURS_KEPT = 15 * DAY
DAYS_KEPT = 800
"""Local days."""

_KINDS = "omhd"
_OPEN, _MINUTE, _HOUR, _DAY = range(4)
_HOT = 10_000
"""Parts that stay decoded after a cut."""

_head = struct.Struct(">cq")
_encode = msgspec.msgpack.Encoder().encode
_decode_pair = msgspec.msgpack.Decoder(tuple[str, str]).decode
_decode_part = msgspec.msgpack.Decoder(dict[str, int], strict=False).decode
_decode_compact = msgspec.msgpack.Decoder(list[int], strict=False).decode

Part = dict[str, int]
"""Measure key → sum; never empty, never a zero."""


class Cells:
    """Parts by bucket and (manager, team). A part is decoded in `_hot`, or compact bytes in its bucket."""

    def __init__(self, number: int, deltas: Deltas, local: LocalTime) -> None:
        self._number = number
        self._deltas = deltas
        self._local = local
        self._hot: dict[int, Part] = {}
        self._buckets: dict[int, dict[int, bytes | None]] = {}
        self._encoded: dict[int, bytes | None] = {}
        self._uncut: set[int] = set()
        self._unseen: set[int] = set()
        self._names: list[str] = []
        self._name_ids: dict[str, int] = {}
        self._pair_keys: list[bytes] = []
        self._fields: list[bytes] = []
        self._expired_at = -1

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

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
        hours = Rolled()
        slots = Slots(self._local)
        for key, sums in cells.items():
            minute = key >> BITS
            if minute <= 0:
                self._pour(_OPEN, key & MASK, sums)
                continue
            if minute >= first_minute:
                self._pour(minute * 60 << 2 | _MINUTE, key & MASK, sums)
            hours.add(slots[minute] << BITS | key & MASK, sums)
        days = Rolled()
        for key, sums in hours.items():
            hour, day = slots.places[key >> BITS]
            if hour >= first_hour:
                self._pour(hour << 2 | _HOUR, key & MASK, sums)
            if day >= first_day:
                days.add(day << BITS | key & MASK, sums)
        for key, sums in days.items():
            self._pour(key >> BITS << 2 | _DAY, key & MASK, sums)

    def _pour(self, bucket: int, pair: int, sums: Sums) -> None:
        """Add sums to a part; one that they leave as it was counts as changed all the same.

        A worker that was killed may have shown the part as it was in between, and nobody else would take that back.
        """
        key = bucket << BITS | pair
        part = self._hot.get(key)
        if part is None:
            part = self._warm(key)
        measures = self._deltas.specs.measures
        for spec, n in sums.items():
            if n:
                for name in measures[spec]:
                    total = part.get(name, 0) + n
                    if total:
                        part[name] = total
                    else:
                        del part[name]
        self._uncut.add(key)
        self._unseen.add(key)

    def _warm(self, key: int) -> Part:
        bucket, pair = key >> BITS, key & MASK
        parts = self._buckets.get(bucket)
        if parts is None:
            parts = self._buckets[bucket] = {}
        packed = parts.get(pair)
        part = self._unpack(packed) if packed else {}
        parts[pair] = None
        self._hot[key] = part
        return part

    def _expire(self, time: int, first_day: int) -> None:
        for bucket in [b for b in self._buckets if not self._is_kept(b, time, first_day)]:
            for pair in self._buckets.pop(bucket):
                key = bucket << BITS | pair
                self._hot.pop(key, None)
                self._uncut.add(key)
                self._unseen.add(key)

    @staticmethod
    def _is_kept(bucket: int, time: int, first_day: int) -> bool:
        kind, start = bucket & 3, bucket >> 2
        if kind == _MINUTE:
            return start * SECOND + MINUTES_KEPT > time
        if kind == _HOUR:
            return start * SECOND + HOURS_KEPT > time
        return kind == _OPEN or start >= first_day

    # -- what changed

    def cut(self) -> list[tuple[bytes, bytes | None]]:
        """Parts changed since the last cut, for the changelog; None takes a part away."""
        uncut, self._uncut = self._uncut, set()
        encoded, unseen = self._encoded, self._unseen
        result: list[tuple[bytes, bytes | None]] = []
        hot = self._hot
        for key in uncut:
            payload = encoded[key] if key in encoded and key not in unseen else self._encode(key)
            bucket, pair = key >> BITS, key & MASK
            result.append((_head.pack(_KINDS[bucket & 3].encode(), bucket >> 2) + self._pair_key(pair), payload))
            if payload is None:
                self._forget(bucket, pair, key)
            else:
                hot[key] = hot.pop(key)
        encoded.clear()
        self._cool()
        return result

    def changes(self) -> dict[tuple[str, int], dict[bytes, bytes | None]]:
        """Parts changed since the last call, for the view: (kind, bucket) → field → payload, None to take it away."""
        unseen, self._unseen = self._unseen, set()
        encoded, uncut = self._encoded, self._uncut
        result: dict[tuple[str, int], dict[bytes, bytes | None]] = {}
        for key in unseen:
            bucket, pair = key >> BITS, key & MASK
            payload = self._encode(key)
            if key in uncut:
                encoded[key] = payload
            where = _KINDS[bucket & 3], bucket >> 2
            found = result.get(where)
            if found is None:
                found = result[where] = {}
            found[self._field(pair)] = payload
        return result

    def everything(self) -> Iterator[tuple[tuple[str, int], dict[bytes, bytes | None]]]:
        """All parts, a bucket at a time, as in `changes`."""
        for bucket in list(self._buckets):
            parts = self._buckets.get(bucket, {})
            held = {self._field(pair): self._encode(bucket << BITS | pair) for pair in list(parts)}
            yield (_KINDS[bucket & 3], bucket >> 2), held

    def _encode(self, key: int) -> bytes | None:
        part = self._hot.get(key)
        if part is None:
            packed = self._buckets.get(key >> BITS, {}).get(key & MASK)
            part = self._unpack(packed) if packed else None
        return encode_part(part) if part else None

    def _forget(self, bucket: int, pair: int, key: int) -> None:
        self._hot.pop(key, None)
        parts = self._buckets.get(bucket)
        if parts is not None:
            parts.pop(pair, None)
            if not parts:
                del self._buckets[bucket]

    # -- cold parts

    def _cool(self) -> None:
        hot = self._hot
        for key in [key for key, _ in zip(hot, range(len(hot) - _HOT), strict=False)]:
            self._buckets[key >> BITS][key & MASK] = self._pack(hot.pop(key))

    def _pack(self, part: Part) -> bytes:
        flat: list[int | str] = []
        for name, n in part.items():
            number = self._name_ids.get(name)
            if number is None:
                number = self._name_ids[name] = len(self._names)
                self._names.append(name)
            flat += number, n
        try:
            return _encode(flat)
        except OverflowError:
            return _encode([n if -(1 << 63) <= int(n) < 1 << 63 else str(n) for n in flat])

    def _unpack(self, packed: bytes) -> Part:
        flat = _decode_compact(packed)
        names = self._names
        return {names[flat[i]]: flat[i + 1] for i in range(0, len(flat), 2)}

    def restore(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take over parts as `cut` gave them; later ones win. Raises StateError."""
        known: dict[bytes, int] = {}
        size = _head.size
        try:
            for key, value in pairs:
                kind, start = _head.unpack_from(key)
                bucket = start << 2 | _KINDS.index(kind.decode())
                raw = key[size:]
                pair = known.get(raw)
                if pair is None:
                    pair = known[raw] = self._deltas.pair(*_decode_pair(raw))
                if value is None:
                    self._forget(bucket, pair, bucket << BITS | pair)
                    continue
                parts = self._buckets.get(bucket)
                if parts is None:
                    parts = self._buckets[bucket] = {}
                parts[pair] = self._pack(_decode_part(value))
        except (msgspec.MsgspecError, struct.error, ValueError) as error:
            raise StateError(f"a cell cannot be read: {error}") from error

    def _pair_key(self, pair: int) -> bytes:
        self._learn_pairs()
        return self._pair_keys[pair]

    def _field(self, pair: int) -> bytes:
        self._learn_pairs()
        return self._fields[pair]

    def _learn_pairs(self) -> None:
        for manager, team in self._deltas.pairs[len(self._fields) :]:
            self._pair_keys.append(_encode((manager, team)))
            self._fields.append(field(self._number, manager, team))
