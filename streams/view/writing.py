"""How far the view is with one owned partition, and what is written to it at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import structlog

from metrics.view import (
    FENCE_DIGITS,
    VERSION,
    Keys,
    decode_any,
    encode_any,
    encode_unanswered,
    encode_waiting,
    fenced,
    split,
)  # fmt: skip
from producers.log_ends import SILENT_SECONDS
from streams.durable.topic_id import differ
from streams.fold.localtime import LocalTime
from streams.runtime.owned import OwnedPartition
from streams.state.cells import DAYS_KEPT, Where
from streams.state.news import ViewUpdate
from streams.state.partition import Partition
from streams.view.sink import Held

log = structlog.get_logger(__name__)

_HOUR_US = 3_600_000_000
_GONE_SECONDS = 10.0
"""In which nobody moved a heartbeat that is further than the log: it is nobody's. Kafka has been asked meanwhile."""


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
    hour: tuple[int, int] = (-1, -1)
    """Of partition time, and of the first minute that is kept, when what is past was last looked for."""
    rewound: int = 0
    """Unix ms at which the view was last found to be one of before; what was read before that is to be read again."""
    beat: bytes = b""
    """The heartbeat that was written last."""
    waiting: bytes = b""
    """The fence that who waits was written with last, as digits."""
    unanswered: bytes = b""
    """The same of what nobody answered."""
    further: tuple[bytes, float] = (b"", 0.0)
    """A former owner's heartbeat that is further than the log is folded, and since when (`monotonic`) it stands."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be written again."""
        return self.rebuild is None and not self.is_due

    def begins(self, one: OwnedPartition, beat: bytes | None) -> bool:
        """Whether a partition can be written as a whole now. beat: its heartbeat as it is in the view.

        Not before as much is folded as a former owner had shown, which was not durable: there is nothing newer to show,
        and hashes that it had let go of as past, written again, would be more than its heartbeat says. Exporters would
        withhold all numbers. What is of records that the log does not have goes: of another log, or of lost ones.
        """
        told, partition = state_of(beat), one.partition
        self.rewound = self.rewound or told.get("rewound", 0)
        # Offsets of a recreated topic begin at 0 again: what is shown of the one before would stay.
        one.is_rebuilt |= differ(told.get("log", ""), partition.log)
        if one.is_rebuilt or beat is None or split(beat)[0] <= partition.fence:
            return True
        if one.state.lag or monotonic() - one.state.contact_at > SILENT_SECONDS or beat != self.further[0]:
            self.further = beat, monotonic()
        if monotonic() - self.further[1] > _GONE_SECONDS:
            log.warning(
                "the view shows events that the log does not have; writing it again", partition=partition.number
            )
            one.is_rebuilt = True
            return True
        # Taken here so that the list of it stays short: what changed is in "everything".
        partition.view()
        one.take_timestamps()
        return False

    def lists(self, update: ViewUpdate, keys: Keys) -> Iterator[tuple[str, bytes]]:
        """The lists that are in an update and so are written, as payloads, by hash."""
        fence = fenced(update.fence, b"")
        if update.waiting is not None:
            self.waiting = fence
            yield keys.waiting, encode_waiting(update.waiting)
        if update.unanswered is not None:
            self.unanswered = fence
            yield keys.unanswered, encode_unanswered(update.unanswered)

    def lost_lists(self, there: tuple[bytes, bytes]) -> bool:
        """Whether a list is not there any more, or an older one. there: their fences, as digits, b"" for none."""
        return there[0] < self.waiting or there[1] < self.unanswered

    def outdone(self, there: tuple[bytes, bytes], fence: int) -> bool:
        """Whether a list is there that was shown by another owner who was further, and so stayed, and is old by now.

        What was folded there was not durable, and is folded again here. Who came and went between two looks is no news
        here, and may stand in that one's list; until `fence` has come as far as that, nothing of ours is taken.
        """
        now = fenced(fence, b"")
        pairs = zip(there, (self.waiting, self.unanswered), strict=True)
        return any(mine < found <= now for found, mine in pairs)

    def drop_past(self, update: ViewUpdate, known: Callable[[], Iterable[Where]], local: LocalTime) -> None:
        """Once an hour: of what only the view knows let go what is past.

        Its parts were emptied before this owner came, and the state has none of them; `known`: the buckets that it has.
        """
        hour = update.time // _HOUR_US, update.kept.minutes // 3600
        if hour != self.hour:
            self.hour = hour
            self.drop |= {where for where in self.there.difference(known()) if is_past(*where, update, local)}

    def beat_of(self, partition: Partition, worker: str, zone: str, contact: int, left: int) -> bytes:
        """The heartbeat of a partition as it is now; `left`: offsets that are still to be counted."""
        state = {
            "at": int(time() * 1000),
            "contact": contact,
            "time": partition.time,
            "count": partition.partitions,
            "worker": worker,
            "zone": zone,
            "version": VERSION,
            "whole": self.is_whole,
            "left": left,
            "log": partition.log,
            "hashes": len(self.there | self.pending),
            "intact": not self.is_healing,
            "rewound": self.rewound,
            "live": partition.live,
        }
        self.beat = fenced(partition.fence, encode_any(state))
        return self.beat

    def beat_again(self, contact: int) -> bytes:
        """The heartbeat that was written last, as of now; `contact`: Unix ms at which Kafka last answered."""
        state = state_of(self.beat) | {"at": int(time() * 1000), "contact": contact}
        self.beat = self.beat[:FENCE_DIGITS] + encode_any(state)
        return self.beat


class Round:
    """What is written at once."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.whole: set[str] = set()
        self.gone: set[str] = set()
        self.parts = 0
        self.timestamps: list[int] = []
        """Of batches that are in it (ms)."""
        self.cost = 0.0
        """Seconds that collecting it took."""


def state_of(beat: bytes | None) -> dict[str, Any]:
    """What a heartbeat says; nothing where there is none."""
    found: dict[str, Any] = decode_any(split(beat)[1]) if beat else {}
    return found


def is_past(kind: str, bucket: int, update: ViewUpdate, local: LocalTime) -> bool:
    """Whether a bucket is kept no longer, as of an update."""
    if kind == "m":
        return bucket < update.kept.minutes
    if kind == "h":
        return bucket < update.kept.hours
    return kind == "d" and bucket < local.day(update.time) - DAYS_KEPT
