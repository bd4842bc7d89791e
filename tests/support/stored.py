"""A partition with its store and its changelogs, that lives on after a restart as its owner would let it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams.durable.local_store import InMemoryStore, LocalStore, RocksStore
from streams.fold.rules import Rules
from streams.state.clients import Clients
from streams.state.news import Cut
from streams.state.own import KEY, Own
from streams.state.partition import Partition
from tests.support.folding import LogRecord, rules

STORES = ["memory", "rocksdb"]


class StoredPartition:
    """One partition. cells, clients: what its changelogs hold; `seen` is told of each cut."""

    def __init__(self, kind: str, folder: Path, law: Rules | None = None, seen: Callable[[Cut], None] | None = None):
        self.kind = kind
        self.folder = folder
        self.law = law or rules()
        self.seen = seen
        self.cells: dict[bytes, bytes] = {}
        self.clients: dict[bytes, bytes] = {}
        self.store = self._open()
        self.partition = Partition(0, 1, self.law, self.store)

    def _open(self) -> LocalStore:
        return RocksStore(self.folder, {}) if self.kind == "rocksdb" else InMemoryStore()

    def fold(self, records: Sequence[LogRecord]) -> None:
        refused = self.partition.fold(records)
        assert not refused, refused[0].detail

    def cut(self) -> None:
        cut = self.partition.cut()
        if self.seen is not None:
            self.seen(cut)
        for held, pairs in ((self.cells, cut.cells), (self.clients, cut.clients)):
            for key, value in pairs:
                if value is None:
                    held.pop(key, None)
                else:
                    held[key] = value
        self.store.commit(cut.cells, cut.clients[-1:], {"t": cut.fence})

    def restart(self) -> None:
        """Killed: what was folded since the last cut is folded again."""
        self.store.close()
        self.store = self._open()
        self.partition = Partition(0, 1, self.law, self.store)
        if (saved := self.store.saved()) is not None:
            self.partition.restore_clients(saved.clients(), stored=True)
            self.partition.restore_cells(saved.cells())
        else:
            self.partition.restore_clients(self.clients.items())
            self.partition.restore_cells(self.cells.items())

    @property
    def own(self) -> Own:
        return msgspec.msgpack.decode(self.clients[KEY], type=Own)

    def remembered(self) -> dict[bytes, dict[str, bytes]]:
        """Root → its entities, whichever pages they are in."""
        clients = Clients(InMemoryStore())
        clients.restore(((key, page) for key, page in self.clients.items() if key != KEY), stored=False)
        roots = [key for key in self.clients if key[:1] in b"ck"]
        return {root: dict(_entities(clients.find(root))) for root in roots}


def _entities(page: Any) -> Iterator[tuple[str, bytes]]:
    yield from page.entities.items()
    if page.split:
        for digit in range(4):
            yield from _entities(page.pool.below(page, digit))
