"""What Redis holds, read as of one fence per partition although workers go on writing.

A worker writes parts, announces them, and then writes its heartbeat. So when heartbeats are read first and everything
announced after them, all parts of a partition are as of its heartbeat, unless one bears a greater fence: then it was
written meanwhile, and the partition's turn comes a moment later.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from metrics.view import (
    Keys,
    Unanswered,
    Waiting,
    decode_any,
    decode_part,
    decode_unanswered,
    decode_waiting,
    parse_field,
    split,
)
from streams.audit.report import AuditError

Client = Any
"""redis.asyncio.Redis that answers in bytes; its own annotations allow text everywhere."""

_PAUSE = 0.02

PartName = tuple[str, int, int, str, str]
"""Kind of bucket, bucket, partition, manager, team as stated."""


@dataclass
class ShownParts:
    """A view as it stood at `fences` (partition → offset of the last record folded).

    newest: greatest fence of any value of a partition. done: partitions that are as of their fence; what is written
    to them later is left out.
    """

    keys: Keys
    fences: dict[int, int] = field(default_factory=dict)
    beats: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[PartName, dict[str, int]] = field(default_factory=dict)
    pieces: dict[PartName, dict[str, dict[str, int]]] = field(default_factory=dict)
    """What `parts` are put together from, by piece."""
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)
    unanswered: dict[int, list[Unanswered]] = field(default_factory=dict)
    reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def put(self, kind: str, bucket: int, raw_field: bytes, value: bytes | None) -> None:
        """Take over one field of a cells hash; None removes it."""
        partition, manager, team, piece = parse_field(raw_field)
        if partition in self.done:
            return
        name = (kind, bucket, partition, manager, team)
        pieces = self.pieces.setdefault(name, {})
        if value is None:
            pieces.pop(piece, None)
        else:
            fence, payload = split(value)
            self._saw(partition, fence)
            pieces[piece] = decode_part(payload)
        if pieces:
            self.parts[name] = {one: n for held in pieces.values() for one, n in held.items()}
        else:
            self.parts.pop(name, None)

    def put_waiting(self, partition: int, value: bytes) -> None:
        """Take over who waits in a partition."""
        if partition not in self.done:
            fence, payload = split(value)
            self._saw(partition, fence)
            self.waiting[partition] = decode_waiting(payload)

    def put_unanswered(self, partition: int, value: bytes) -> None:
        """Take over what is open in a partition."""
        if partition not in self.done:
            fence, payload = split(value)
            self._saw(partition, fence)
            self.unanswered[partition] = decode_unanswered(payload)

    def _saw(self, partition: int, fence: int) -> None:
        self.newest[partition] = max(self.newest.get(partition, -1), fence)

    def settle(self, fences: dict[int, int], beats: dict[int, dict[str, Any]]) -> bool:
        """Take over heartbeats that were read before the last changes; say whether every partition is as of one."""
        for partition, fence in fences.items():
            whole = beats[partition].get("whole", True)
            if partition not in self.done and whole and self.newest.get(partition, -1) <= fence:
                self.fences[partition], self.beats[partition] = fence, beats[partition]
                self.done.add(partition)
        return self.done >= fences.keys() | self.newest.keys()


async def heartbeats(redis: Client, keys: Keys) -> tuple[dict[int, int], dict[int, dict[str, Any]]]:
    """Partition → fence, and → what its owner reports."""
    found: dict[int, int] = {}
    beats: dict[int, dict[str, Any]] = {}
    for partition, value in (await redis.hgetall(keys.partitions)).items():
        found[int(partition)], payload = split(value)
        beats[int(partition)] = decode_any(payload)
    return found, beats


async def settled(redis: Client, keys: Keys, patience: float) -> ShownParts:
    """Read all parts such that those of each partition are as of one fence.

    First everything, then again and again what changed meanwhile. Raises AuditError when a partition is never caught
    between two writes within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    last = await _last_change(redis, keys)
    view = await _everything(redis, keys)
    while True:
        fences, beats = await heartbeats(redis, keys)
        changes = await redis.xrange(keys.changes, min=f"({last}" if last else "-")
        if changes:
            last = changes[-1][0].decode()
            await _again(redis, view, changes)
        for partition, value in (await redis.hgetall(keys.waiting)).items():
            view.put_waiting(int(partition), value)
        for partition, value in (await redis.hgetall(keys.unanswered)).items():
            view.put_unanswered(int(partition), value)
        if view.settle(fences, beats):
            return view
        if time.monotonic() > deadline:
            missing = sorted((fences.keys() | view.newest.keys()) - view.done)
            raise AuditError(f"the view of partition {missing[0]} was not whole within {patience:.0f} s; try again")
        await asyncio.sleep(_PAUSE)


async def _last_change(redis: Client, keys: Keys) -> str:
    newest = await redis.xrevrange(keys.changes, count=1)
    return newest[0][0].decode() if newest else ""


async def _everything(redis: Client, keys: Keys) -> ShownParts:
    view = ShownParts(keys)
    async for key in redis.scan_iter(match=keys.all_cells, count=1000):
        if (bucket := keys.bucket(key.decode())) is not None:
            for name, value in (await redis.hgetall(key)).items():
                view.put(*bucket, name, value)
    for key, value in (await redis.hgetall(keys.reference)).items():
        view.reference[key.decode()] = decode_any(split(value)[1])
    return view


async def _again(redis: Client, view: ShownParts, changes: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> None:
    names: dict[str, set[bytes]] = {}
    for _, entry in changes:
        for key, changed in decode_any(entry[b"b"]):
            text = key.decode() if isinstance(key, bytes) else key
            names.setdefault(text, set()).update(f.encode() if isinstance(f, str) else f for f in changed)
    for key, changed in names.items():
        bucket = view.keys.bucket(key)
        if bucket is None:
            continue
        ordered = sorted(changed)
        for name, value in zip(ordered, await redis.hmget(key, ordered), strict=True):
            view.put(*bucket, name, value)
