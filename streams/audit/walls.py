"""What a wall shows (/api/v1/live), and what it must show: its KPIs, who waits, whom to call, the plan, the leaders.

Both as series by the names of recording rules where there are any. A manager's wall does not say which team a value
is credited to, so values of one manager are added up, on both sides.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from metrics.catalogue import KPIS
from metrics.family import PLAN_WINDOWS
from metrics.kpi import Kpi, Level, Ratio
from streams.plain.contribution import OpenThing
from streams.plain.kpis import PlainAsked, PlainNumbers, Values, trend
from streams.plain.series import PlainSeries, series
from streams.plain.shown import PlainShown

_WON = next(kpi for kpi in KPIS if kpi.id == "sales_won_amount:sum")
_MOST_LEADERS = _MOST_CALLED = 50


class Wall(NamedTuple):
    """A scope and a window; `name` is "" for the company."""

    level: Level
    name: str
    window: str

    def shows(self, key: Mapping[str, str]) -> bool:
        """Whether what these labels name belongs to the scope."""
        return self.level is Level.COMPANY or key[self.level.value] == self.name


def shown(answer: Mapping[str, Any], wall: Wall) -> dict[PlainSeries, float]:
    """The numbers of an answer."""
    found: Counter[PlainSeries] = Counter()
    for one, value in (*_shown_kpis(answer, wall), *_shown_leaders(answer)):
        found[one] += value  # type: ignore[assignment]  # floats
    for row in answer["waiting"]:
        found[_waits(row["channel"], row["manager"], row["team"], round(row["since"] * 10**6))] += 1
    for kind, listed in answer["unanswered"].items():
        for what in ("open", "late"):
            found[_unanswered(kind, what)] += listed[what]
        for row in listed["rows"]:
            found[_to_call(kind, row)] += row["left"]
    for row in answer["plan"]:
        for what in ("target", "to_date", "actual"):
            found[_plan(row["measure"], row["window"], what)] += row[what]
    return dict(found)


def _shown_kpis(answer: Mapping[str, Any], wall: Wall) -> Iterator[tuple[PlainSeries, float]]:
    for row in answer["kpis"]:
        for one in row["values"]:
            labels = {"window": wall.window, **one["labels"]}
            for what in ("current", "previous", "trend"):
                if one[what] is not None:
                    yield series(row["id"], {**labels, "of": what}), one[what]


def _shown_leaders(answer: Mapping[str, Any]) -> Iterator[tuple[PlainSeries, float]]:
    for level, rows in ((Level.MANAGER, answer["leaders"]), (Level.TEAM, answer["teams"])):
        for row in rows:
            labels = {"manager": row["id"], "team": row["team"]} if level is Level.MANAGER else {"team": row["id"]}
            for what in ("won", "trend"):
                if row[what] is not None:
                    yield _leader(level, labels, what), row[what]


def expected(
    wall: Wall, numbers: PlainNumbers, things: Iterable[OpenThing], told: PlainShown, seen: Collection[PlainSeries]
) -> dict[PlainSeries, Fraction]:
    """What it must show. told: says in which team somebody is, and who still waits; seen: what it shows."""
    found: Counter[PlainSeries] = Counter()
    things = list(things)
    own = numbers.together() if wall.level is Level.MANAGER else numbers
    for one, value in (*_kpis(wall, own), *_plans(wall, numbers), *_leaders(wall, own, told, seen)):
        found[one] += value  # type: ignore[assignment]  # exact, not whole
    for thing in things:
        who = {"manager": thing.manager, "team": told.reference.team(thing.manager, thing.team)}
        if thing.code == "waiting" and told.waited(thing) is not None and wall.shows(who):
            found[_waits(thing.labels[0], who["manager"], who["team"], thing.since)] += 1
    found.update(_call_list(wall, things, told, seen))
    return {one: Fraction(value) for one, value in found.items()}


def _call_list(
    wall: Wall, things: Iterable[OpenThing], told: PlainShown, seen: Collection[PlainSeries]
) -> dict[PlainSeries, Fraction]:
    """Whom to call. Where the list is cut, those that it shows, if they are open."""
    found: dict[PlainSeries, Fraction] = {
        _unanswered(kind, what): Fraction() for kind in ("miss", "lead") for what in ("open", "late")
    }
    rows: dict[str, dict[PlainSeries, Fraction]] = {"miss": {}, "lead": {}}
    for thing, _ in told.open(things):
        who = {"manager": thing.manager, "team": told.reference.team(thing.manager, thing.team)}
        if wall.shows(who):
            target = told.rules.callback_target if thing.code == "miss" else told.rules.lead_target
            left = target - told.rules.calendar.working_us(thing.since, told.now, thing.team)
            facts = {**who, "client": thing.client, "entity": thing.entity, "since": thing.since / 10**6}
            rows[thing.code][_to_call(thing.code, facts)] = Fraction(left, 10**6)
            found[_unanswered(thing.code, "open")] += 1
            found[_unanswered(thing.code, "late")] += left < 0
    for mine in rows.values():
        found |= {one: left for one, left in mine.items() if one in seen or len(mine) <= _MOST_CALLED}
    return found


def _unanswered(kind: str, what: str) -> PlainSeries:
    return series("unanswered", {"kind": kind, "of": what})


def _to_call(kind: str, row: Mapping[str, Any]) -> PlainSeries:
    labels = {name: row[name] for name in ("client", "entity", "manager", "team")}
    return series("to_call", {**labels, "kind": kind, "since": str(round(row["since"] * 10**6))})


def _kpi(kpi: Kpi, own: Mapping[str, str], window: str, what: str) -> PlainSeries:
    return series(kpi.id, {**own, "window": window, "of": what})


def _waits(channel: str, manager: str, team: str, since: int) -> PlainSeries:
    return series("waiting", {"channel": channel, "manager": manager, "team": team, "since": str(since)})


def _plan(measure: str, window: str, what: str) -> PlainSeries:
    return series("plan", {"measure": measure, "window": window, "of": what})


def _leader(level: Level, labels: Mapping[str, str], what: str) -> PlainSeries:
    return series("leaders", {**labels, "level": level.value, "of": what})


def _of(wall: Wall, numbers: PlainNumbers, kpi: Kpi, window: str, period: str = "current") -> Values:
    """Values of the scope."""
    values = PlainAsked(numbers, kpi, wall.level, window, period).values()
    return {key: value for key, value in values.items() if wall.shows(dict(zip(wall.level.labels, key, strict=False)))}


def _kpis(wall: Wall, numbers: PlainNumbers) -> Iterator[tuple[PlainSeries, Fraction]]:
    for kpi in KPIS:
        for window in PLAN_WINDOWS if kpi.is_planned else (wall.window,):
            if kpi.windows and window not in kpi.windows:
                continue
            before = _of(wall, numbers, kpi, window, "previous") if kpi.trend and not kpi.is_planned else {}
            for key, value in _of(wall, numbers, kpi, window).items():
                own = dict(zip(kpi.by, key[len(wall.level.labels) :], strict=True))
                yield _kpi(kpi, own, window, "current"), value
                if (previous := before.get(key)) is not None:
                    yield _kpi(kpi, own, window, "previous"), previous
                    if (change := trend(kpi, value, previous)) is not None:
                        yield _kpi(kpi, own, window, "trend"), change


def _plans(wall: Wall, numbers: PlainNumbers) -> Iterator[tuple[PlainSeries, Fraction]]:
    counted = {
        kpi.metric: kpi.formula.over
        for kpi in KPIS
        if kpi.is_planned and kpi.operation == "ratio" and isinstance(kpi.formula, Ratio)
    }
    planned = set()
    for name, what in (("sales_plan_target", "target"), ("sales_plan_to_date", "to_date")):
        for labels, value in numbers.of(name, level=wall.level.value):
            if wall.shows(labels):
                planned.add((labels["measure"], labels["window"]))
                yield _plan(labels["measure"], labels["window"], what), value
    for measure, window in planned:
        actual = Kpi(15, "", "", "", "", "", counted[f"sales_plan_{measure}"], "", (window,))
        yield _plan(measure, window, "actual"), sum(_of(wall, numbers, actual, window).values(), Fraction())


def _leaders(
    wall: Wall, numbers: PlainNumbers, told: PlainShown, seen: Collection[PlainSeries]
) -> Iterator[tuple[PlainSeries, Fraction]]:
    """The fifty that have won most: people of the scope, and teams of a company. Who of equals is left out is free.

    On a wall of one person all that he has won is one row, in the team of the roster.
    """
    for level in (Level.MANAGER, Level.TEAM) if wall.level is Level.COMPANY else (Level.MANAGER,):
        values = PlainAsked(numbers, _WON, level, wall.window, "current").values()
        before = PlainAsked(numbers, _WON, level, wall.window, "previous").values()
        rows = [(dict(zip(level.labels, key, strict=True)), value, before.get(key)) for key, value in values.items()]
        rows = sorted((row for row in rows if wall.shows(row[0])), key=lambda row: -row[1])
        for labels, value, previous in rows:
            if wall.level is Level.MANAGER:
                labels["team"] = told.reference.team(labels["manager"], "")
            one = _leader(level, labels, "won")
            if one not in seen and len(rows) > _MOST_LEADERS and value <= rows[_MOST_LEADERS - 1][1]:
                continue
            yield one, value
            if previous is not None and (change := trend(_WON, value, previous)) is not None:
                yield _leader(level, labels, "trend"), change
