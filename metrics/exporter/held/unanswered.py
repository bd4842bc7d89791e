"""Clients nobody called back and leads nobody touched, by the clock: what is open, what is due, how long it waits.

Cells know no clock: there what nothing has closed is lost, and a lead that nobody touched is due. Until that is so by
the clock, parts of the exporter's own take it back where the cells count it, so that every window, moment and history
says the same.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metrics import measure
from metrics.calendar import Calendar
from metrics.catalogue import unanswered as families
from metrics.exporter.held.numbers import Block, Shown
from metrics.exporter.held.parts import Bucket
from metrics.reference import Reference
from metrics.settings import BusinessSettings
from metrics.view import LEAD, MISS, TALK, Field, Unanswered
from metrics.windows import DAYS_HELD, hour_start, local_day

MICRO = 1_000_000
TALKS = 3600 * MICRO
"""After which a call that never ended is no longer under way."""
DAY = 86_400 * MICRO
LEAD_DAYS = 30 * DAY
OWN = -1
"""Stands for the partition of the exporter's own parts."""
_NEVER = 1 << 62

_LOST = measure.key(families.MISSED.code, families.LOST)
_OPEN = measure.key(families.MISSED.code, families.OPEN)
_RETURNS_DUE = measure.key(families.CALLBACKS_DUE.code)
_TOUCHES_DUE = measure.key(families.LEADS_DUE.code)


def microseconds(now: float) -> int:
    """A moment in Unix seconds as an integer."""
    return int(now * MICRO)


class Listed(NamedTuple):
    """What is open, with what the clock makes of it: due after one moment, no longer open from another on (us).

    target: working time in which it should be answered, us.
    """

    row: Unanswered
    due: int
    until: int
    target: int


Changes = dict[Bucket, dict[Field, dict[str, int]]]
"""Parts to put; one that is empty goes."""


class Clocked:
    """The lists of all partitions."""

    def __init__(self, settings: BusinessSettings, calendar: Calendar) -> None:
        self.calendar = calendar
        self._zone: ZoneInfo = settings.zone
        self.targets = {
            MISS: round(settings.callback_target_seconds * MICRO),
            LEAD: round(settings.lead_target_seconds * MICRO),
        }
        """Working time by kind, us."""
        self._partitions: dict[int, list[Listed]] = {}
        self._talks: dict[int, list[Unanswered]] = {}
        self._put: dict[tuple[Bucket, Field], dict[str, int]] = {}
        self._from, self._next = 0, 0

    # -- what comes in

    def take(self, partition: int, rows: Iterable[Unanswered]) -> None:
        """Take the list of a partition."""
        known = {listed.row: listed for listed in self._partitions.get(partition, ())}
        rows = list(rows)
        self._talks[partition] = [row for row in rows if row.kind == TALK]
        self._partitions[partition] = [known.get(row) or self._listed(row) for row in rows if row.kind != TALK]
        self._next = 0

    def _listed(self, row: Unanswered) -> Listed:
        hours, target = self.calendar.of(row.team), self.targets[row.kind]
        until = hours.next_end(self._day(row.start)) if row.kind == MISS else row.start + LEAD_DAYS + 1
        # Of a team that never works no target is ever over: its cell goes with its day, and what is taken from it, too.
        due = min(hours.passed(row.start, target), row.start + DAYS_HELD * DAY)
        return Listed(row, due, until, target)

    def _day(self, moment: int) -> int:
        return local_day(moment // MICRO, self._zone)

    # -- parts

    def changes(self, now: int) -> Changes:
        """What the clock (us) changed in the exporter's own parts since it was asked last."""
        if self._from <= now < self._next:
            return {}
        wanted, self._next = self._wanted(now)
        self._from = now
        found: Changes = {}
        for bucket, field in self._put.keys() | wanted.keys():
            part = wanted.get((bucket, field), {})
            if part != self._put.get((bucket, field)):
                found.setdefault(bucket, {})[field] = part
        self._put = wanted
        return found

    def _wanted(self, now: int) -> tuple[dict[tuple[Bucket, Field], dict[str, int]], int]:
        """All own parts, and the moment at which they are to be looked at again."""
        wanted: dict[tuple[Bucket, Field], dict[str, int]] = {}
        again = _NEVER
        for row, due, until, _ in self._all():
            taken: dict[str, int] = {}
            if row.kind == MISS and now < until:
                taken = {_LOST: -1, _OPEN: 1} | ({_RETURNS_DUE: -1} if now <= due else {})
                again = min(again, due + 1 if now <= due else until, until)
            elif row.kind == LEAD and now <= due:
                taken = {_TOUCHES_DUE: -1}
                again = min(again, due + 1)
            if taken:
                second = row.start // MICRO
                for bucket in (("d", self._day(row.start)), ("h", hour_start(second, self._zone))):
                    part = wanted.setdefault((bucket, Field(OWN, row.manager, row.team)), {})
                    for name, n in taken.items():
                        part[name] = part.get(name, 0) + n
        return wanted, again

    # -- what is open now

    def _all(self) -> Iterator[Listed]:
        for rows in self._partitions.values():
            yield from rows

    def open(self, now: int) -> list[tuple[Listed, int]]:
        """What is open at a moment (us), longest first, with its partition; without leads of clients in a call."""
        talking = {row.client for rows in self._talks.values() for row in rows if now - row.start < TALKS}
        found = [
            (listed, partition)
            for partition, rows in self._partitions.items()
            for listed in rows
            if now < listed.until and not (listed.row.kind == LEAD and listed.row.client in talking)
        ]
        return sorted(found, key=lambda pair: pair[0].row.start)

    def left(self, listed: Listed, now: int) -> float:
        """Working time (seconds) until the target is over; below 0 after it."""
        row = listed.row
        return (listed.target - self.calendar.working_us(row.start, now, row.team)) / MICRO

    def blocks(self, reference: Reference, now: int) -> dict[Shown, Block]:
        """How many are open per manager and team, and how long the oldest has been, seconds."""
        found: dict[Shown, Block] = {}
        for listed, _ in self.open(now):
            row = listed.row
            count, oldest = _FAMILIES[row.kind]
            mine = found.setdefault((row.manager, reference.team_of(row.manager, row.team)), {})
            number = mine.setdefault(count, {}).get((), 0.0)
            mine[count][()] = number + 1.0  # type: ignore[operator]  # no histogram
            mine.setdefault(oldest, {}).setdefault((), max(0, now - row.start) / MICRO)
        return found

    def least_left(self, kind: str, reference: Reference, now: int, live: int) -> dict[str, float]:
        """By team, the least working time left of what is open and not older than a moment (us), seconds."""
        found: dict[str, float] = {}
        for listed, _ in self.open(now):
            row = listed.row
            if row.kind == kind and row.start >= live:
                team, left = reference.team_of(row.manager, row.team), self.left(listed, now)
                found[team] = min(found.get(team, left), left)
        return found


_FAMILIES = {
    MISS: (families.UNRETURNED, families.UNRETURNED_OLDEST),
    LEAD: (families.UNTOUCHED, families.UNTOUCHED_OLDEST),
}
