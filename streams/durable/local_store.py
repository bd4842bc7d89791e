"""Where an owned partition's clients lie between folds: in memory, or in RocksDB so that a restart reads little."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch
from xxhash import xxh3_64_digest

from streams.durable.changelog import Pair
from streams.durable.topic_id import differ
from streams.errors import StateError
from streams.state.clients import ClientStore, InMemoryClientStore
from streams.state.own import KEY

log = structlog.get_logger(__name__)

_FORMAT = 2
_META, _CELL, _CLIENT = b"m", b"z", b"a"
_MAX_AGE_SECONDS = 20 * 3600
"""Younger than the tombstones that compaction may have taken out of the changelog since (24 h)."""
_WRITE_BYTES = 4 << 20
_CACHE = Cache(16 << 20)
"""Blocks of all partitions, and what finds them; else each database has a larger cache of its own."""
_KEYS = 4096
"""Listed at a time."""
_BLOOM_BITS = 10
"""For a key: an unknown client, which most events of a new one meet, is not looked for on disk."""


class _Meta(msgspec.Struct, array_like=True):
    """Beside the state on disk: when it was written, and position and id of each changelog (format 1 had no ids)."""

    format: int
    written: float
    positions: dict[str, int]
    changelogs: dict[str, str] = {}


class LocalStore(ClientStore, Protocol):
    """A client store that is told when what it holds became durable in the changelog."""

    is_persistent: bool
    """Whether what it holds outlives the process."""

    def saved(self) -> "Saved | None":
        """What an earlier process left here, or None. Raises StateError when it cannot be trusted."""

    def put_cells(self, pairs: Iterable[Pair]) -> None:
        """Cells as the changelog had them: to be stored with the next commit, or later positions would skip them."""

    def commit(self, cells: Iterable[Pair], clients: Iterable[Pair], positions: Mapping[str, int]) -> None:
        """All put so far, and these, are in the changelog up to `positions` by topic."""

    def close(self) -> None:
        """Let go of files."""


class Saved(Protocol):
    """State on disk: what restoring from the changelog can skip."""

    positions: Mapping[str, int]

    def cells(self) -> Iterator[Pair]:
        """All cells."""

    def clients(self) -> Iterator[Pair]:
        """All pages of clients, and the partition's own record."""


