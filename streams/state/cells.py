"""The cells of one partition: sums rolled up into local minutes, hours and days, and kept while they may be asked for.

What a kept cell holds depends on the log alone, not on when sums were rolled up: what is gone does not come back, so a
bucket that is kept now was kept at every roll-up before, and one that is past its time goes as a whole.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from metrics.view import field
from streams.errors import StateError
from streams.fold.deltas import OPEN, Deltas, Tally
from streams.fold.localtime import LocalTime
from streams.fold.rules import DAYS_KEPT
from streams.state.bucket import Bucket, decode_part
from streams.state.keeping import HOURS_KEPT, MINUTES_KEPT, Kept
from streams.state.rolling import by_day, by_hour

_KINDS: Final = (b"o", b"m", b"h", b"d")
_HOT: Final = 10_000
"""Parts that may stay decoded after a cut."""
_SPECS: Final = 100_000
"""Spellings of measures that are remembered: senders choose categories, pipelines and stages freely."""

_head: Final = struct.Struct(">cq")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode_pair: Final = msgspec.msgpack.Decoder(list[str]).decode

Where = tuple[str, int]
"""Kind and start of a bucket."""


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
        self._expired_at = (0, 0, 0)

    def __len__(self) -> int:
        return self._count

    # -- from sums to parts

    def roll_up(self, kept: Kept, first_day: int) -> None:
        """Move all sums into parts and drop what is kept no longer."""
        if minutes := self._deltas.take():
            self._roll(minutes, kept, first_day)
            self._deltas.forget(_SPECS)
        at = (kept.minutes - 1) // 60, (kept.hours - 1) // 60, first_day
        if at != self._expired_at:
            self._expired_at = at
            self._expire(kept, first_day)

    def _roll(self, minutes: dict[int, Tally], kept: Kept, first_day: int) -> None:
        first_minute, first_hour = (kept.minutes - 1) // 60 + 1, kept.hours
        # In this order: `by_hour` adds minutes up in the very sums that are poured as minutes, `by_day` those of hours.
        self._pour("o", 0, minutes.pop(OPEN, {}))
        for minute, tally in minutes.items():
            if minute >= first_minute:
                self._pour("m", minute * 60, tally)
        hours = by_hour(minutes, self._local)
        for (hour, _), tally in hours.items():
            if hour >= first_hour:
                self._pour("h", hour, tally)
        for day, tally in by_day(hours).items():
            if day >= first_day:
                self._pour("d", day, tally)

    def _pour(self, kind: str, start: int, tally: Tally) -> None:
        if tally:
            bucket = self._bucket(kind, start)
            self._count += bucket.pour(tally, self._deltas)
            self._uncut[bucket] = self._unseen[bucket] = None

    def _bucket(self, kind: str, start: int) -> Bucket:
        bucket = self._buckets.get((kind, start))
        if bucket is None:
            bucket = self._buckets[kind, start] = Bucket(kind, start)
        return bucket

    def _expire(self, kept: Kept, first_day: int) -> None:
        for bucket in [bucket for bucket in self._buckets.values() if not bucket.is_kept(kept, first_day)]:
            del self._buckets[bucket.kind, bucket.start]
            self._count -= len(bucket.parts)
            gone = dict.fromkeys(bucket.parts, b"")
            bucket.uncut.update(gone)
            bucket.unseen.update(gone)
            bucket.parts = {}
            bucket.split = {}
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
                    # Encoding is what a part costs: changelog and view share one payload (decision 21).
                    if pair in unseen:
                        unseen[pair] = payload
                result.append((head + keys[pair], payload or None))
                if not payload:
                    self._count -= parts.pop(pair, None) is not None
                elif len(warm) < _HOT:
                    # What changed will change again soon: it is decoded until a cut finds it unchanged (`_cool`).
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

    def changes(self) -> tuple[dict[Where, dict[bytes, bytes | None]], set[Where]]:
        """Parts changed since the last call, for the view: field → payload, None to take it away; by bucket.

        Second, the buckets of which that is everything there is.
        """
        self._learn_pairs()
        changed, self._unseen = self._unseen, {}
        fields = self._fields
        result: dict[Where, dict[bytes, bytes | None]] = {}
        whole: set[Where] = set()
        for bucket in changed:
            uncut = bucket.uncut
            unseen, bucket.unseen = bucket.unseen, {}
            where = bucket.kind, bucket.start
            found = result[where] = {}
            if bucket.parts.keys() <= unseen.keys():
                whole.add(where)
            for pair, payload in unseen.items():
                if payload is None:
                    payload = bucket.encode(pair)  # noqa: PLW2901 - the same payload, made now
                    if pair in uncut:
                        uncut[pair] = payload
                found[fields[pair]] = payload or None
        return result, whole

    def buckets(self) -> list[Where]:
        """The buckets that have parts."""
        return [where for where, bucket in self._buckets.items() if bucket.parts]

    def everything(self, only: Collection[Where] | None = None) -> Iterator[tuple[Where, dict[bytes, bytes | None]]]:
        """All parts (`only`: of these buckets), a bucket at a time, as in `changes`."""
        for where, bucket in list(self._buckets.items()):
            if only is not None and where not in only:
                continue
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
                bucket = self._bucket(kind.decode(), start)
                parts, raw = bucket.parts, key[size:]
                pair = known.get(raw)
                if pair is None:
                    pair = known[raw] = self._deltas.pair(*_decode_pair(raw))
                self._count -= pair in parts
                if value is None:
                    parts.pop(pair, None)
                else:
                    decode_part(value)
                    parts[pair] = value
                    self._count += 1
                    self._restore_split(bucket, pair)
        except (msgspec.MsgspecError, struct.error, ValueError, TypeError) as error:
            raise StateError(f"a cell cannot be read: {error}") from error

    def _restore_split(self, bucket: Bucket, pair: int) -> None:
        """Know again what is split: what has a piece. A part that came after its pieces had gone is whole."""
        deltas, path = self._deltas, self._deltas.paths[pair]
        if bucket.split:
            bucket.split.pop(pair, None)
        for end in range(len(path)):
            above = deltas.pair(*deltas.pairs[pair], path[:end])
            if above not in bucket.split:
                bucket.split[above] = deltas.pieces(above)

    def _learn_pairs(self) -> None:
        deltas, start = self._deltas, len(self._fields)
        for (manager, team), path in zip(deltas.pairs[start:], deltas.paths[start:], strict=True):
            self._pair_keys.append(_encode((manager, team, path) if path else (manager, team)))
            self._fields.append(field(self._number, manager, team, path))


__all__ = ["DAYS_KEPT", "HOURS_KEPT", "MINUTES_KEPT", "Cells"]
