"""What the fold must know of the business: zone, working time, targets, and what makes a client ready to close."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import sha256

from metrics.calendar import Calendar, Hours
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

DAYS_KEPT = 800
"""Local days that anything counts in."""
RETURNED_WITHIN = 14
"""Local days after that of a miss, within which there is a working day for it, see `Hours.next_end`."""


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
    _teams: dict[str, "_Learnt"] = field(init=False, repr=False, compare=False)
    _company: "_Learnt" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "local", LocalTime(self.zone))
        object.__setattr__(self, "signature", self._sign())
        object.__setattr__(self, "_teams", {team: _Learnt(hours) for team, hours in self.calendar.teams.items()})
        object.__setattr__(self, "_company", _Learnt(self.calendar.company))

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
        learnt = self._teams.get(team, self._company)
        if last - first > 1:
            return self._exact(start, end, learnt.hours)
        worked = learnt.worked.get(first)
        before = self._learn(learnt, first) if worked is None else worked
        if last == first:
            return end - start if before == HOUR else 0 if not before else self._exact(start, end, learnt.hours)
        worked = learnt.worked.get(last)
        after = self._learn(learnt, last) if worked is None else worked
        if 0 < before < HOUR or 0 < after < HOUR:
            return self._exact(start, end, learnt.hours)
        border = last * HOUR
        return (border - start if before else 0) + (end - border if after else 0)

    def return_by(self, missed: int, team: str) -> int:
        """Before which moment (us) a client who was missed then must be called: `Hours.next_end` of that local day."""
        day = self.local.day(missed)
        learnt = self._teams.get(team, self._company)
        found = learnt.next_ends.get(day)
        if found is None:
            if len(learnt.next_ends) >= _REMEMBERED_HOURS:
                learnt.next_ends.clear()
            found = learnt.next_ends[day] = learnt.hours.next_end(day)
        return found

    def listed_until(self, kind: str, start: int, team: str, time: int) -> int:
        """Up to which partition time (us) a view lists what is open: after it no clock makes a difference.

        Where that is later than `time`, it may be later still: ask again then.
        """
        if kind == MISS:
            return self.return_by(start, team) + SLACK
        if kind == TALK:
            return start + 2 * SLACK
        young = start + TOUCHED_WITHIN + SLACK
        if young > time:
            return young
        # A team that never works has never let the target go by: as long as the lead counts, it is not due.
        return min(self.calendar.of(team).passed(start, self.lead_target), self._kept_until(start)) + SLACK

    def _kept_until(self, moment: int) -> int:
        """Up to which partition time (us) the local day of a moment is kept."""
        return self.local.start(self.local.day(moment) + DAYS_KEPT + 1)

    def _learn(self, learnt: "_Learnt", hour: int) -> int:
        """How much of an hour (UTC) is working time."""
        if len(learnt.worked) >= _REMEMBERED_HOURS:
            learnt.worked.clear()
        worked = learnt.worked[hour] = self._exact(hour * HOUR, (hour + 1) * HOUR, learnt.hours)
        return worked

    def _exact(self, start: int, end: int, hours: Hours) -> int:
        day, last = self.local.day(start), self.local.day(end)
        if day != last:
            return hours.worked(start, end, (day, last))
        total = 0
        for begin, finish in hours.spans(day):
            low, high = max(start, begin), min(end, finish)
            if low < high:
                total += high - low
        return total


class _Learnt:
    """What is worked out of a team's hours, or the company's: how much of an hour (UTC) is worked, and `next_end`."""

    __slots__ = ("hours", "next_ends", "worked")

    def __init__(self, hours: Hours) -> None:
        self.hours = hours
        self.worked: dict[int, int] = {}
        self.next_ends: dict[int, int] = {}


def response_bin(value: int) -> int:
    """Index of the histogram bin of a response time (us)."""
    return bisect_left(_RESPONSE_BOUNDS, value)


def duration_bin(value: int) -> int:
    """Index of the histogram bin of a deal's duration (us)."""
    return bisect_left(_DURATION_BOUNDS, value)


def size_step(amount: int) -> int:
    """Index of the step of a deal's size (ten-thousandths)."""
    return bisect_left(_SIZE_STEPS, amount)
