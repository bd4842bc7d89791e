"""What the fold must know of the business: zone, working time, targets, and what makes a client ready to close."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import sha256
from typing import Final

from metrics.calendar import Calendar
from metrics.catalogue import CELL_FAMILIES
from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.catalogue.deals import DURATION_BOUNDS, SIZE_STEPS
from metrics.catalogue.now import RECEIVABLE, RECEIVABLE_ASKED, RECEIVABLE_PAID
from metrics.family import MONEY_SCALE, SECOND
from metrics.view import MISS, TALK
from metrics.windows import DAYS_HELD
from streams.fold.line import TOUCHED_WITHIN
from streams.fold.localtime import HOUR, LocalTime
from streams.fold.working import WorkingTime

_RESPONSE_BOUNDS: Final = tuple(bound * SECOND for bound in RESPONSE_BOUNDS)
_DURATION_BOUNDS: Final = tuple(bound * SECOND for bound in DURATION_BOUNDS)
_SIZE_STEPS: Final = tuple(step * MONEY_SCALE for step in SIZE_STEPS)
SLACK: Final = 2 * HOUR
"""By how much the clock of who shows a list may be behind partition time, and more."""

DAYS_KEPT: Final = DAYS_HELD
"""Local days that anything counts in."""
RETURNED_WITHIN: Final = 14
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
    _teams: dict[str, WorkingTime] = field(init=False, repr=False, compare=False)
    _company: WorkingTime = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "local", LocalTime(self.zone))
        object.__setattr__(self, "signature", self._sign())
        teams = {team: WorkingTime(hours, self.local) for team, hours in self.calendar.teams.items()}
        object.__setattr__(self, "_teams", teams)
        object.__setattr__(self, "_company", WorkingTime(self.calendar.company, self.local))

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
        return self._teams.get(team, self._company).between(start, end)

    def return_by(self, missed: int, team: str) -> int:
        """Before which moment (us) a client who was missed then must be called: `Hours.next_end` of that local day."""
        return self._teams.get(team, self._company).next_end(self.local.day(missed))

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


def response_bin(value: int) -> int:
    """Index of the histogram bin of a response time (us)."""
    return bisect_left(_RESPONSE_BOUNDS, value)


def duration_bin(value: int) -> int:
    """Index of the histogram bin of a deal's duration (us)."""
    return bisect_left(_DURATION_BOUNDS, value)


def size_step(amount: int) -> int:
    """Index of the step of a deal's size (ten-thousandths)."""
    return bisect_left(_SIZE_STEPS, amount)
