"""The KPIs of numbers.md worked out from what is held, by their formulas in the catalogue: exactly, and naively."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from metrics.catalogue.plan import TARGET
from metrics.family import Family, Source
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
from streams.plain.quantiles import quantile
from streams.plain.series import PlainSeries

Key = tuple[str, ...]
"""Values of the level's labels, then of the KPI's own."""
Values = dict[Key, Fraction]


class PlainNumbers:
    """Series by name. What is 0 is as good as absent, but for a plan of 0 and the sum of what a histogram counted.

    rest: the manager who stands for several, and is no salesperson.
    """

    def __init__(self, numbers: Mapping[PlainSeries, Fraction], rest: str = "") -> None:
        self.rest = rest
        self._by_name: defaultdict[str, list[tuple[dict[str, str], Fraction]]] = defaultdict(list)
        for one, value in numbers.items():
            if value or one.name.endswith("_sum") or one.name == TARGET.name:
                self._by_name[one.name].append((dict(one.labels), value))

    def of(self, name: str, **wanted: str) -> Iterator[tuple[dict[str, str], Fraction]]:
        """The series of a name with these labels."""
        for labels, value in self._by_name[name]:
            if all(labels.get(label) == one for label, one in wanted.items()):
                yield labels, value

    def together(self) -> "PlainNumbers":
        """All that one person did as one, whatever team it is credited to; plans stay where they are."""
        found = PlainNumbers({})
        for name, held in self._by_name.items():
            is_whose = not name.startswith(("sales_plan_", "sales_working_"))
            found._by_name[name] = [({**labels, "team": ""} if is_whose else labels, value) for labels, value in held]
        return found


@dataclass(frozen=True)
class PlainAsked:
    """One KPI at a level, in a window and period ("" and "" where it has none)."""

    numbers: PlainNumbers
    kpi: Kpi
    level: Level
    window: str
    period: str

    def values(self) -> Values:
        """Its values by label values; none where there is nothing to divide by."""
        return self._value(self.kpi.formula)

    def _value(self, formula: Formula) -> Values:  # noqa: PLR0911 - one case per kind of formula
        match formula:
            case Sum():
                return _summed(self._read(formula))
            case PerManager(of):
                return self._mean_of_people(of)
            case Oldest(family):
                oldest: Values = {}
                for key, _, value in self._series(family.name, family):
                    oldest[key] = max(oldest.get(key, value), value)
                return oldest
            case Plan(family, measure):
                wanted = {"level": self.level.value, "measure": measure, "window": self.window}
                return {self._key(labels): value for labels, value in self.numbers.of(family.name, **wanted)}
            case WorkingDays(family, state):
                found = self.numbers.of(family.name, state=state, window=self.window)
                return {(labels["team"],): value for labels, value in found}
            case Quantile(q, family):
                return self._quantile(q, family)
            case _:
                return self._combined(formula)

    def _combined(self, formula: Ratio | Minus | Scaled | Product) -> Values:
        match formula:
            case Ratio(over, under, empty):
                return self._ratio(self._value(over), under, empty)
            case Minus(left, right, zero_left):
                one, other = self._value(left), self._value(right)
                keys = one.keys() | other.keys() if zero_left else one.keys()
                return {key: one.get(key, Fraction()) - other.get(key, Fraction()) for key in keys}
            case Scaled(of, times, plus):
                return {key: value * Fraction(times) + Fraction(plus) for key, value in self._value(of).items()}
            case Product(left, right):
                one, other = self._value(left), self._value(right)
                return {key: one[key] * other[key] for key in one.keys() & other.keys()}

    def _ratio(self, over: Values, under: Formula, empty: float | None) -> Values:
        found: Values = {}
        divisors = self._value(under)
        if isinstance(under, WorkingDays):
            # By the calendar of the plan's team, of the company where there is none.
            days = {key: divisors.get(self._team(key), Fraction()) for key in over}
            return {key: value / days[key] for key, value in over.items() if days[key]}
        for key, divisor in divisors.items():
            value = over.get(key, None if empty is None else Fraction(empty))
            if divisor and value is not None:
                found[key] = value / divisor
        return found

    def _team(self, key: Key) -> Key:
        return {Level.MANAGER: key[1:2], Level.TEAM: key[:1], Level.COMPANY: ("",)}[self.level]

    def _read(self, leaf: Sum) -> Iterator[tuple[Key, str, Fraction]]:
        for key, labels, value in self._series(leaf.name, leaf.family, leaf.window):
            if all(labels[label] in values for label, values in leaf.where.items()):
                yield key, labels["manager"], value

    def _series(self, name: str, family: Family, window: str = "") -> Iterator[tuple[Key, dict[str, str], Fraction]]:
        """Key, labels and values of what is read: in the window, or as of now."""
        wanted: dict[str, str] = {}
        if family.source is Source.CELLS:
            wanted = {"window": window or self.window, "period": "current" if window else self.period}
        for labels, value in self.numbers.of(name, **wanted):
            yield self._key(labels), labels, value

    def _key(self, labels: Mapping[str, str]) -> Key:
        if self.level is Level.MANAGER and self.kpi.is_planned:
            # All that a manager did, whatever team it is credited to, stands under the team of his plan.
            return labels["manager"], self._home(labels["manager"])
        return (*(labels[label] for label in self.level.labels), *(labels[label] for label in self.kpi.by))

    def _home(self, manager: str) -> str:
        plans = self.numbers.of(TARGET.name, level="manager", manager=manager)
        return next((labels["team"] for labels, _ in plans), "")

    def _mean_of_people(self, of: Sum) -> Values:
        people: defaultdict[Key, defaultdict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for key, manager, value in self._read(of):
            if not manager or manager != self.numbers.rest:
                people[key][manager] += value
        return {key: sum(values.values(), Fraction()) / len(values) for key, values in people.items()}

    def _quantile(self, q: float, family: Family) -> Values:
        below: defaultdict[Key, dict[str, Fraction]] = defaultdict(lambda: dict.fromkeys(family.le, Fraction()))
        for key, labels, value in self._series(f"{family.name}_bucket", family):
            below[key][labels["le"]] += value
        return {
            key: Fraction(quantile(q, family.bounds, list(counts.values())))
            for key, counts in below.items()
            if counts["+Inf"]
        }


def _summed(parts: Iterable[tuple[Key, str, Fraction]]) -> Values:
    found: defaultdict[Key, Fraction] = defaultdict(Fraction)
    for key, _, value in parts:
        found[key] += value
    return dict(found)


def trend(kpi: Kpi, current: Fraction, previous: Fraction | None) -> Fraction | None:
    """Current ÷ previous − 1; of a share the difference. None without a base."""
    if previous is None or (kpi.unit != "percentunit" and previous <= 0):
        return None
    return current - previous if kpi.unit == "percentunit" else current / previous - 1
