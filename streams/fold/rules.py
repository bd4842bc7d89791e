"""What the fold must know of the business: zone, working time, targets, and what makes a client ready to close."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import sha256

from metrics.calendar import Calendar
from metrics.catalogue import CELL_FAMILIES
from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.catalogue.deals import DURATION_BOUNDS, SIZE_STEPS
from metrics.catalogue.now import RECEIVABLE, RECEIVABLE_ASKED, RECEIVABLE_PAID
from metrics.family import MONEY_SCALE, SECOND
from metrics.view import MISS, TALK
from streams.fold.line import TOUCHED_WITHIN
from streams.fold.localtime import HOUR, LocalTime

_RESPONSE_BOUNDS = tuple(bound * SECOND for bound in RESPONSE_BOUNDS)
_DURATION_BOUNDS = tuple(bound * SECOND for bound in DURATION_BOUNDS)
_SIZE_STEPS = tuple(step * MONEY_SCALE for step in SIZE_STEPS)
_REMEMBERED_HOURS = 20_000
SLACK = 2 * HOUR
"""By how much the clock of who shows a list may be behind partition time, and more."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Targets in microseconds; `ready_probability` in 10^-12. Two workers of one application must agree on them."""

    zone: tzinfo
    calendar: Calendar
    call_target: int = 20 * SECOND
    chat_target: int = 60 * SECOND
    callback_target: int = 1200 * SECOND
    lead_target: int = 300 * SECOND
    ready_stages: frozenset[str] = frozenset()
    ready_probability: int = 700_000_000_000
    local: LocalTime = field(init=False, repr=False, compare=False)
    signature: str = field(init=False, repr=False, compare=False)
    _worked: dict[tuple[str, int], int] = field(init=False, repr=False, compare=False, default_factory=dict)
    _return_by: dict[tuple[str, int], int] = field(init=False, repr=False, compare=False, default_factory=dict)

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
                self.callback_target,
                self.lead_target,
                sorted(self.ready_stages),
                self.ready_probability,
                _RESPONSE_BOUNDS,
                _DURATION_BOUNDS,
                _SIZE_STEPS,
                # A family that is new in the catalogue is counted from the start of the log, not from today on.
                sorted(family.code for family in CELL_FAMILIES),
                # How receivables are told, likewise.
                (RECEIVABLE.code, RECEIVABLE_ASKED, RECEIVABLE_PAID),
            )
        )
        return sha256(text.encode()).hexdigest()[:32]

    def working(self, start: int, end: int, team: str) -> int:
        """Working time of a team between two moments, us."""
        if end <= start:
            return 0
        first, last = start // HOUR, end // HOUR
        if last - first > 1:
            return self._exact(start, end, team)
        before = self._whole(team, first)
        if last == first:
            return self._exact(start, end, team) if before is None else end - start if before else 0
        after = self._whole(team, last)
        if before is None or after is None:
            return self._exact(start, end, team)
        border = last * HOUR
        return (border - start if before else 0) + (end - border if after else 0)

    def return_by(self, missed: int, team: str) -> int:
        """Before which moment (us) a client who was missed then must be called: `Hours.next_end` of that local day."""
        day = self.local.day(missed)
        found = self._return_by.get((team, day))
        if found is None:
            if len(self._return_by) >= _REMEMBERED_HOURS:
                self._return_by.clear()
            found = self._return_by[team, day] = self.calendar.of(team).next_end(day)
        return found

    def listed_until(self, kind: str, start: int, team: str) -> int:
        """Up to which partition time (us) a view lists what is open: after it no clock makes a difference."""
        if kind == MISS:
            return self.return_by(start, team) + SLACK
        if kind == TALK:
            return start + 2 * SLACK
        due = self.calendar.of(team).passed(start, self.lead_target)
        return max(due, start + TOUCHED_WITHIN) + SLACK

    def _whole(self, team: str, hour: int) -> bool | None:
        """Whether all of an hour (UTC) is working time, or none of it; None for some."""
        worked = self._worked.get((team, hour))
        if worked is None:
            worked = self._learn(team, hour)
        return None if 0 < worked < HOUR else bool(worked)

    def _learn(self, team: str, hour: int) -> int:
        """How much of an hour (UTC) is working time."""
        if len(self._worked) >= _REMEMBERED_HOURS:
            self._worked.clear()
        worked = self._worked[team, hour] = self._exact(hour * HOUR, (hour + 1) * HOUR, team)
        return worked

    def _exact(self, start: int, end: int, team: str) -> int:
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


def size_step(amount: int) -> int:
    """Index of the step of a deal's size (ten-thousandths)."""
    return bisect_left(_SIZE_STEPS, amount)
