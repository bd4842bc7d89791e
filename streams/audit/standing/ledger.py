"""What the standing audit asks of the ledger: moments of its index, and to stand still at a record."""

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from sqlite3 import Connection
from typing import Protocol


class LedgerHold(Protocol):
    """Partitions that are not read on meanwhile."""

    async def advance(self, fences: Mapping[int, int]) -> None:
        """Take what lies up to and including these offsets, and nothing behind them. Raises AwayError."""


class Moments(Protocol):
    """An index that can be read as of one moment."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection within one moment of the index."""


class LedgerClient(Protocol):
    """`streams.ledger.follow.LedgerFollower`, as far as it matters here."""

    def moments(self) -> Moments:
        """The index as it is there. Raises AwayError."""

    def last(self, partition: int) -> int:
        """Offset of a partition's last record in the index; -1 before any."""

    def partitions(self) -> Collection[int]:
        """Those of which the index has any record."""

    async def passed(self, fences: Mapping[int, int], patience: float) -> None:
        """Wait until all records up to these offsets are in the index. Raises AwayError."""

    def held(self, partitions: Collection[int], patience: float) -> AbstractAsyncContextManager[LedgerHold]:
        """Take nothing more of these partitions but what is asked of the hold, until it is let go. Raises AwayError."""

    async def note(self, name: str, value: str) -> None:
        """Keep something beside the index."""
