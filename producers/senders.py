"""What became of each sender's events in the last day: how many, when the last of a type, and what was refused why.

Gateways and workers each take notes of what they see; whoever reads puts them together.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from producers.errors import ProducersError

QUARTER = 900
"""Seconds of one count."""
DAY = 86_400
MOST_REFUSALS = 100
"""Different ones of a source."""
_MOST_SOURCES = 200

TAKEN, REFUSED, UNKNOWN = "taken", "refused", "unknown"
"""At the gateway, by type, by reason, and by field that the contract does not know."""
COUNTED, FORWARDED, LETTERED = "counted", "forwarded", "lettered"
"""By workers: all events of a source, and by reason those that lay wrong and those that cannot be used."""


class SenderCount(NamedTuple):
    """What is counted: in which quarter of an hour (Unix s / 900), of whom, and what."""

    quarter: int
    source: str
    what: str
    name: str


class SenderRefusal(NamedTuple):
    """Why something was refused. `way`: http or kafka."""

    way: str
    reason: str
    field: str
    detail: str


@dataclass(slots=True)
class Notes:
    """Times are Unix seconds."""

    counts: Counter[SenderCount] = field(default_factory=Counter)
    last: dict[tuple[str, str], float] = field(default_factory=dict)
    """Source and type → when the last one came."""
    refusals: dict[str, dict[SenderRefusal, float]] = field(default_factory=dict)
    """Source → what was refused, and when last; the latest is the last one."""

    def __bool__(self) -> bool:
        return bool(self.counts or self.last or self.refusals)

    def count(self, source: str, what: str, name: str, n: int, now: float) -> None:
        """So many more."""
        self.counts[SenderCount(int(now) // QUARTER, source, what, name)] += n

    def seen(self, source: str, kind: str, now: float) -> None:
        """An event of a type came."""
        self.last[source, kind] = max(now, self.last.get((source, kind), 0.0))

    def refuse(self, source: str, refusal: SenderRefusal, now: float) -> None:
        """Something was refused; the same again is the same one, later."""
        known = self.refusals.setdefault(source, {})
        known[refusal] = max(now, known.pop(refusal, 0.0))
        if len(known) > MOST_REFUSALS:
            del known[next(iter(known))]

    def add(self, other: "Notes") -> None:
        """Take in what somebody else noted."""
        self.counts.update(other.counts)
        for (source, kind), at in other.last.items():
            self.seen(source, kind, at)
        for source, refusals in other.refusals.items():
            for refusal, at in sorted(refusals.items(), key=lambda pair: pair[1]):
                self.refuse(source, refusal, at)

    def forget(self, now: float) -> None:
        """Let go of what is older than a day."""
        for count in [count for count in self.counts if count.quarter * QUARTER < now - DAY - QUARTER]:
            del self.counts[count]
        for source, refusals in list(self.refusals.items()):
            for refusal in [one for one, at in refusals.items() if at < now - DAY]:
                del refusals[refusal]
            if not refusals:
                del self.refusals[source]

    def by_source(self) -> dict[str, "Notes"]:
        """The notes on each sender."""
        found: defaultdict[str, Notes] = defaultdict(Notes)
        for count, n in self.counts.items():
            found[count.source].counts[count] = n
        for (source, kind), at in self.last.items():
            found[source].last[source, kind] = at
        for source, refusals in self.refusals.items():
            found[source].refusals[source] = refusals
        return dict(found)

    def sums(self, what: str) -> Counter[str]:
        """By name, over the day."""
        found: Counter[str] = Counter()
        for count, n in self.counts.items():
            if count.what == what:
                found[count.name] += n
        return found

    def course(self, what: str) -> Counter[int]:
        """By quarter."""
        found: Counter[int] = Counter()
        for count, n in self.counts.items():
            if count.what == what:
                found[count.quarter] += n
        return found


@dataclass(slots=True)
class KnownSenders:
    """`letters`: source and reason → open dead letters; None while nobody tells."""

    notes: Notes = field(default_factory=Notes)
    letters: Mapping[tuple[str, str], int] | None = None


class SharedAway(ProducersError):  # noqa: N818 - a state that passes
    """What the others know cannot be asked or told now."""


class Shared(Protocol):
    """Where gateways and workers leave their notes. Both raise SharedAway."""

    async def write(self, notes: Notes) -> None:
        """Leave notes for all."""

    async def read(self, now: float) -> KnownSenders:
        """What all have left in the last day."""


class SenderNames:
    """Sources by which notes are kept: beyond a bound all others are one, as sources are what senders make up."""

    OTHER = "other"

    def __init__(self, most: int = _MOST_SOURCES) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, source: str) -> str:
        """The name that stands for a source."""
        if source not in self._known:
            if len(self._known) >= self._most:
                return self.OTHER
            self._known.add(source)
        return source
