"""What one entity adds to one number: the atoms that cells sum up and that explain lists."""

from typing import NamedTuple, Self

from metrics.catalogue.unanswered import MISSED
from streams.plain.calendar import PlainCalendar

LISTED = frozenset(("waiting", "miss", "lead", "talk"))
"""Codes of what is no sum but a list: who waits for an answer, a call back, a first touch; and who is in a call."""


class Pending(NamedTuple):
    """What the clock has a say in: a miss that is open before `until` (us), and lost from then on.

    It, or a lead, is not due while no more than `target` (us) of its team's working time has passed `since`.
    """

    until: int
    since: int
    target: int
    team: str


class Contribution(NamedTuple):
    """One entity's share of one family, at a moment of business time.

    code: of the family (`metrics.catalogue`); labels: its values in the catalogue's order, bins left out.
    manager: "unknown" when not stated; team: "" when not stated. time: microseconds since the epoch (us).
    value: a count, or us for a duration, or ten-thousandths for money, whose currency is then stated.
    pending: None when no clock changes it; else see `as_of`.
    """

    code: str
    labels: tuple[str, ...]
    manager: str
    team: str
    time: int
    value: int
    kind: str
    entity: str
    client: str
    currency: str = ""
    pending: Pending | None = None

    def as_of(self, now: int, calendar: PlainCalendar) -> Self | None:
        """The contribution as the clock (us) has it: an open miss is not lost yet, and what is not due is nothing."""
        wait = self.pending
        if wait is None or now >= wait.until:
            return self
        if self.code == MISSED.code:
            return self._replace(labels=("open",))
        return None if calendar.working_us(wait.since, now, wait.team) <= wait.target else self


class OpenThing(NamedTuple):
    """One entity's share of a family that has no window: what is so now.

    `value` as in `Contribution`, for weighted amounts in 10^-16. A receivable is what the invoice asks for
    (`value` in `currency`) and `against`: (currency, local day, ten-thousandths) of every payment, refunds negative.
    `due_day`: ordinal of the local day an invoice is due. `since`: us, when a client began to wait; `until`: us, from
    when on nobody shows it any more.
    """

    code: str
    labels: tuple[str, ...]
    manager: str
    team: str
    value: int
    kind: str
    entity: str
    client: str
    currency: str = ""
    due_day: int = 0
    against: tuple[tuple[str, int, int], ...] = ()
    since: int = 0
    until: int = 0
