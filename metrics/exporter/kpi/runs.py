"""KPIs of any run of local days, beside the run before it and the same days a year ago: for company, teams or people.

The same sums and formulas as in history; here many KPIs of one run come out of one look at its days.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from metrics.catalogue import BY_EXPOSED, KPIS
from metrics.errors import AskedError
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.days import SumSelection, put_together
from metrics.exporter.held.items import BITS
from metrics.exporter.held.view import HeldView
from metrics.exporter.kpi import tables
from metrics.exporter.kpi.kpis import Evaluation, Values
from metrics.exporter.kpi.levels import people_of_days, place, rows
from metrics.exporter.kpi.made_of import parts, told
from metrics.family import CALENDAR_WINDOWS, PERIODS, PLAN_WINDOWS
from metrics.kpi import Formula, Kpi, Level, change
from metrics.windows import DAYS_HELD, period_end, period_start

_BY_ID = {kpi.id: kpi for kpi in KPIS}
_MOST_KPIS = 60
_MOST_KEPT = 300_000
"""Values of runs that are over, kept for the next question."""
_AT_ONCE = 8
"""Days added up before others get their turn."""
_YEAR_OF_WEEKS = timedelta(days=364)
_DAY = timedelta(days=1)
_COLUMNS = ("current", "previous", "trend", "year_ago", "trend_year")
_STEPS = {"day": 30, "month": 12}
"""Periods of a sparkline."""

Key = tuple[str, ...]


class Run(NamedTuple):
    """Local days, both ends in."""

    first: date
    last: date

    @property
    def days(self) -> range:
        """Their ordinals."""
        return range(self.first.toordinal(), self.last.toordinal() + 1)

    def as_json(self) -> dict[str, str]:
        """Its ends."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


class Whose(NamedTuple):
    """Rows wanted: all of a level, or one; of people those of one team, where it is stated.

    teams: those that may be seen, None for all.
    """

    level: Level
    name: str = ""
    team: str = ""
    teams: frozenset[str] | None = None

    @property
    def only(self) -> tuple[str, str] | None:
        """Label and value that rows are restricted to."""
        if self.name:
            return (self.level.value, self.name)
        return (Level.TEAM.value, self.team) if self.team else None


def has_history(kpi: Kpi) -> bool:
    """Whether a KPI is of periods, not of now."""
    return any(window in CALENDAR_WINDOWS for window in kpi.windows)


def wanted(names: str) -> tuple[Kpi, ...]:
    """The KPIs of a list with commas. Raises AskedError."""
    found = []
    for name in names.split(",") if names else ():
        kpi = _BY_ID.get(name)
        if kpi is None:
            raise AskedError(f"kpis= has {name!r}, which does not exist; there are {', '.join(sorted(_BY_ID))}")
        if not has_history(kpi):
            raise AskedError(f"kpis= has {name!r}, which is about now and has no history")
        found.append(kpi)
    if not 0 < len(found) <= _MOST_KPIS:
        raise AskedError(f"kpis= names {len(found)} KPIs; state 1 to {_MOST_KPIS}, with commas between them")
    return tuple(found)


def oldest(today: date) -> date:
    """The first day that is held."""
    return today - timedelta(days=DAYS_HELD)


def check(run: Run, today: date) -> None:
    """Raise AskedError for days that are not held, or in the wrong order."""
    if run.first > run.last:
        raise AskedError(f"from={run.first} lies after to={run.last}; today is {today}")
    if run.first < (since := oldest(today)):
        raise AskedError(f"from={run.first} lies more than {DAYS_HELD} days back; numbers are kept since {since}")


def run_of(first: date | None, last: date | None, today: date) -> Run:
    """The run that is asked for, by default the last thirty days. Raises AskedError."""
    last = min(last or today, today)
    run = Run(first or last - timedelta(days=_STEPS["day"] - 1), last)
    check(run, today)
    return run


def before(run: Run, today: date) -> Run:
    """What a run is compared with: as on the wall where it is a period or the beginning of one, else as many days."""
    if len(run.days) > 1:
        for step in ("week", "month", "quarter", "year"):
            if run.first == period_start(step, run.first) and run.last == period_end(step, run.first) - _DAY < today:
                return Run(period_start(step, run.first - _DAY), run.first - _DAY)
        for step in ("month", "quarter", "year", "week"):
            if run.first == period_start(step, run.first) and run.last < period_end(step, run.first):
                start = period_start(step, run.first - _DAY)
                return Run(start, min(run.first - _DAY, start + (run.last - run.first)))
    return Run(run.first - timedelta(days=len(run.days)), run.first - _DAY)


