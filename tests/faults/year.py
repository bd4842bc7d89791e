"""What a year leaves behind: changelogs, store, memory and Redis, measured and compared with what has to be kept."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import redis

from metrics.view import Keys, split
from streams.durable.changelog import Pair
from streams.durable.local_store import InMemoryStore
from streams.durable.restore import KafkaRestorer, RestoreProgress
from streams.fold.handlers import keep
from streams.fold.rules import Rules
from streams.settings import WorkerSettings
from streams.state.bucket import decode_part
from streams.state.clients import Clients
from streams.state.own import KEY, Own
from streams.state.partition import Partition
from streams.state.sweep import DAYS

_DAY_US = 86_400_000_000
_LATE_DAYS = 2 * DAYS
"""A month may have to pass before what is past its time is freed, and its sweep takes some flushes."""


@dataclass
class Left:
    """Live records of the changelogs. keys: by topic; parts: of cells; late: entities that had to be gone."""

    keys: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    entities: int = 0
    late: int = 0


async def left(settings: WorkerSettings, partitions: int, rules: Rules) -> Left:
    """Read all changelogs and look at every entity."""
    found = Left()
    for number in range(partitions):
        held: dict[str, dict[bytes, bytes]] = {settings.cells_topic: {}, settings.clients_topic: {}}
        take = {topic: partial(_compact, into) for topic, into in held.items()}
        await KafkaRestorer(settings, {}).restore(number, {}, take, RestoreProgress(number))
        for topic, into in held.items():
            found.keys[topic] += len(into)
            found.bytes[topic] += sum(len(key) + len(value) for key, value in into.items())
        found.parts += sum(bool(decode_part(value)) for value in held[settings.cells_topic].values())
        await asyncio.to_thread(_entities, held[settings.clients_topic], rules, found)
    return found


def _compact(held: dict[bytes, bytes], pairs: Iterable[Pair]) -> None:
    for key, value in pairs:
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value


def _entities(pages: dict[bytes, bytes], rules: Rules, found: Left) -> None:
    """Count entities, and those that were past their time two months ago and are neither pinned nor shortened."""
    own = msgspec.msgpack.decode(pages[KEY], type=Own)
    partition = Partition(0, 1, rules)
    out = partition._out
    out.time = own.time - _LATE_DAYS * _DAY_US
    partition._turn_day()
    clients = Clients(InMemoryStore())
    clients.restore(((key, page) for key, page in pages.items() if key != KEY), stored=False)
    for key in list(pages):
        if key[:1] in b"cks" and key != KEY:
            clients.sweep(key, lambda client, name, raw: _looked_at(found, keep(client, name, raw, out), raw))


def _looked_at(found: Left, kept: bytes | None, raw: bytes) -> bytes:
    found.entities += 1
    found.late += kept != raw
    return raw


@dataclass
class ShownView:
    """What Redis holds of the view. `parts`: fields that say something; `buckets`: how many of each kind."""

    megabytes: int = 0
    keys: int = 0
    fields: int = 0
    parts: int = 0
    buckets: Counter[str] = field(default_factory=Counter)


def shown(url: str, app_id: str) -> ShownView:
    """Look at every field."""
    found = ShownView()
    with redis.Redis.from_url(url) as client:
        found.megabytes = client.info("memory")["used_memory"] >> 20
        found.keys = client.dbsize()
        where = set()
        for key in client.scan_iter(match=Keys(app_id).all_cells, count=1000):
            where.add(Keys(app_id).bucket(key.decode()))
            values = client.hvals(key)
            found.fields += len(values)
            found.parts += sum(split(value)[1] != b"\x80" for value in values)
        found.buckets.update(kind for kind, _ in where)
    return found


def on_disk(folder: Path) -> int:
    """MB of files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) >> 20


def memory(pid: int, line: str) -> int:
    """MB of a process by a line of its status: VmRSS now, VmHWM at most; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(one.split()[1]) >> 10 for one in text.splitlines() if one.startswith(line)), 0)
