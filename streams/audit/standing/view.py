"""What Redis shows of a unit, read in one transaction with the heartbeats that say as of which record it is."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from redis.exceptions import RedisError

from metrics.errors import AwayError, ViewError
from metrics.redis_client import connect_blocking
from metrics.view import Keys, decode_any, split
from streams.audit.shown_parts import ShownParts
from streams.audit.standing.units import AHEAD, OPEN, Unit, buckets, day_of
from streams.plain.rules import PlainRules

_SECONDS = 5.0
_KEYS = 2_000
"""Hashes that are read in one transaction at most."""

_AHEAD = AHEAD // 2 * 10**6

Fields = dict[bytes, bytes]
Place = tuple[str, int, int]
"""Kind of bucket, bucket, partition."""
Beat = tuple[int, dict[str, Any]]
"""Fence and what the owner reports."""


class HashStore(Protocol):
    """Hashes of Redis. Raises RedisError, OSError."""

    def names(self, pattern: str) -> Iterable[str]:
        """Names of keys."""

    def hashes(self, names: Sequence[str]) -> list[Fields]:
        """Hashes, all as of one moment."""


class RedisStore:
    """The real one; used in threads, one call at a time, so that what it costs can be told."""

    def __init__(self, url: str) -> None:
        self._redis = connect_blocking(url, _SECONDS)

    def names(self, pattern: str) -> Iterable[str]:
        """SCAN."""
        for name in self._redis.scan_iter(match=pattern, count=1000):
            yield name.decode()

    def hashes(self, names: Sequence[str]) -> list[Fields]:
        """HGETALL of each in a transaction."""
        pipeline = self._redis.pipeline(transaction=True)
        for name in names:
            pipeline.hgetall(name)
        found: list[Fields] = pipeline.execute()
        return found

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


@dataclass
class Slice(ShownParts):
    """What was read of a view. buckets: kind, bucket and partition of all hashes that were asked for."""

    buckets: set[Place] = field(default_factory=set)


class View:
    """What workers show under one application id. Raises AwayError where it cannot be read or believed."""

    def __init__(self, store: HashStore, app_id: str, zone: str, rules: PlainRules) -> None:
        self._store = store
        self._keys = Keys(app_id)
        self._zone = zone
        self._rules = rules
        self._named: defaultdict[Unit, set[Place]] = defaultdict(set)

    def days(self) -> set[int]:
        """Look for the names of all hashes; says of which local days (ordinals) there are any."""
        self._named.clear()
        with _explained():
            for name in self._store.names(self._keys.all_cells):
                if (place := self._keys.place(name)) is not None:
                    self._named[Unit(day_of(*place[:2], self._rules))].add(place)
        return {unit.day for unit in self._named if unit != OPEN}

    def partitions(self) -> set[int]:
        """Those whose owners have reported."""
        return set(self._beats(None))

    def read(self, units: Collection[Unit], partitions: Collection[int]) -> Slice:
        """What is shown of some partitions; `done` says which of them are as of their heartbeat, `fences`, and whole.

        What takes more than one transaction is as of the first one's heartbeats all the same, or not done.
        """
        keys, before = self._keys, self._beats(partitions)
        shown = Slice(keys, buckets=self._wanted(units, {n: beat["time"] for n, (_, beat) in before.items()}))
        cells = [(place, keys.cells(*place)) for place in sorted(shown.buckets)]
        first = [keys.partitions, *([keys.waiting, keys.unanswered] if OPEN in units else [])]
        with _explained():
            beats, *lists = self._store.hashes([*first, *(name for _, name in cells[:_KEYS])])
            for begin in range(_KEYS, len(cells), _KEYS):
                lists += self._store.hashes([name for _, name in cells[begin : begin + _KEYS]])
            if OPEN in units:
                self._take_lists(shown, lists.pop(0), lists.pop(0), set(partitions))
            for ((kind, bucket, _), _), fields in zip(cells, lists, strict=True):
                for name, value in fields.items():
                    shown.put(kind, bucket, name, value)
            now = self._judged(beats, partitions)
            # A partition whose time has gone on by much has buckets that were not asked for.
            near = {n: one for n, one in now.items() if n in before and one[1]["time"] <= before[n][1]["time"] + _AHEAD}
            shown.settle({n: fence for n, (fence, _) in near.items()}, {n: beat for n, (_, beat) in near.items()})
        return shown

    def _wanted(self, units: Collection[Unit], times: Mapping[int, int]) -> set[Place]:
        found = {place for unit in units for place in self._named[unit] if place[2] in times}
        return found | {
            (*bucket, number)
            for number, time in times.items()
            for unit in units
            for bucket in buckets(unit, self._rules, time)
        }

    def _beats(self, partitions: Collection[int] | None) -> dict[int, Beat]:
        with _explained():
            (beats,) = self._store.hashes([self._keys.partitions])
            if not beats:
                raise AwayError("no worker has reported yet")
            return self._judged(beats, partitions)

    def _judged(self, raw: Fields, partitions: Collection[int] | None) -> dict[int, Beat]:
        """Heartbeats of some partitions, or all. Raises AwayError for those that cannot be compared with."""
        found: dict[int, Beat] = {}
        for name, value in raw.items():
            number, (fence, payload) = int(name), split(value)
            if partitions is not None and number not in partitions:
                continue
            beat = found[number] = fence, decode_any(payload)
            if (zone := beat[1].get("zone", self._zone)) != self._zone:
                raise AwayError(f"workers count in {zone}, the ledger in {self._zone}: set SALES_TIMEZONE")
            if not beat[1].get("whole", True):
                raise AwayError(f"the view of partition {number} is being written again")
        return found

    def _take_lists(self, shown: ShownParts, waiting: Fields, unanswered: Fields, numbers: set[int]) -> None:
        for number in numbers:
            if (value := waiting.get(str(number).encode())) is not None:
                shown.put_waiting(number, value)
            if (value := unanswered.get(str(number).encode())) is not None:
                shown.put_unanswered(number, value)


@contextmanager
def _explained() -> Iterator[None]:
    """What Redis does not do, or holds in another form, is an AwayError."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise AwayError(f"Redis does not answer the ledger: {error}") from error
    except ViewError as error:
        raise AwayError(f"the view cannot be read: {error}") from error
