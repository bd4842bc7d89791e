"""From what lies in Redis to the board: values, requests of a bearable size, and places in the stream of changes."""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from metrics import view
from metrics.exporter.board import Board
from metrics.exporter.feed.whole import Manifests
from metrics.exporter.held.parts import Bucket

FIELDS = 2000
"""Asked for at once, so that neither side stalls."""
_STEP = 100
"""Put at once: each moves every window that its bucket is in."""


def put_cells(board: Board, bucket: Bucket, values: dict[bytes, bytes | None]) -> None:
    """Put parts of one bucket; None takes one away."""
    split, decode, parse, saw = view.split, view.decode_part, view.parse_field, board.saw
    parts: dict[view.Field, dict[str, int]] = {}
    for raw, value in values.items():
        field = parse(raw)
        if value is None:
            parts[field] = {}
        else:
            fence, payload = split(value)
            saw(field.partition, fence)
            parts[field] = decode(payload)
    board.put(bucket, parts)


async def put_some(board: Board, bucket: Bucket, values: Mapping[bytes, bytes | None]) -> None:
    """The same, giving way often: thousands of parts keep everybody waiting."""
    left = iter(values.items())
    while some := dict(islice(left, _STEP)):
        put_cells(board, bucket, some)
        await asyncio.sleep(0)


async def put_hashes(redis: Any, keys: view.Keys, manifests: Manifests, board: Board, sizes: Mapping[str, int]) -> int:
    """Put all parts on a board, giving way often; how many hashes are not as their manifests say."""
    broken = 0
    for some in batches(sizes):
        pipe = redis.pipeline(transaction=False)
        for key in some:
            pipe.hgetall(key)
        for key, values in zip(some, await pipe.execute(raise_on_error=False), strict=True):
            if not isinstance(values, dict) or len(values) != sizes[key]:
                # It may have changed since, or it has lost something: seen at one moment it is one or the other.
                values, is_whole = await manifests.again(key)  # noqa: PLW2901
                broken += not is_whole
            if (bucket := keys.bucket(key)) is not None:
                put_cells(board, bucket, values)
            await asyncio.sleep(0)
    return broken


def put_list(board: Board, keys: view.Keys, key: str, values: Mapping[bytes, bytes | None]) -> None:
    """Put who waits in some partitions, or what is open there."""
    for raw, value in values.items():
        fence, payload = (-1, b"") if value is None else view.split(value)
        board.saw(int(raw), fence)
        if key == keys.waiting:
            board.put_waiting(int(raw), view.decode_waiting(payload) if payload else [])
        else:
            board.put_unanswered(int(raw), view.decode_unanswered(payload) if payload else [])


def put_reference(board: Board, values: dict[bytes, bytes | None]) -> None:
    """Put reference records; None takes one away."""
    if values:
        board.put_reference(
            {
                raw.decode(): None if value is None else view.decode_any(view.split(value)[1]) or None
                for raw, value in values.items()
            }
        )


def hour_of(keys: view.Keys, key: str) -> int:
    """Unix second at which an hour cell starts; 0 for any other key."""
    bucket = keys.bucket(key)
    return bucket[1] if bucket is not None and bucket[0] == "h" else 0


def pages(wanted: dict[str, set[bytes]]) -> list[list[tuple[str, list[bytes]]]]:
    """Requests, so many fields at once that neither side stalls."""
    found: list[list[tuple[str, list[bytes]]]] = [[]]
    room = FIELDS
    # By their names, so that all partitions of a bucket come together.
    for key, fields in sorted(wanted.items()):
        # Behind the partition, their second byte: so a credit's parts of several partitions come together.
        ordered = sorted(fields, key=lambda field: field[2:])
        while ordered:
            found[-1].append((key, ordered[:room]))
            ordered, room = ordered[room:], room - len(ordered[:room])
            if not room:
                found.append([])
                room = FIELDS
    return [page for page in found if page]


def batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Hashes to read at once."""
    found: list[str] = []
    room = 5 * FIELDS
    # By their names, so that all partitions of a bucket come together.
    for key, size in sorted(sizes.items()):
        found.append(key)
        room -= size + 20
        if room <= 0:
            yield found
            found, room = [], 5 * FIELDS
    if found:
        yield found


def summary(about: dict[str, Any]) -> tuple[bytes, int]:
    """Last entry of a stream, and how many it ever had."""
    return about["last-generated-id"], int(about["entries-added"])


def stamp(identifier: bytes) -> tuple[int, int]:
    """The id of an entry, to compare."""
    first, _, second = identifier.partition(b"-")
    return int(first), int(second)
