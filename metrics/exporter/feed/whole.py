"""Whether Redis has all of the view: compares what is there with manifests and heartbeats, each at one moment.

Workers write a round at once, and the scripts here look at once, so that a write under way is never taken for a loss.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError

from metrics import view


class Holes(NamedTuple):
    """How many hashes are not there as they should be, and in words what is missing; 0 and "" when nothing is."""

    hashes: int
    what: str


Heartbeats = dict[int, dict[str, Any]]
Page = Sequence[tuple[str, Sequence[bytes]]]
"""Hashes and some of their fields."""


class Manifests:
    """What workers say that the view must hold."""

    def __init__(self, client: Any, keys: view.Keys) -> None:
        self._redis = client
        self._keys = keys
        self._sha = ""

    async def read(self) -> tuple[Heartbeats, dict[str, int], Holes]:
        """Heartbeats, the hashes of cells there must be with their numbers of fields, and what these lack."""
        partitions = range(count_of(heartbeats(await self._redis.hgetall(self._keys.partitions))))
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(self._keys.partitions)
        for number in partitions:
            pipe.hgetall(self._keys.manifest(number))
        raw, *found = await pipe.execute()
        beats = heartbeats(raw)
        sizes: dict[str, int] = {}
        missing: list[tuple[int, int]] = []
        for number, names in zip(partitions, found, strict=True):
            before, behind = self._keys.around(number)
            sizes |= {f"{before}{name.decode()}{behind}": int(size) for name, size in names.items()}
            if lacking := _lacking(beats.get(number, {}), len(names)):
                missing.append((number, lacking))
        return beats, sizes, _told(missing, (), 0)

    async def again(self, key: str) -> tuple[dict[bytes, bytes], bool]:
        """One hash of cells, and whether it is as its manifest says; one that no manifest has any more may be gone."""
        manifest, name = self._keys.counted(key)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(key)
        pipe.hget(manifest, name)
        found, size = await pipe.execute(raise_on_error=False)
        if isinstance(found, Exception):
            return {}, False
        return found, (size is None and not found) or int(size or -1) == len(found)

    async def holes(self, known: Collection[int] = ()) -> Holes:
        """What is missing now; see `beside`."""
        return (await self.beside((), known))[0]

    async def beside(self, wanted: Page, known: Collection[int] = ()) -> tuple[Holes, list[list[bytes | None]]]:
        """What is missing, and the values of fields of hashes at the same moment: one that is not there is lost or not.

        known: partitions that have reported before. Where one has not any more its parts are being taken away: it is
        counted again from its start. Raises RedisError where a hash is none.
        """
        try:
            return await self._beside(wanted, known)
        except NoScriptError:
            self._sha = ""
            return await self._beside(wanted, known)

    async def _beside(self, wanted: Page, known: Collection[int]) -> tuple[Holes, list[list[bytes | None]]]:
        self._sha = self._sha or await self._redis.script_load(view.BROKEN_HASHES)
        keys = self._keys
        count = count_of(heartbeats(await self._redis.hgetall(keys.partitions)))
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(keys.partitions)
        pipe.hkeys(keys.waiting)
        pipe.hkeys(keys.unanswered)
        pipe.hlen(keys.reference)
        pipe.hget(keys.reference_count, "n")
        for number in range(count):
            pipe.evalsha(self._sha, 1, keys.manifest(number), *keys.around(number))
        for key, fields in wanted:
            pipe.hmget(key, fields)
        raw, waiting, unanswered, reference, counted, *rest = await pipe.execute(raise_on_error=False)
        found, values = rest[:count], rest[count:]
        for answer in (raw, *rest):
            if isinstance(answer, Exception):
                raise answer
        beats = heartbeats(raw)
        lacking = {
            number: _lacking(beats.get(number, {}), counted) + len(broken)
            for number, (counted, *broken) in enumerate(found)
        }
        lacking |= {number: max(1, lacking.get(number, 0)) for number in set(known) - beats.keys()}
        missing = sorted((number, hashes) for number, hashes in lacking.items() if hashes)
        named = [{int(name) for name in names} if isinstance(names, list) else set() for names in (waiting, unanswered)]
        recorded = int(view.decode_any(view.split(counted)[1])) if isinstance(counted, bytes) else 0
        short = recorded - (reference if isinstance(reference, int) else 0)
        return _told(missing, sorted(beats.keys() - set.intersection(*named)), max(0, short)), values


def heartbeats(raw: Mapping[bytes, bytes]) -> dict[int, dict[str, Any]]:
    """Heartbeats by partition, as they lie in Redis. Raises ViewError."""
    return {int(number): view.decode_any(view.split(value)[1]) for number, value in raw.items()}


def rewound(beats: Heartbeats) -> dict[int, int]:
    """When the view of each partition last went back to what was before, Unix ms; 0 where it never did."""
    return {number: int(beat.get("rewound", 0)) for number, beat in beats.items()}


def count_of(beats: Heartbeats) -> int:
    """How many partitions there are, as far as anybody has said."""
    return max((int(beat.get("count", 0)) for beat in beats.values()), default=0)


def _lacking(beat: Mapping[str, Any], counted: int) -> int:
    """How many hashes a manifest lacks, or has that must not be; one where some may be older than they should be."""
    return abs(int(beat.get("hashes", counted)) - counted) or int(not beat.get("intact", True))


def _told(missing: Collection[tuple[int, int]], waiting: Collection[int], reference: int) -> Holes:
    said = []
    if missing:
        partitions = ", ".join(str(number) for number, _ in missing)
        said.append(f"{sum(count for _, count in missing)} hashes of cells (partitions {partitions})")
    if waiting:
        said.append(f"who waits (partitions {', '.join(map(str, waiting))})")
    if reference:
        said.append(f"{reference} reference records")
    return Holes(sum(count for _, count in missing) + bool(waiting) + bool(reference), ", ".join(said))