class InMemoryStore(InMemoryClientStore):
    """Nothing survives the process: restored from the changelog."""

    is_persistent = False

    def saved(self) -> Saved | None:
        """Nothing, ever."""
        return None

    def put_cells(self, pairs: Iterable[Pair]) -> None:
        """Nothing to do."""

    def commit(self, cells: Iterable[Pair], clients: Iterable[Pair], positions: Mapping[str, int]) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Forget everything."""
        self.pages = {}


class RocksStore:
    """One partition's state in one RocksDB. What is put becomes durable at `commit`, after the changelog has it.

    `changelogs`: name → id of the topics that it is a copy of. Everything raises StateError when what is on disk is
    damaged.
    """

    is_persistent = True

    def __init__(self, folder: Path, changelogs: Mapping[str, str]) -> None:
        self._folder = folder
        self._changelogs = dict(changelogs)
        self._pending: dict[bytes, bytes | None] = {}
        self._cells: dict[bytes, bytes | None] = {}
        self._db = _open(folder)

    def get(self, key: bytes) -> bytes | None:
        """A page, or None."""
        if key in self._pending:
            return self._pending[key]
        with _explained():
            found = self._db.get(_CLIENT + key)
        return None if found is None else _checked(found)

    def put_many(self, pairs: Iterable[Pair]) -> None:
        """Replace pages; None removes one. Seen at once, on disk at the next commit."""
        self._pending.update(pairs)

    def keys(self, after: bytes = b"") -> Iterator[bytes]:
        """Of all pages on disk, read some at a time: a partition may have millions."""
        start: bytes | None = after + b"\0" if after else b""
        while start is not None:
            some = list(islice(_range(self._db, _CLIENT, start, values=False), _KEYS))
            yield from (key for key in some if key != KEY)
            start = some[-1] + b"\0" if len(some) == _KEYS else None

    def put_cells(self, pairs: Iterable[Pair]) -> None:
        """Keep cells until the next commit: on disk at once they would be ahead of the positions there."""
        self._cells.update(pairs)

    def commit(self, cells: Iterable[Pair], clients: Iterable[Pair], positions: Mapping[str, int]) -> None:
        """Write all that is pending and these with the changelog's positions, as one batch."""
        batch = WriteBatch(raw_mode=True)
        waiting = ((_CELL, self._cells.items()), (_CLIENT, self._pending.items()))
        for prefix, pairs in (*waiting, (_CELL, cells), (_CLIENT, clients)):
            for key, value in pairs:
                if value is None:
                    batch.delete(prefix + key)
                else:
                    batch.put(prefix + key, value + xxh3_64_digest(value))
        batch.put(_META, msgspec.msgpack.encode(_Meta(_FORMAT, time.time(), dict(positions), self._changelogs)))
        with _explained():
            self._db.write(batch)
        self._pending = {}
        self._cells = {}

    def saved(self) -> Saved | None:
        """What is on disk; None when nothing is.

        Raises StateError when it is damaged, older than what compaction keeps to compare with, or of other changelogs.
        """
        with _explained():
            raw = self._db.get(_META)
        if raw is None:
            return None
        try:
            meta = msgspec.msgpack.decode(raw, type=_Meta)
        except msgspec.MsgspecError as error:
            raise StateError(f"{self._folder} cannot be read: {error}") from error
        if meta.format != _FORMAT:
            raise StateError(f"{self._folder} has format {meta.format}, this worker reads {_FORMAT}")
        if meta.changelogs.keys() != self._changelogs.keys() or any(
            differ(made, self._changelogs[topic]) for topic, made in meta.changelogs.items()
        ):
            raise StateError(f"{self._folder} is a copy of other changelogs: {', '.join(meta.changelogs)}")
        if time.time() - meta.written > _MAX_AGE_SECONDS:
            raise StateError(f"{self._folder} is older than {_MAX_AGE_SECONDS // 3600} h")
        return _RocksSaved(self._db, meta.positions)

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class _RocksSaved:
    def __init__(self, db: Any, positions: Mapping[str, int]) -> None:
        self._db = db
        self.positions = positions

    def cells(self) -> Iterator[Pair]:
        return _range(self._db, _CELL)

    def clients(self) -> Iterator[Pair]:
        return _range(self._db, _CLIENT)


def _open(folder: Path) -> Any:
    folder.parent.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BYTES)
    options.set_max_write_buffer_number(2)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(_CACHE)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
    options.set_block_based_table_factory(blocks)
    with _explained():
        return Rdict(str(folder), options, access_type=AccessType.read_write())


@contextmanager
def _explained() -> Iterator[None]:
    """RocksDB's errors, which are bare exceptions, as StateError."""
    try:
        yield
    except StateError:
        raise
    except Exception as error:
        raise StateError(f"RocksDB: {error}") from error


def _checked(stored: bytes) -> bytes:
    value, digest = stored[:-8], stored[-8:]
    if xxh3_64_digest(value) != digest:
        raise StateError("a value in the local store is damaged")
    return value


def _range(db: Any, prefix: bytes, start: bytes = b"", *, values: bool = True) -> Iterator[Any]:
    with _explained():
        for key, value in db.items(from_key=prefix + start):
            if key[:1] != prefix:
                return
            yield (key[1:], _checked(value)) if values else key[1:]


def set_aside(folder: Path) -> Path | None:
    """Rename what is there, so that it can be looked at and is not used; only the latest is kept."""
    if not folder.exists():
        return None
    aside = folder.with_name(folder.name + ".broken")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    return aside


__all__ = ["InMemoryStore", "LocalStore", "RocksStore", "Saved", "set_aside"]
