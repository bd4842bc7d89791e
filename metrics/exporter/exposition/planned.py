"""Plans as lines: of people only of those who have a name of their own, as the rest did more than they planned."""

from collections.abc import Callable, Iterable
from datetime import date

from metrics.calendar import Calendar
from metrics.catalogue.plan import TARGET, TO_DATE, WORKING_DAYS
from metrics.exporter.exposition.packed import Packed, pack
from metrics.exporter.exposition.text import head, number
from metrics.exporter.held.plans import Shares, Target, Targets, to_date, working_days
from metrics.family import PLAN_WINDOWS
from metrics.other import manager_name
from metrics.reference import Reference


class PlannedLines:
    """Lines of one family, compressed when first asked for."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._text = "".join(lines).encode()
        self._packed: Packed | None = None

    def packed(self) -> tuple[Packed]:
        """All of them."""
        if self._packed is None:
            self._packed = pack(self._text)
        return (self._packed,)


class Planned:
    """Lines of targets, of plans to date and of working days: all but those to date stay the same for a day."""

    def __init__(self, calendar: Calendar, targets: Targets) -> None:
        self._calendar = calendar
        self._targets = targets
        self._state: tuple[Reference, date, set[str]] | None = None
        self._shown: dict[str, list[tuple[str, Target]]] = {}
        """Window → what a line of a plan to date begins with, and its target."""
        self._shares: list[tuple[int, int]] = []
        self._lines: dict[str, PlannedLines] = {}

    def lines(
        self, reference: Reference, today: date, now: float, has_name: Callable[[str], bool]
    ) -> dict[str, PlannedLines]:
        """Lines of each family that has any, by its name, at a moment (Unix seconds)."""
        named = set(filter(has_name, self._targets.managers(reference, today)))
        if self._state is None or self._state[0] is not reference or self._state[1:] != (today, named):
            self._state, self._shares = (reference, today, named), []
            self._stay(reference, today, named)
        passed = [Shares(self._calendar, window, today, now) for window in PLAN_WINDOWS]
        shares = [
            by_team.of(target.credit[1])
            for by_team, shown in zip(passed, self._shown.values(), strict=True)
            for _, target in shown
        ]
        if shares != self._shares:
            # While nobody works nothing changes.
            self._shares = shares
            every = (one for shown in self._shown.values() for one in shown)
            self._lines[TO_DATE.name] = PlannedLines(
                f"{begin} {number(to_date(target.amount, share))}\n"
                for (begin, target), share in zip(every, shares, strict=True)
            )
        return self._lines

    def _stay(self, reference: Reference, today: date, named: set[str]) -> None:
        """Make what stays the same."""
        targets: list[str] = []
        self._shown = {window: [] for window in PLAN_WINDOWS}
        for window, shown in self._shown.items():
            for target in self._targets.of(reference, window, today):
                manager, team = target.credit
                if target.level == "manager":
                    if manager not in named:
                        continue
                    manager = manager_name(manager)
                labels = (manager, team, target.level, target.measure, window)
                targets.append(f"{head(TARGET, labels)} {number(float(target.amount))}\n")
                shown.append((head(TO_DATE, labels), target))
        days = (
            f"{head(WORKING_DAYS, one.labels)} {number(one.value)}\n"
            for one in working_days(reference, self._calendar, today)
        )
        self._lines = {WORKING_DAYS.name: PlannedLines(days)} | (
            {TARGET.name: PlannedLines(targets)} if targets else {}
        )
