"""What the fold must know of the business: zone, working time, targets, and what makes a client ready to close."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import sha256

from metrics.calendar import Calendar
from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.catalogue.deals import DURATION_BOUNDS
from metrics.family import SECOND
from streams.fold.localtime import LocalTime

_RESPONSE_BOUNDS = tuple(bound * SECOND for bound in RESPONSE_BOUNDS)
_DURATION_BOUNDS = tuple(bound * SECOND for bound in DURATION_BOUNDS)


@dataclass(frozen=True, slots=True)
class Rules:
    """Targets in microseconds; `ready_probability` in 10^-12. Two workers of one application must agree on them."""

    zone: tzinfo
    calendar: Calendar
    call_target: int = 20 * SECOND
    chat_target: int = 60 * SECOND
    ready_stages: frozenset[str] = frozenset()
    ready_probability: int = 700_000_000_000
    local: LocalTime = field(init=False, repr=False, compare=False)
    signature: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "local", LocalTime(self.zone))
        object.__setattr__(self, "signature", self._sign())

    def _sign(self) -> str:
        text = repr(
            (
                str(self.zone),
                self.calendar.signature,
                self.call_target,
                self.chat_target,
                sorted(self.ready_stages),
                self.ready_probability,
                _RESPONSE_BOUNDS,
                _DURATION_BOUNDS,
            )
        )
        return sha256(text.encode()).hexdigest()[:32]

    def working(self, start: int, end: int, team: str) -> int:
        """Working time of a team between two moments, us."""
        if end <= start:
            return 0
        day = self.local.day(start)
        if day != self.local.day(end):
            return self.calendar.working_us(start, end, team)
        total = 0
        for begin, finish in self.calendar.of(team).spans(day):
            low, high = max(start, begin), min(end, finish)
            if low < high:
                total += high - low
        return total


def response_bin(value: int) -> int:
    """Index of the histogram bin of a response time (us)."""
    return bisect_left(_RESPONSE_BOUNDS, value)


def duration_bin(value: int) -> int:
    """Index of the histogram bin of a deal's duration (us)."""
    return bisect_left(_DURATION_BOUNDS, value)
