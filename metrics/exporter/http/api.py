"""The same numbers as JSON: KPIs at a level, and everything that the wall shows in one answer."""

from collections.abc import Callable, Container, Iterable
from typing import Any

from metrics.catalogue import KPIS
from metrics.catalogue.deals import WON_AMOUNT
from metrics.catalogue.plan import ACTUALS, MONEY_MEASURES
from metrics.exporter.board import Board
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import NOW as OPEN
from metrics.exporter.held.aggregates import Slot
from metrics.exporter.held.items import BITS
from metrics.exporter.held.numbers import Shown
from metrics.exporter.held.view import Row
from metrics.exporter.kpi.call_list import call_list
from metrics.exporter.kpi.forecasts import EXPECTED, NO_OUTLOOK, Outlook
from metrics.exporter.kpi.kpis import Evaluation, Key, Values
from metrics.exporter.kpi.levels import open_rows, people, place, rows
from metrics.exporter.kpi.made_of import told
from metrics.family import CALENDAR_WINDOWS, NINETY_DAYS, PERIODS, PLAN_WINDOWS, SHORT_WINDOWS, Family
from metrics.kpi import Kpi, Level, change

WINDOWS = (*SHORT_WINDOWS, *CALENDAR_WINDOWS)
Only = tuple[str, str] | None
Teams = Container[str] | None
_MOST_LEADERS = 50


class LiveNumbers:
    """All sums of one moment, so that one request works each window out once. teams: no others are shown."""

    def __init__(
        self, board: Board, now: float, at: float | None = None, window: str = "", teams: Teams = None
    ) -> None:
        self._board = board
        self.teams = teams
        self._now = now
        self._live = at is None
        self._sums = board.sums(now) if at is None else board.sums_at(at, now, (window,) if window else None)
        self.plans = plans.of_teams(board.plan_samples(now), teams) if self._live else []
        self._waiting = list(board.waiting_rows(now)) if self._live else []
        self._rows: dict[tuple[Slot, Level, Only], list[Row]] = {}

    def evaluation(self, level: Level, window: str, period: str, only: Only = None) -> Evaluation:
        """KPIs of a window; `only`: (label, value) of one team or manager."""
        where, slot = place(level, only, self.teams), (window, period)

        def managers(family: Family) -> dict[Shown, int]:
            return people(self._board, self._sums.get(slot, {}), where, family)

        return Evaluation(
            level,
            window,
            [
                *self._window(slot, level, only),
                *self._window(OPEN, level, only),
                *(row._replace(shown=shown) for row in self._waiting if (shown := where(row.shown)) is not None),
            ],
            self._window((NINETY_DAYS, "current"), level, only),
            self.plans,
            managers,
            self._home,
        )

    def of_family(self, family: Family, level: Level, slot: Slot, only: Only) -> Evaluation:
        """KPIs of one family alone."""
        where, sums = place(level, only, self.teams), self._sums.get(slot, {})
        found = rows(self._board, sums, slot, where, BITS[family])
        return Evaluation(level, slot[0], found, [], [], lambda _: people(self._board, sums, where, family), self._home)

    def _home(self, manager: str) -> str:
        return self._board.reference.team_of(manager, "")

    def _window(self, slot: Slot, level: Level, only: Only) -> list[Row]:
        key = (slot, level, only)
        found = self._rows.get(key)
        if found is None:
            where = place(level, only, self.teams)
            if slot != OPEN:
                found = rows(self._board, self._sums.get(slot, {}), slot, where)
            else:
                found = open_rows(self._board, self._now, where) if self._live else []
            self._rows[key] = found
        return found


def kpis(numbers: LiveNumbers, level: Level, window: str, period: str) -> list[dict[str, Any]]:
    """Every KPI of a level in a window, with its trend when the period is the current one."""
    current = numbers.evaluation(level, window, period)
    before = numbers.evaluation(level, window, "previous") if period == "current" else None
    return [
        {
            "id": kpi.id,
            "number": kpi.number,
            "record": kpi.kept_as(level),
            "title": kpi.title,
            "unit": kpi.unit,
            "values": [
                {"labels": _labels(level, kpi, key), "value": value, "previous": previous, "trend": trend}
                for key, value, previous, trend in _compared(kpi, current, before)
            ],
        }
        for kpi in KPIS
        if not kpi.windows or (window in kpi.windows and (period == PERIODS[0] or not kpi.is_planned))
    ]


def _labels(level: Level, kpi: Kpi, key: Key) -> dict[str, str]:
    return dict(zip((*level.labels, *kpi.by), key, strict=True))


def _compared(
    kpi: Kpi, current: Evaluation, before: Evaluation | None
) -> Iterable[tuple[Key, float, float | None, float | None]]:
    values = current.of(kpi)
    old: Values = before.of(kpi) if before is not None and kpi.trend else {}
    for key, value in sorted(values.items()):
        previous = old.get(key)
        yield key, value, previous, change(value, previous, points=kpi.in_points)


