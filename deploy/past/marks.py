"""What the past was worked out from, as digests: whoever has kept them can tell since which day it has changed."""

from collections.abc import Iterator
from datetime import date
from hashlib import blake2b

import msgspec

from metrics import measure
from metrics.calendar import Hours
from metrics.exporter.board import Board
from metrics.exporter.held.days import SumSelection
from metrics.exporter.held.places import Places
from metrics.past.values import RECORDED
from metrics.reference import PlanRecord
from metrics.settings import BusinessSettings

_VERSION = 2
"""Of the digests, and of what is written of a day."""
_ALL = SumSelection(-1)
_SETTINGS = BusinessSettings.model_fields.keys() - {"redis_url", "app_id", "calendar", "max_managers"}
"""What numbers depend on: not where anything lies, or how long it is believed. Of the
calendar it is what it says, of the limit of names who is shown."""


class Marks(msgspec.Struct, frozen=True):
    """rules: what all days depend on. plans: name → first day and digest. days: those with numbers, by ordinal."""

    rules: str
    plans: dict[str, tuple[int, str]]
    days: dict[int, str]

    def changed(self, old: "Marks | None", days: range, since: int) -> int | None:
        """The first day (ordinal) that says something else now, or nothing any more; None where none does.

        days: those told of now. since: the first that is held; what was told of earlier ones was dropped for its age.
        A day's numbers are in those of every later one of its month, quarter and year, and of the ones after these.
        """
        if old is None or old.rules != self.rules:
            return days.start
        moved = [day for day in old.days.keys() | days if day >= since and self.days.get(day) != old.days.get(day)]
        for name in self.plans.keys() | old.plans.keys():
            now, before = self.plans.get(name), old.plans.get(name)
            if now != before and (begins := (now or before or (0, ""))[0]) < days.stop:
                moved.append(max(days.start, begins))
        return min(moved, default=None)


def marks(board: Board, days: range, names: Places) -> Marks:
    """Of a board as it stands now; of these days (ordinals). names: of managers."""
    calendar, settings = board.calendar, board.settings.model_dump(mode="json", include=_SETTINGS)
    hours = [(team, *_hours(one)) for team, one in sorted({"": calendar.company, **calendar.teams}.items())]
    shown = sorted(names.named) if names.others else []
    rules = _digest((_VERSION, [repr(kpi) for kpi in RECORDED], sorted(settings.items()), hours, shown))
    plans = {
        "|".join((*plan.scope, plan.measure, plan.period)): _plan(board, plan)
        for plan in board.reference.plans.values()
    }
    return Marks(rules, plans, dict(_of_days(board, days)))


def _of_days(board: Board, days: range) -> Iterator[tuple[int, str]]:
    """Digests of the days' sums, of the teams that they count for, and of the rates they are converted by."""
    items, rates, team_of = board.items, board.reference.rates, board.reference.team_of
    for day in days:
        told = sorted(
            (manager, team_of(manager, team), team_of(manager, ""), items.all[number].measure, value,
             rates.on(measure.parts(items.all[number].measure)[-1], day) if items.foreign[number] else 1)
            for (manager, team), mine in board.sums_of_day(_ALL, day).items()
            for number, value in mine.items()
        )  # fmt: skip
        if told:
            yield day, _digest(told)


def _plan(board: Board, plan: PlanRecord) -> tuple[int, str]:
    begins = _begins(plan.period).toordinal()
    rate = board.reference.rates.on(plan.currency, begins) if plan.currency else None
    home = board.reference.team_of(plan.scope[1], "") if plan.scope[0] == "manager" else ""
    return begins, _digest((plan.target, plan.currency, rate, home))


def _begins(period: str) -> date:
    """First day of a month, quarter or year as plans name it."""
    year, _, part = period.partition("-")
    month = 3 * int(part[1:]) - 2 if part.startswith("Q") else int(part or 1)
    return date(int(year), month, 1)


def _hours(hours: Hours) -> tuple[object, ...]:
    return hours.week, sorted(hours.holidays), sorted(hours.days.items())


def _digest(value: object) -> str:
    return blake2b(repr(value).encode(), digest_size=12).hexdigest()
