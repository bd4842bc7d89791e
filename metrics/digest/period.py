"""Which day or week a digest is about: the last one that is over, by the business's own clock."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from metrics.errors import AskedError
from metrics.windows import period_end, period_start

_DAY = timedelta(days=1)


class DigestKind(StrEnum):
    """How long the periods are."""

    DAY = "day"
    WEEK = "week"


class DigestPeriod(NamedTuple):
    """Local days, both ends in."""

    kind: DigestKind
    first: date
    last: date

    @property
    def name(self) -> str:
        """What it is called in files and in what was sent."""
        return f"{self.kind}-{self.first}"

    @property
    def days(self) -> dict[str, str]:
        """Its ends as the exporter is asked."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def of(kind: DigestKind, day: date) -> DigestPeriod:
    """The period that a day lies in."""
    return DigestPeriod(kind, period_start(kind, day), period_end(kind, day) - _DAY)


def over(kind: DigestKind, today: date, wanted: date | None = None) -> DigestPeriod:
    """The last one that is over, or the one that a day lies in. Raises AskedError where it is not over."""
    found = of(kind, period_start(kind, today) - _DAY if wanted is None else wanted)
    if found.last >= today:
        raise AskedError(f"the {kind} of {wanted} is not over: it ends with {found.last}, today is {today}")
    return found


def due(kind: DigestKind, now: datetime, at: time) -> DigestPeriod | None:
    """What is to be sent by now; None in the hours before the time of day on the day after it."""
    found = over(kind, now.date())
    is_first = now.date() == found.last + _DAY
    return None if is_first and now.time() < at else found