def live(
    board: Board,
    now: float,
    level: Level,
    name: str,
    window: str,
    unknown: Container[int] = (),
    outlook: Outlook = NO_OUTLOOK,
    teams: Teams = None,
) -> dict[str, Any]:
    """What one wall shows: the KPIs of its scope, who waits, whom to call, the plan, the leaders.

    unknown: partitions of which nobody knows who still waits. outlook: between what plans will end.
    teams: those that may be seen, None for all.
    """
    numbers = LiveNumbers(board, now, teams=teams)
    only = None if level is Level.COMPANY else (str(level), name)
    reference = board.reference

    def wanted(manager: str, team: str) -> bool:
        if teams is not None and team not in teams:
            return False
        return only is None or only[1] == (manager if level is Level.MANAGER else team)

    return {
        "at": board.local(now).isoformat(),
        "now": now,
        "zone": board.settings.timezone,
        "currency": board.settings.currency,
        "targets": board.targets,
        "scopes": _scopes(board, teams),
        "team": "" if level is Level.COMPANY else name if level is Level.TEAM else reference.team_of(name, ""),
        "waiting": [*_waiting(board, now, wanted, unknown)],
        "unanswered": call_list(board, now, wanted, unknown),
        "kpis": _wall_kpis(numbers, level, window, only),
        "plan": _plan(numbers, level, only, outlook),
        "leaders": _leaders(numbers, board, window, Level.MANAGER, only),
        "teams": _leaders(numbers, board, window, Level.TEAM, only) if level is Level.COMPANY else [],
    }


def _waiting(
    board: Board, now: float, wanted: Callable[[str, str], bool], unknown: Container[int]
) -> Iterable[dict[str, Any]]:
    reference = board.reference
    for one, known in board.who_waits(now, unknown):
        team = reference.team_of(one.manager, one.team)
        if wanted(one.manager, team):
            yield {
                "channel": one.channel,
                "manager": one.manager,
                "name": reference.name_of(one.manager),
                "team": team,
                "since": one.start / 1_000_000,
                "known": known,
            }


def _scopes(board: Board, teams: Teams) -> dict[str, Any]:
    reference = board.reference
    people = [m for m in reference.managers.values() if m.active and (teams is None or m.team in teams)]
    return {
        "company": teams is None,
        "teams": sorted({m.team for m in people}),
        "managers": [
            {"id": m.id, "name": reference.name_of(m.id), "team": m.team}
            for m in sorted(people, key=lambda m: (m.name, m.id))
        ],
    }


def _wall_kpis(numbers: LiveNumbers, level: Level, window: str, only: tuple[str, str] | None) -> list[dict[str, Any]]:
    current = {window: numbers.evaluation(level, window, "current", only)}
    before = {window: numbers.evaluation(level, window, "previous", only)}
    found = []
    for kpi in KPIS:
        planned = kpi.metric.startswith("sales_plan_")
        values = []
        for name in PLAN_WINDOWS if planned else (window,):
            if kpi.windows and name not in kpi.windows:
                continue
            if name not in current:
                current[name] = numbers.evaluation(level, name, "current", only)
            old = None if planned else before[window]
            for key, value, previous, trend in _compared(kpi, current[name], old):
                if only is not None and only[1] != key[0]:
                    continue
                labels = dict(zip(kpi.by, key[len(level.labels) :], strict=True)) | (
                    {"window": name} if planned else {}
                )
                values.append({"labels": labels, "current": value, "previous": previous, "trend": trend})
        found.append(
            {
                "id": kpi.id,
                "number": kpi.number,
                "title": kpi.title,
                "title_ru": kpi.title_ru,
                "help": kpi.help,
                "unit": kpi.unit,
                "better": kpi.better,
                "parts": told(kpi.formula),
                "values": values,
            }
        )
    return found


def _plan(
    numbers: LiveNumbers,
    level: Level,
    only: tuple[str, str] | None,
    outlook: Outlook,
) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for family, labels, value in numbers.plans:
        if len(labels) != len(family.labels) + 2:
            continue
        manager, team, of, measure, window = labels
        if of != level or (only is not None and only[1] != (manager if level is Level.MANAGER else team)):
            continue
        row = found.setdefault((window, measure), {"window": window, "measure": measure, "actual": 0.0})
        row["money"] = measure in MONEY_MEASURES
        row["target" if family.name.endswith("target") else "to_date"] = value
    for (window, measure), row in found.items():
        told = outlook.told((level.value, only[1] if only else "", measure, window))
        row.update((name, value) for name, value in told.items() if name != EXPECTED)
        if measure in ACTUALS:
            actual = Kpi(15, "", "", "", "", "", ACTUALS[measure], "", (window,))
            values = numbers.evaluation(level, window, "current", only).of(actual)
            row["actual"] = sum(values.values())
    return sorted(found.values(), key=lambda row: (PLAN_WINDOWS.index(row["window"]), row["measure"]))


def _leaders(
    numbers: LiveNumbers, board: Board, window: str, level: Level, only: tuple[str, str] | None
) -> list[dict[str, Any]]:
    current = numbers.of_family(WON_AMOUNT, level, (window, "current"), only)
    before = numbers.of_family(WON_AMOUNT, level, (window, "previous"), only)
    won = next(kpi for kpi in KPIS if kpi.id == "sales_won_amount:sum")
    rows: list[dict[str, Any]] = []
    for key, value, _, trend in _compared(won, current, before):
        name = board.reference.name_of(key[0]) if level is Level.MANAGER else key[0]
        team = (key[1] or board.reference.team_of(key[0], "")) if level is Level.MANAGER else key[0]
        rows.append({"id": key[0], "name": name, "team": team, "won": value, "trend": trend})
    return sorted(rows, key=lambda row: (-row["won"], row["name"]))[:_MOST_LEADERS]
