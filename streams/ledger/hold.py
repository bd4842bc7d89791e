"""To stand still: partitions that are not read on while somebody compares what they add up to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from streams.ledger.reading import Reading

if TYPE_CHECKING:
    from streams.ledger.follow import LedgerFollower


class Taken(NamedTuple):
    """Up to where a partition is in the index: offsets of the next record, and of the last."""

    next: int
    last: int


NOTHING = Taken(0, -1)


class Hold:
    """Partitions that are not read on meanwhile."""

    def __init__(self, follower: "LedgerFollower", reading: Reading, patience: float) -> None:
        self._follower, self._reading, self._patience = follower, reading, patience

    async def advance(self, fences: Mapping[int, int]) -> None:
        """Take what lies up to and including these offsets, and nothing behind them. Raises AwayError."""
        self._reading.hold({partition: fence + 1 for partition, fence in fences.items()})
        await self._follower.until(self._reading, lambda: self._follower.has(fences), self._patience)