def year_ago(run: Run) -> Run:
    """The same dates where a run begins with a month, else the same days of the week."""
    if run.first.day != 1 or len(run.days) == 1:
        return Run(run.first - _YEAR_OF_WEEKS, run.last - _YEAR_OF_WEEKS)
    back = date(run.last.year - 1, run.last.month, 1)
    last_of_month = (period_end("month", back) - _DAY).day
    is_whole = (run.last + _DAY).day == 1
    ended = back.replace(day=last_of_month if is_whole else min(run.last.day, last_of_month))
    return Run(run.first.replace(year=run.first.year - 1), ended)


def plan_window(run: Run, today: date) -> str:
    """The month, quarter or year that a run is, or is so far; "" where it is none."""
    for step in PLAN_WINDOWS:
        end = period_end(step, run.first) - _DAY
        if run.first == period_start(step, run.first) and (run.last == end or run.last == today < end):
            return step
    return ""


def plan_samples(
    board: HeldView, end: date, now: float, planned: plans.PlanSelection = plans.EVERY_PLAN
) -> list[plans.Sample]:
    """Plans of the periods that end before a day (exclusive): of those that are over as at their end."""
    if end > board.today(now):
        return board.plan_samples(now, planned=planned)
    moment = datetime(end.year, end.month, end.day, tzinfo=board.zone).astimezone(UTC).timestamp()
    return board.plan_samples(moment, end - _DAY, planned)


def share_of(kpis: Iterable[Kpi], whose: Whose) -> SumSelection:
    """Sums that KPIs are made of."""
    formulas: list[Formula] = [kpi.formula for kpi in kpis]
    mask = 0
    for formula in formulas:
        for part in parts(formula):
            mask |= BITS[BY_EXPOSED[part["family"]]]
    together = whose.level is not Level.MANAGER
    return SumSelection(mask, "", together, together and whose.level is Level.COMPANY and whose.teams is None)


class Runs:
    """Answers about one board; what a run that is over has said is kept until a day of it changes."""

    def __init__(self, board: HeldView) -> None:
        self._board = board
        self._kept: OrderedDict[Any, tuple[object, dict[str, Values]]] = OrderedDict()
        self._size = 0

    def making(self, kpis: tuple[Kpi, ...], whose: Whose, run: Run, now: float) -> Iterator[dict[str, Values] | None]:
        """Values by KPI, the last thing that comes: until then others get their turn."""
        board = self._board
        today = board.today(now)
        key, state = (tuple(kpi.id for kpi in kpis), whose, run), self._state(run)
        known = self._kept.get(key)
        if known is not None and known[0] == state:
            self._kept.move_to_end(key)
            yield known[1]
            return
        share = share_of(kpis, whose)
        sums = yield from self._added(share, run.days)
        if self._state(run) != state:
            # Something of these days was corrected meanwhile: at once, then.
            state, sums = self._state(run), board.sums_of_days(share, run.days)
        found = self._evaluated(kpis, whose, run, sums, share, now)
        if run.last < today:
            self._keep(key, state, found)
        board.trim_days()
        yield found

    def _state(self, run: Run) -> object:
        return self._board.state_of_days(run.days)

    def _added(self, share: SumSelection, days: range) -> Generator[None, None, Sums]:
        yield from self._board.making_days(share, days)
        sums = Sums()
        for start in range(days.start, days.stop, _AT_ONCE):
            some = range(start, min(days.stop, start + _AT_ONCE))
            for credit, items in self._board.sums_of_days(share, some).items():
                put_together(sums, share, credit, items)
            yield
        return sums

    def _evaluated(
        self, kpis: tuple[Kpi, ...], whose: Whose, run: Run, sums: Sums, share: SumSelection, now: float
    ) -> dict[str, Values]:
        board = self._board
        today = board.today(now)
        where, window = place(whose.level, whose.only, whose.teams), plan_window(run, today)
        planned = plans.PlanSelection((window,), whose.level.value, whose.name)
        samples = plan_samples(board, period_end(window, run.first), now, planned) if window else []
        samples = plans.of_teams(samples, whose.teams)
        step = window or CALENDAR_WINDOWS[0]
        found = rows(board, sums, (step, PERIODS[0]), where, share.mask)
        evaluation = Evaluation(
            whose.level, window, found, [], samples, people_of_days(board, sums, run.days, whose.level, where),
            lambda manager: board.reference.team_of(manager, ""),
        )  # fmt: skip
        return {kpi.id: self._named(whose, evaluation.of(kpi)) for kpi in kpis}

    def _named(self, whose: Whose, values: Values) -> Values:
        """One person's numbers of all teams stand under the team that he is in."""
        if not whose.name:
            return values
        mine = {key: value for key, value in values.items() if key[0] == whose.name}
        if whose.level is not Level.MANAGER:
            return mine
        home = self._board.reference.team_of(whose.name, "")
        return {(key[0], home, *key[2:]): value for key, value in mine.items()}

    def _keep(self, key: Any, state: object, found: dict[str, Values]) -> None:
        if key in self._kept:
            self._size -= _size(self._kept.pop(key)[1])
        self._kept[key] = state, found
        self._size += _size(found)
        while self._size > _MOST_KEPT and len(self._kept) > 1:
            self._size -= _size(self._kept.popitem(last=False)[1][1])


