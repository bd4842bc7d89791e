"""What an engine holds after a run, read from where it would be restored from, beside a plain recomputation."""

import asyncio
import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from tests.bench.peers import work
from tests.bench.workload import Pair

States = tuple[dict[str, work.Client], dict[str, list[int]]]
"""Clients, and cells summed over partitions."""
_CELL = struct.Struct(f">{work.WIDTH}q")
_WINDOW = struct.Struct(">qi")
"""What follows the key of a window: when it starts (ms), and a number."""


def recomputed(pairs: Iterable[Pair]) -> States:
    """What must come out."""
    clients: dict[str, work.Client] = {}
    cells: dict[str, list[int]] = {}
    ids: set[str] = set()

    def seen(name: str) -> bool:
        was = name in ids
        ids.add(name)
        return was

    for key, value in pairs:
        for delta in work.fold(json.loads(value), clients.setdefault(key.decode(), {}), seen):
            work.add(cells.setdefault(delta[0], [0] * work.WIDTH), delta)
    return _without_empty(clients), cells


def differences(found: States, wanted: States) -> int:
    """How many clients and cells are not what they must be; of minutes those that are kept."""
    newest = max((minute for key in wanted[1] if (minute := _minute(key)) is not None), default=0)
    found, wanted = ((clients, _kept(cells, newest)) for clients, cells in (found, wanted))
    return sum(
        got.get(key) != want.get(key)
        for got, want in zip(found, wanted, strict=True)
        for key in {**got, **want}  # type: ignore[dict-item]
    )


def _minute(cell: str) -> int | None:
    kind, _, number = cell.rpartition("/")[2].partition("m")
    return None if kind else int(number)


def _kept(cells: dict[str, list[int]], newest: int) -> dict[str, list[int]]:
    first = newest - work.MINUTES_KEPT + 1
    return {key: cell for key, cell in cells.items() if (minute := _minute(key)) is None or minute >= first}


def _without_empty(clients: dict[str, work.Client]) -> dict[str, work.Client]:
    return {key: client for key, client in clients.items() if client}


def _summed(parts: Iterable[tuple[str, list[int]]]) -> dict[str, list[int]]:
    cells: dict[str, list[int]] = {}
    for key, part in parts:
        held = cells.setdefault(key, [0] * work.WIDTH)
        cells[key] = [a + b for a, b in zip(held, part, strict=True)]
    return cells


def changelog(servers: str, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """The last committed value of each key of each partition."""

    async def read() -> list[tuple[bytes, bytes]]:
        found: dict[tuple[int, bytes], bytes | None] = {}
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            while not (parts := consumer.assignment()):  # noqa: ASYNC110 - aiokafka has no event for it
                await asyncio.sleep(0.05)
            ends = await consumer.end_offsets(parts)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for part, records in (await consumer.getmany(timeout_ms=500, max_records=20_000)).items():
                    found |= {(part.partition, record.key): record.value for record in records}
        finally:
            await consumer.stop()
        return [(key, value) for (_, key), value in found.items() if value is not None]

    yield from asyncio.run(read())


def kafka_streams(servers: str, app_id: str) -> States:
    """From the changelogs of its stores."""
    clients = {
        key.decode(): _client(value)
        for key, value in changelog(servers, f"{app_id}-clients-changelog")
    }  # fmt: skip
    days = changelog(servers, f"{app_id}-days-changelog")
    parts = [(key.decode(), list(_CELL.unpack(value))) for key, value in days]
    for key, value in changelog(servers, f"{app_id}-minutes-changelog"):
        at, _ = _WINDOW.unpack(key[-_WINDOW.size :])
        parts.append((f"{key[: -_WINDOW.size].decode()}/m{at // 60_000}", list(_CELL.unpack(value))))
    return _without_empty(clients), _summed(parts)


def flink(folder: Path) -> States:
    """From what it wrote when it was stopped with a savepoint."""

    def lines(name: str) -> Iterator[tuple[str, bytes]]:
        for line in (folder / name).read_text().splitlines():
            key, _, value = line.partition(" ")
            yield key, bytes.fromhex(value)

    clients = {key: _client(value) for key, value in lines("clients")}
    return _without_empty(clients), {key: list(_CELL.unpack(value)) for key, value in lines("cells")}


def _client(raw: bytes) -> work.Client:
    """A client as Client.java writes it."""
    (waiting,), at = struct.unpack_from(">q", raw), 8
    deals = {}

    def text() -> str:
        nonlocal at
        (size,) = struct.unpack_from(">h", raw, at)
        at += 2 + size
        return raw[at - size : at].decode()

    while at < len(raw):
        name, manager = text(), text()
        day, measure, amount, time = struct.unpack_from(">iiqq", raw, at)
        at += 24
        deals[name] = [manager, day, measure, amount, time, text()]
    return {**({"waiting": waiting} if waiting >= 0 else {}), **({"deals": deals} if deals else {})}


def quix(servers: str, group: str, topic: str) -> States:
    """From the changelog of its one store, where clients and cells lie under names of their own."""
    held = [
        (json.loads(key.partition(b"|")[2]), json.loads(value))
        for key, value in changelog(servers, f"changelog__{group}--{topic}--default")
        if b"|" in key
    ]
    clients = {name[2:]: value for name, value in held if name[:2] == "c:"}
    cells = _summed((name[2:], value) for name, value in held if name[:2] == "k:")
    return _without_empty(clients), cells


def faust(servers: str, app_id: str) -> States:
    """From the changelogs of its tables."""

    def table(name: str) -> Iterator[tuple[str, Any]]:
        for key, value in changelog(servers, f"{app_id}-{name}-changelog"):
            yield json.loads(key), json.loads(value)

    cells = ((key.partition("/")[2], value) for key, value in table("cells"))
    return _without_empty(dict(table("clients"))), _summed(cells)
