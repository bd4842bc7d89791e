"""The record behind one KPI: a formula over families, from which come recording rule, JSON, panel and reference row.

A formula is a small tree. Every leaf is summed over all series of a level (manager, team, company) first, and
divided last; an empty denominator gives nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from metrics.family import Family


class Level(StrEnum):
    """Whom a number is about, and by which labels it is summed."""

    MANAGER = "manager"
    TEAM = "team"
    COMPANY = "company"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that stay when summing up to this level."""
        return {"manager": ("manager", "team"), "team": ("team",), "company": ()}[self.value]


@dataclass(frozen=True, slots=True)
class Sum:
    """Sum of a family over a level. part: "" or, of a histogram, "sum" or "count".

    where: label → values (any of them) that count. window: fixed, when it is not that of the KPI (`90d`).
    """

    family: Family
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    part: str = ""
    window: str = ""

    @property
    def name(self) -> str:
        """The series that is summed."""
        return f"{self.family.name}_{self.part}" if self.part else self.family.name


@dataclass(frozen=True, slots=True)
class Oldest:
    """The greatest value of a family over a level."""

    family: Family


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of the level itself (never summed from lower levels): `sales_plan_target` or `sales_plan_to_date`."""

    family: Family
    measure: str


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """`sales_working_days` of a state, by the calendar of the level's team, or of the company."""

    family: Family
    state: str


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile from the buckets of a histogram, interpolated as Prometheus does. Seconds."""

    q: float
    family: Family


@dataclass(frozen=True, slots=True)
class PerManager:
    """Mean over the managers of a level who have any: at manager level the number itself."""

    of: Sum


@dataclass(frozen=True, slots=True)
class Ratio:
    """Numerator ÷ denominator; nothing when the denominator is 0 or absent. An absent numerator is `empty`.

    empty: 0 where "none of them" is an answer (no deal won of ten closed), None where it is not.
    """

    over: "Formula"
    under: "Formula"
    empty: float | None = 0


@dataclass(frozen=True, slots=True)
class Minus:
    """Left − right; an absent right is 0, and so is an absent left when `zero_left`."""

    left: "Formula"
    right: "Formula"
    zero_left: bool = False


@dataclass(frozen=True, slots=True)
class Scaled:
    """A formula times a constant, plus a constant."""

    of: "Formula"
    times: float = 1
    plus: float = 0


@dataclass(frozen=True, slots=True)
class Product:
    """Left × right."""

    left: "Formula"
    right: "Formula"


Leaf = Sum | Oldest | Plan | WorkingDays | Quantile
Formula = Leaf | PerManager | Ratio | Minus | Scaled | Product


class Aim(StrEnum):
    """What is wanted of a number. Its colours and its target follow: of times from settings, of the rest from walls."""

    ANSWER = "answer"
    """A time until a client is answered: within the target of the channel."""
    WAIT = "wait"
    """A time that a client waits now: within the target of the channel, and somebody is told after some of it."""
    CALL_BACK = "call back"
    TOUCH = "touch"
    """Times until a client is called back, and until a lead is first touched: within their targets."""
    IN_TIME = "in time"
    """A share of what was done in time: at least the goal."""
    NONE = "none"
    """A count of what should not be."""
    OWED = "owed"
    """A share of what is owed too long: at most the limit."""
    PAYS = "pays"
    """A gain: not below 0."""
    PACE = "pace"
    """How far a plan's course is exceeded: not below 0."""
    ATTAINED = "attained"
    """What there is of a plan: all of it in the end."""


def leaves(formula: Formula) -> Iterator[Leaf]:
    """What a formula reads, from left to right; what it reads twice comes twice."""
    match formula:
        case PerManager(of) | Scaled(of):
            yield from leaves(of)
        case Ratio(left, right) | Minus(left, right) | Product(left, right):
            yield from leaves(left)
            yield from leaves(right)
        case _:
            yield formula


def plan_of(formula: Formula) -> Plan | None:
    """The plan that takes part in a formula."""
    return next((leaf for leaf in leaves(formula) if isinstance(leaf, Plan)), None)


