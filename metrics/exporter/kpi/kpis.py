"""KPIs worked out in Python from the same formulas that become recording rules: for the JSON API and the wall."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import add

from metrics.catalogue.plan import TARGET
from metrics.exporter.held.numbers import Histogram, Labels, Number, Shown, quantile
from metrics.exporter.held.plans import Sample
from metrics.exporter.held.view import Row
from metrics.family import Family
from metrics.kpi import (
    Formula,
    Kpi,
    Level,
    Minus,
    Oldest,
    PerManager,
    Plan,
    Product,
    Quantile,
    Ratio,
    Scaled,
    Sum,
    WorkingDays,
)

Key = tuple[str, ...]
"""Values of the level's labels, then of the KPI's own."""
Values = dict[Key, float]


@dataclass(slots=True)
class Evaluation:
    """One window and period at one level. `rows`: of the window and of what is so now; `ninety`: of 90 days.

    managers: how many people of each row have any of a family. home: the team that a manager's plan stands under.
    """

    level: Level
    window: str
    rows: list[Row]
    ninety: list[Row]
    plans: list[Sample]
    managers: Callable[[Family], dict[Shown, int]]
    home: Callable[[str], str]
    _personal: bool = False
    _sums: dict[tuple[object, ...], Values] = field(default_factory=dict)
    """Of leaves that several formulas have in common."""
    _spreads: dict[tuple[object, ...], dict[Key, list[int]]] = field(default_factory=dict)
    """Likewise of distributions: how many lie at or below each bound."""
    _planned: dict[tuple[object, ...], Values] | None = None

    def of(self, kpi: Kpi) -> Values:
        """The KPI's values by label values; empty where there is nothing to divide by."""
        # A manager's own plan is compared with all that he did, whatever team it is credited to.
        self._personal = kpi.is_planned and self.level is Level.MANAGER
        return self._value(kpi.formula, kpi.by)

    def targets(self, measure: str) -> Values:
        """What was planned of a measure, by the labels of the level."""
        return self._plan(Plan(TARGET, measure))

    def _value(self, formula: Formula, by: Key) -> Values:  # noqa: C901, PLR0911 - one case per kind of node
        match formula:
            case Sum():
                return self._sum(formula, by)
            case PerManager():
                return self._per_manager(formula, by)
            case Ratio():
                return self._ratio(formula, by)
            case Minus():
                left, right = self._value(formula.left, by), self._value(formula.right, by)
                keys = set(left) | set(right) if formula.zero_left else set(left)
                return {key: left.get(key, 0.0) - right.get(key, 0.0) for key in keys}
            case Scaled():
                return {k: v * formula.times + formula.plus for k, v in self._value(formula.of, by).items()}
            case Product():
                left, right = self._value(formula.left, by), self._value(formula.right, by)
                return {key: value * right[key] for key, value in left.items() if key in right}
            case Quantile():
                return self._quantile(formula, by)
            case Oldest():
                return self._fold(formula.family, "", {}, by, max)
            case Plan():
                return self._plan(formula)
            case WorkingDays():
                return self._working_days(formula)

    def _ratio(self, formula: Ratio, by: Key) -> Values:
        over, under = self._value(formula.over, by), self._value(formula.under, by)
        if isinstance(formula.under, WorkingDays):
            # By team, or of the company: a manager's are those of the team that his plan stands under.
            days = {key: under.get(key[-1:], 0.0) for key in over}
            return {key: value / days[key] for key, value in over.items() if days[key]}
        found: Values = {}
        for key, divisor in under.items():
            value = over.get(key, formula.empty)
            if divisor and value is not None:
                found[key] = value / divisor
        return found

    def _sum(self, leaf: Sum, by: Key) -> Values:
        asked = (leaf.name, leaf.window, *leaf.where.items(), by, self._personal)
        if (found := self._sums.get(asked)) is None:
            found = self._fold(leaf.family, leaf.part, leaf.where, by, _plus, ninety=bool(leaf.window))
            self._sums[asked] = found
        return found

    def _fold(
        self,
        family: Family,
        part: str,
        where: Mapping[str, tuple[str, ...]],
        by: Key,
        join: Callable[[float, float], float],
        *,
        ninety: bool = False,
    ) -> Values:
        found: Values = {}
        kept = [family.labels.index(name) for name in by]
        chosen = [(family.labels.index(name), wanted) for name, wanted in where.items()]
        for shown, labels, number in self._numbers(family, ninety=ninety):
            if not chosen or all(labels[at] in wanted for at, wanted in chosen):
                key = self._of_level(shown)
                if kept:
                    key = (*key, *[labels[at] for at in kept])
                value = _part(number, part)
                found[key] = join(found[key], value) if key in found else value
        return found

    def _per_manager(self, formula: PerManager, by: Key) -> Values:
        count = {self._of_level(shown): n for shown, n in self.managers(formula.of.family).items()}
        level = len(self.level.labels)
        return {key: value / count[key[:level]] for key, value in self._sum(formula.of, by).items()}

    def _quantile(self, formula: Quantile, by: Key) -> Values:
        asked = (formula.family.name, by)
        if (spread := self._spreads.get(asked)) is None:
            spread = self._spreads[asked] = self._spread(formula.family, by)
        bounds = formula.family.bounds
        return {key: quantile(formula.q, cumulative, bounds) for key, cumulative in spread.items()}

    def _spread(self, family: Family, by: Key) -> dict[Key, list[int]]:
        sums: dict[Key, list[int]] = {}
        kept = [family.labels.index(name) for name in by]
        for shown, labels, number in self._numbers(family):
            if isinstance(number, Histogram):
                key = (*self._of_level(shown), *[labels[at] for at in kept])
                held = sums.get(key)
                sums[key] = list(number.bins) if held is None else list(map(add, held, number.bins))
        return {key: list(accumulate(bins)) for key, bins in sums.items() if sum(bins)}

    def _plan(self, formula: Plan) -> Values:
        if self._planned is None:
            self._planned = {}
            for family, labels, value in self.plans:
                if family.credited:
                    manager, team, level, measure, window = labels
                    if level == self.level and window == self.window:
                        mine = self._planned.setdefault((family.name, measure), {})
                        mine[key_of((manager, team), self.level)] = value
        return self._planned.get((formula.family.name, formula.measure), {})

    def _working_days(self, formula: WorkingDays) -> Values:
        found: Values = {}
        for family, labels, value in self.plans:
            if family is formula.family and labels[1:] == (self.window, formula.state):
                team = labels[0]
                if bool(team) is (self.level is not Level.COMPANY):
                    found[(team,) if team else ()] = value
        return found

    def _of_level(self, shown: Shown) -> Key:
        if self._personal and self.level is Level.MANAGER:
            return (shown[0], self.home(shown[0]))
        return key_of(shown, self.level)

    def _numbers(self, family: Family, *, ninety: bool = False) -> Iterable[tuple[Shown, Labels, Number]]:
        for row in self.ninety if ninety else self.rows:
            if numbers := row.block.get(family):
                for labels, number in numbers.items():
                    yield row.shown, labels, number


def key_of(shown: Shown, level: Level) -> Key:
    """Values of a level's labels."""
    match level:
        case Level.MANAGER:
            return shown
        case Level.TEAM:
            return (shown[1],)
        case _:
            return ()


def _plus(one: float, other: float) -> float:
    return one + other


def _part(number: Number, part: str) -> float:
    if isinstance(number, Histogram):
        return number.sum if part == "sum" else float(number.count)
    return number