def _size(found: dict[str, Values]) -> int:
    return 1 + sum(map(len, found.values()))


def sparks(step: str, today: date) -> list[Run]:
    """The periods of a sparkline, up to the running one."""
    found = [Run(period_start(step, today), today)]
    while len(found) < _STEPS[step]:
        end = found[0].first - _DAY
        found.insert(0, Run(period_start(step, end), end))
    return [run for run in found if run.first >= oldest(today)]


def compared(
    board: HeldView, kpis: tuple[Kpi, ...], whose: Whose, found: list[dict[str, Values] | None]
) -> list[dict[str, Any]]:
    """A row for each team or person who has a number now or before. found: of the run, the one before, a year ago."""
    width = len(whose.level.labels)
    keys = {key[:width] for values in found if values for of in values.values() for key in of}
    return [
        {**_who(board, whose.level, key), "kpis": [_record(kpi, key, found, width) for kpi in kpis]}
        for key in sorted(keys)
    ]


def _who(board: HeldView, level: Level, key: Key) -> dict[str, str]:
    if level is Level.MANAGER:
        return {"id": key[0], "name": board.reference.name_of(key[0]), "team": key[1]}
    name = key[0] if key else ""
    return {"id": name, "name": name, "team": name}


def table(kpis: tuple[Kpi, ...], rows_: list[dict[str, Any]]) -> str:
    """The same as CSV: a row for each team or person and label values, for each KPI."""
    names = sorted({label for kpi in kpis for label in kpi.by})
    return tables.table(["id", "name", "team", "kpi", *names, *_COLUMNS], _lines(rows_, names))


def _lines(rows_: list[dict[str, Any]], names: list[str]) -> Iterator[list[object]]:
    for row in rows_:
        for record in row["kpis"]:
            for one in record["values"]:
                labels = [one["labels"].get(name, "") for name in names]
                numbers = ["" if one[column] is None else one[column] for column in _COLUMNS]
                yield [row["id"], row["name"], row["team"], record["id"], *labels, *numbers]


def _record(kpi: Kpi, row: Key, found: list[dict[str, Values] | None], width: int) -> dict[str, Any]:
    values = [
        {key[width:]: value for key, value in (of or {}).get(kpi.id, {}).items() if key[:width] == row} for of in found
    ]
    labels = sorted({key for of in values for key in of})
    return {
        "id": kpi.id,
        "values": [
            {
                "labels": dict(zip(kpi.by, rest, strict=True)),
                "current": values[0].get(rest),
                "previous": values[1].get(rest),
                "trend": _change(kpi, values[0].get(rest), values[1].get(rest)),
                "year_ago": values[2].get(rest),
                "trend_year": _change(kpi, values[0].get(rest), values[2].get(rest)),
            }
            for rest in labels
        ],
    }


def _change(kpi: Kpi, current: float | None, old: float | None) -> float | None:
    return None if current is None else change(current, old, points=kpi.in_points)


def about(kpi: Kpi, measure: str | None) -> dict[str, Any]:
    """What the page needs to know of a KPI. measure: of the plan that it is compared with."""
    return {
        "id": kpi.id, "number": kpi.number, "title": kpi.title, "title_ru": kpi.title_ru, "help": kpi.help,
        "unit": kpi.unit, "better": kpi.better, "by": list(kpi.by), "parts": told(kpi.formula), "measure": measure,
        "steps": [step for step in CALENDAR_WINDOWS if step in kpi.windows],
    }  # fmt: skip
