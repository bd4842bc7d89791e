"""How often the view is written."""

from collections.abc import Mapping

from streams.runtime.owned import OwnedPartition
from streams.view.writing import Writing

_SHARE = 9.0
"""Times the cost of a round that passes until the next one: the view takes a tenth of the worker at most."""
_SLOWEST_SECONDS = 2.0
"""The pace at least, whatever a round costs."""
_BACKLOG_SECONDS = 5.0
"""The pace in a backlog, where nobody waits for a single event, and a part shown later is a part shown once."""
_LONG_PAST_SECONDS = 15.0
"""The same where all of it is so long past that it changes whole days alone, which are scraped no more often."""
BACKLOG = 20_000
"""Events that wait to be folded: at the most that a worker folds, 0.4 s of them."""


def after(cost: float, interval: float) -> float:
    """Seconds from the start of a round that cost so many to that of the next. interval: at least."""
    return min(max(interval, _SHARE * cost), _SLOWEST_SECONDS)


def in_backlog(writings: Mapping[OwnedPartition, Writing]) -> float:
    """The same in a backlog, by what was folded of all owned partitions, and how far the view is with them."""
    is_long_past = all(writing.is_whole and one.partition.is_long_past for one, writing in writings.items())
    return _LONG_PAST_SECONDS if is_long_past else _BACKLOG_SECONDS
