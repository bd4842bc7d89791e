"""Faust's tables hold the state: of each open partition its share of a table, restored in batches and read by key.

An owner puts a partition's shares into the tables before it restores them, and takes them out when the partition goes.
What has no table cannot be opened. Only the fold changes a share: cells, clients and how far the log is folded are of
one fence, so what changed is written of all of them together, and never key by key through a table.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, cast

import faust
from faust.stores.base import Store

from streams.durable.changelog import Pair
from streams.durable.local_store import LocalStore
from streams.state.partition import Partition


class TableShare(Protocol):
    """What one partition holds of a table."""

    def get(self, key: Any) -> Any:
        """A value, or None."""

    def keys(self) -> Iterator[Any]:
        """All keys."""

    def restore(self, pairs: Iterable[Pair], *, stored: bool = False) -> None:
        """Take over records of the changelog, in order; `stored`: the local store has them already.

        Raises StateError, RulesChanged.
        """


class CellShare:
    """The parts of cells, by kind and bucket."""

    def __init__(self, partition: Partition, store: LocalStore) -> None:
        self._partition = partition
        self._store = store

    def get(self, key: Any) -> Any:
        """All parts of a bucket, or None."""
        return next((update.cells[key] for update in self._partition.everything() if key in update.cells), None)

    def keys(self) -> Iterator[Any]:
        """The buckets that have parts."""
        for update in self._partition.everything():
            yield from update.cells

    def restore(self, pairs: Iterable[Pair], *, stored: bool = False) -> None:
        """As cuts gave them; they go into the local store with the next commit."""
        pairs = pairs if stored else list(pairs)
        self._partition.restore_cells(pairs)
        if not stored:
            self._store.put_cells(pairs)


class ClientShare:
    """The pages of clients, and the partition's own record."""

    def __init__(self, partition: Partition, store: LocalStore) -> None:
        self._partition = partition
        self._store = store

    def get(self, key: Any) -> Any:
        """A page as encoded, or None."""
        return self._store.get(key)

    def keys(self) -> Iterator[Any]:
        """Of all pages in the store."""
        return self._store.keys()

    def restore(self, pairs: Iterable[Pair], *, stored: bool = False) -> None:
        """As cuts gave them; seen in the local store at once."""
        self._partition.restore_clients(pairs, stored=stored)


class OpenShares(Mapping[Any, Any]):
    """What this worker holds of a table: the shares of the partitions that it has opened, by number."""

    def __init__(self) -> None:
        self.shares: dict[int, TableShare] = {}

    def __getitem__(self, key: Any) -> Any:
        for share in self.shares.values():
            if (found := share.get(key)) is not None:
                return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        for share in list(self.shares.values()):
            yield from share.keys()

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Tables:
    """The tables of an application, as an owner of partitions uses them."""

    def __init__(self, cells: OpenShares, clients: OpenShares) -> None:
        self.cells = cells
        self.clients = clients

    def hold(self, partition: Partition, store: LocalStore) -> None:
        """Put a partition's shares in, in place of any that it had."""
        self.cells.shares[partition.number] = CellShare(partition, store)
        self.clients.shares[partition.number] = ClientShare(partition, store)

    def let_go(self, number: int) -> None:
        """Take a partition's shares out."""
        self.cells.shares.pop(number, None)
        self.clients.shares.pop(number, None)


class StateStore(Store[Any, Any]):
    """What is held of a table as a read-only Faust store."""

    def __init__(self, app: Any, table: Any) -> None:
        super().__init__("sales://", app, table)
        self.held = OpenShares()
        self.data = cast("MutableMapping[Any, Any]", self.held)

    def persisted_offset(self, tp: Any) -> int | None:  # noqa: ARG002 - Faust's signature
        """None: restoring is the owner's."""
        return None

    def set_persisted_offset(self, tp: Any, offset: int) -> None:
        """Nothing: the local store keeps its own."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Nothing: the owner restores shares."""

    def reset_state(self) -> None:
        """Nothing: the owner sets broken state aside."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Not offered: the changelog is the backup."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Not offered: the changelog is the backup."""


class StateTable(faust.Table[Any, Any]):
    """A table of the state."""

    def _new_store(self) -> StateStore:
        return StateStore(self.app, self)