def _is_left(formula: Formula) -> bool:
    return isinstance(formula, Minus) and isinstance(formula.left, Plan)


def change(current: float, previous: float | None, *, points: bool = False) -> float | None:
    """The trend, current ÷ previous − 1; None when the previous is absent, 0 or less. `points`: current − previous.

    Of a loss there is no share: from −100 to −50 would read as a fall by half, and from −100 to 100 as one by 200 %.
    Of a share there is none either: from 2 % to 3 % would read as a rise by half.
    """
    if previous is None:
        return None
    if points:
        return current - previous
    return current / previous - 1 if previous > 0 else None


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number that people look at.

    number: of the KPI in `numbers.md`, 1 to 15. metric, operation: the recording rule is `level:metric:operation`.
    by: labels kept besides those of the level. windows: that it is given for; () for what is so now.
    trend: whether a previous period exists. better: "up", "down" or "" when neither is.
    aim: what is wanted of it. brief: its English title where there is little room, "" for the title itself.
    days: whether people count it in days, though it is in seconds. Marks of the past do not compare these three.
    """

    number: int
    metric: str
    operation: str
    title: str
    title_ru: str
    help: str
    formula: Formula
    unit: str
    windows: tuple[str, ...]
    by: tuple[str, ...] = ()
    trend: bool = True
    better: str = "up"
    levels: tuple[Level, ...] = (Level.MANAGER, Level.TEAM, Level.COMPANY)
    aim: Aim | None = field(default=None, repr=False)
    brief: str = field(default="", repr=False)
    days: bool = field(default=False, repr=False)

    @property
    def in_points(self) -> bool:
        """Whether its trend is a difference in points (0.05 is 5 points), as that of every share."""
        return self.unit == "percentunit"

    @property
    def plan(self) -> Plan | None:
        """The plan of the running period that it is measured against."""
        return plan_of(self.formula)

    @property
    def is_planned(self) -> bool:
        """Whether there is one."""
        return self.plan is not None

    @property
    def is_left(self) -> bool:
        """Whether it is what is left of a plan, which is below 0 beyond it."""
        return _is_left(self.formula)

    @property
    def is_needed(self) -> bool:
        """Whether it is a part of what is left of a plan: beyond it nothing is needed."""
        return isinstance(self.formula, Ratio) and _is_left(self.formula.over)

    @property
    def id(self) -> str:
        """Stable name within the catalogue: metric:operation."""
        return f"{self.metric}:{self.operation}"

    def record(self, level: Level) -> str:
        """Name of the recording rule at a level, if it `is_recorded`."""
        return f"{level}:{self.metric}:{self.operation}"

    @property
    def shown(self) -> Family | None:
        """The family that shows each person's number as it is, so that a rule would only copy it."""
        match self.formula:
            case Quantile(family=family):
                return family
            case Sum(family, where, part, window) if not (where or part or window) and family.labels == self.by:
                return family
            case Oldest(family) if family.labels == self.by:
                return family
        return None

    def windows_at(self, level: Level) -> tuple[str, ...]:
        """Windows in which Prometheus has it: of people those in which they are shown."""
        if level is not Level.MANAGER:
            return self.windows
        less = {window for leaf in leaves(self.formula) for window in leaf.family.not_of_people}
        return tuple(window for window in self.windows if window not in less)

    def is_recorded(self, level: Level) -> bool:
        """Whether a rule records it: of people not what the exporter itself shows of them, percentiles among it."""
        return level is not Level.MANAGER or self.shown is None

    def kept_as(self, level: Level) -> str:
        """Where Prometheus has it: the recording rule, or what the exporter shows."""
        if self.is_recorded(level) or self.shown is None:
            return self.record(level)
        quantile = f'{{quantile="{self.formula.q:g}"}}' if isinstance(self.formula, Quantile) else ""
        return f"{self.shown.name}{quantile}"

    def trend_record(self, level: Level) -> str:
        """Name of the recording rule of its trend, which is `change`."""
        return f"{self.record(level)}_trend"
