"""What Redis holds, read as of one fence per partition although workers go on writing."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from metrics.view import (
    Keys,
    Waiting,
    decode_any,
    decode_part,
    decode_waiting,
    parse_field,
    split,
)
from streams.audit.report import AuditError

Client = Any
"""redis.asyncio.Redis that answers in bytes; its own annotations allow text everywhere."""

_PAUSE = 0.03

PartName = tuple[str, int, int, str, str]
"""Kind of bucket, bucket, partition, manager, team as stated."""


@dataclass
class ShownParts:
    """A view as it stood at `fences` (partition → offset of the last record folded)."""

    keys: Keys
    fences: dict[int, int] = field(default_factory=dict)
    beats: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[PartName, dict[str, int]] = field(default_factory=dict)
    pieces: dict[PartName, dict[str, dict[str, int]]] = field(default_factory=dict)
    """What `parts` are put together from, by piece."""
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)
    reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)

    def put(self, kind: str, bucket: int, raw_field: bytes, value: bytes | None) -> None:
        """Take over one field of a cells hash; None removes it."""
        partition, manager, team, piece = parse_field(raw_field)
        name = (kind, bucket, partition, manager, team)
        pieces = self.pieces.setdefault(name, {})
        if value is None:
            pieces.pop(piece, None)
        else:
            fence, payload = split(value)
            self.newest[partition] = max(self.newest.get(partition, -1), fence)
            pieces[piece] = decode_part(payload)
        if pieces:
            self.parts[name] = {one: n for held in pieces.values() for one, n in held.items()}
        else:
            self.parts.pop(name, None)


async def fences(redis: Client, keys: Keys) -> tuple[dict[int, int], dict[int, dict[str, Any]]]:
    """Partition → fence, and → what its owner reports."""
    found: dict[int, int] = {}
    beats: dict[int, dict[str, Any]] = {}
    for partition, value in (await redis.hgetall(keys.partitions)).items():
        found[int(partition)], payload = split(value)
        beats[int(partition)] = decode_any(payload)
    return found, beats


async def settled(redis: Client, keys: Keys, patience: float) -> ShownParts:
    """Read all parts such that they agree with one fence per partition.

    First everything, then again and again what changed meanwhile, until nothing did. Raises AuditError when
    that does not happen within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    last = await _last_change(redis, keys)
    view = await _everything(redis, keys)
    while True:
        before, beats = await fences(redis, keys)
        changes = await redis.xrange(keys.changes, min=f"({last}" if last else "-")
        if changes:
            last = changes[-1][0].decode()
            await _again(redis, view, changes)
        view.waiting = await _waiting(redis, keys)
        after, _ = await fences(redis, keys)
        ahead = any(fence > after.get(partition, -1) for partition, fence in view.newest.items())
        whole = all(beat.get("whole", True) for beat in beats.values())
        if before == after and whole and not ahead and await _last_change(redis, keys) == last:
            # A write that was under way is over after this; then nothing may have changed.
            await asyncio.sleep(_PAUSE)
            later, _ = await fences(redis, keys)
            if later == after and await _last_change(redis, keys) == last:
                view.fences, view.beats = after, beats
                return view
        if time.monotonic() > deadline:
            raise AuditError(
                f"the view did not stand still for a moment within {patience:.0f} s; try with fewer events"
            )
        await asyncio.sleep(0.02)


async def _last_change(redis: Client, keys: Keys) -> str:
    newest = await redis.xrevrange(keys.changes, count=1)
    return newest[0][0].decode() if newest else ""


async def _everything(redis: Client, keys: Keys) -> ShownParts:
    view = ShownParts(keys)
    async for key in redis.scan_iter(match=keys.all_cells, count=1000):
        kind, bucket = keys.bucket(key.decode()) or ("", 0)
        for name, value in (await redis.hgetall(key)).items():
            view.put(kind, bucket, name, value)
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


async def _waiting(redis: Client, keys: Keys) -> dict[int, list[Waiting]]:
    found = await redis.hgetall(keys.waiting)
    return {int(partition): decode_waiting(split(value)[1]) for partition, value in found.items()}
