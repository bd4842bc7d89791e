"""What a partition hands out: for the changelogs, for Redis, and as refused."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from metrics.view import Unanswered, Waiting
from streams.state import forwarding
from streams.state.cells import Where
from streams.state.keeping import Kept


class RefusedRecord(NamedTuple):
    """A record that could not be used, as it came, with the contract's reason and one line of detail."""

    record: Any
    reason: str
    detail: str


class Cut(NamedTuple):
    """All that changed since the cut before, encoded, as of `fence`. A value of None removes its key."""

    fence: int
    time: int
    cells: list[tuple[bytes, bytes | None]]
    clients: list[tuple[bytes, bytes | None]]
    """Pages of clients, and last the partition's own record."""
    copies: Sequence[forwarding.Copy] = ()
    """For other partitions of the log, in the order of this one."""


class ViewUpdate(NamedTuple):
    """Parts for Redis as of `fence`. Payloads are encoded by `metrics.view.encode_part`; None: remove the field."""

    fence: int
    time: int
    kept: Kept
    cells: dict[Where, dict[bytes, bytes | None]]
    """(kind, bucket) → field (`metrics.view.field`) → payload."""
    waiting: list[Waiting] | None
    """All who wait in this partition; None when that did not change."""
    whole: Collection[Where] = ()
    """The buckets of which `cells` has every part."""
    unanswered: list[Unanswered] | None = None
    """Misses and leads that are open, and calls under way; None when that did not change."""
