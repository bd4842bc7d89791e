"""How far the view is with one owned partition, and what is written to it at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.cells import Where
from streams.partition import ViewUpdate
from streams.sink import Held


@dataclass(slots=True)
class Writing:
    """How far the view is for one owned partition."""

    fence: int = -2
    """Of the last round."""
    rebuild: Iterator[ViewUpdate] | None = None
    """What is left to be written again."""
    is_due: bool = True
    """Everything is needed, and not begun."""
    is_lost: bool = False
    """What the manifest says is not to be trusted either."""
    is_healing: bool = False
    """The view may have parts that are older than the manifest tells, until everything is written."""
    leftover: Held = field(default_factory=dict)
    """What was in the view before and has not been met in the state."""
    there: set[Where] = field(default_factory=set)
    """Buckets that the view has hashes of."""
    pending: set[Where] = field(default_factory=set)
    """Buckets that it must have, and may not have yet."""
    drop: set[Where] = field(default_factory=set)
    """Buckets whose hashes are to go: the state has nothing of them."""
    beat: bytes = b""
    """The heartbeat that was written last."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be written again."""
        return self.rebuild is None and not self.is_due


class Round:
    """What is written at once."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.whole: set[str] = set()
        self.gone: set[str] = set()
