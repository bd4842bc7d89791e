"""Faust's tables over our own state."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

import faust
import structlog
from faust.stores.base import Store

if TYPE_CHECKING:
    from streams.app import SalesApp

log = structlog.get_logger(__name__)


class _Held(Mapping[Any, Any]):
    """What the owned partitions hold of a table."""

    def __init__(self, app: Any, table: str) -> None:
        self._app = cast("SalesApp", app)
        self._table = table

    def __getitem__(self, key: Any) -> Any:
        for owned in self._app.owner.owned.values():
            if (found := owned.read(self._table, key)) is not None:
                return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        for owned in list(self._app.owner.owned.values()):
            yield from owned.keys(self._table)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StateStore(Store[Any, Any]):
    """The state of the owned partitions as a read-only Faust store; its owner writes, never the table."""

    def __init__(self, app: Any, table: Any) -> None:
        super().__init__("sales://", app, table)
        self.data = cast("MutableMapping[Any, Any]", _Held(app, table.name))

    def persisted_offset(self, tp: Any) -> int | None:  # noqa: ARG002 - Faust's signature
        """None: restoring is the owner's."""
        return None

    def set_persisted_offset(self, tp: Any, offset: int) -> None:
        """Nothing: the local store keeps its own."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Nothing: the owner reads changelogs."""

    def reset_state(self) -> None:
        """Nothing: the owner sets broken state aside."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Not offered: the changelog is the backup."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Not offered: the changelog is the backup."""


class StateTable(faust.Table[Any, Any]):
    """A table whose data is the owned partitions' state."""

    def _new_store(self) -> StateStore:
        return StateStore(self.app, self)
