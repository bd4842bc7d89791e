"""The record behind one Prometheus family: its name, what it means, and where its numbers lie in the cells."""

from dataclasses import dataclass, field
from enum import StrEnum

SHORT_WINDOWS = ("5m", "15m", "1h")
CALENDAR_WINDOWS = ("day", "week", "month", "quarter", "year")
PLAN_WINDOWS = ("month", "quarter", "year")
PERIODS = ("current", "previous")
NINETY_DAYS = "90d"
LIVE, COURSE = "live", "course"
"""Of what has no window what is so now, and what changes seldom: plans, how today and the month have gone, names."""

MONEY_SCALE = 10**4
PROBABILITY_SCALE = 10**12
SECOND = 10**6
"""Cells hold money in ten-thousandths, weighted money in 10^-16, durations in microseconds."""
QUANTILES = (0.5, 0.9, 0.95)
"""What a person's distribution is shown as, besides its sum and count."""


class Kind(StrEnum):
    """What a family's numbers are, which decides how its measures are read."""

    COUNT = "count"
    MONEY = "money"
    HISTOGRAM = "histogram"
    """Counts of durations between bounds, and their sum; shown as a summary of a person, as a histogram of a team."""
    SIZES = "sizes"
    """Counts of amounts between bounds in the base currency: buckets alone, as the sum is a family of its own."""


class Source(StrEnum):
    """Where the exporter takes a family from."""

    CELLS = "cells"
    """Sums over the buckets of a window; labels `window` and `period`."""
    OPEN = "open"
    """The cells without a bucket: what is so now."""
    WAITING = "waiting"
    """The list of clients who wait now, aged by the exporter's clock."""
    PLAN = "plan"
    """Reference data and the working calendar."""
    SERVICE = "service"
    """The exporter itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One family of `numbers.md`, or for a distribution several names: see `names`. There is one object of each.

    labels: its own, besides `manager`, `team` (and `window`, `period` when from cells).
    code: of its measures in a cell (`metrics.measure`); "" when it is not read from cells.
    scale: what an integer in a cell is divided by.
    bounds: upper bounds of a histogram, in seconds, or in units of the base currency.
    windows: the windows it carries; empty when it has no window.
    periods: those that Prometheus is shown.
    unit: Grafana's name of the unit, for panels.
    credited: carries `manager` and `team`, or `team` alone where it is `by_team`.
    not_of_people, not_by_team: of its windows those in which Prometheus is not shown people, or teams.
    keeps: of its own labels those that stay where they are put together: in quantiles of a person, in sizes.
    is_of_working_time: counts only working hours, so that 0 is common.
    title, title_ru: what people call it; "" of what the service says of itself.
    Marks of the past compare neither these three, nor what Prometheus is not shown.
    """

    name: str
    help: str
    code: str = ""
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.COUNT
    source: Source = Source.CELLS
    scale: int = 1
    bounds: tuple[int, ...] = ()
    windows: tuple[str, ...] = CALENDAR_WINDOWS
    periods: tuple[str, ...] = PERIODS
    unit: str = "short"
    counter: bool = False
    credited: bool = True
    by_team: bool = False
    not_of_people: tuple[str, ...] = field(default=(), repr=False)
    not_by_team: tuple[str, ...] = field(default=(), repr=False)
    keeps: tuple[str, ...] = ()
    is_of_working_time: bool = field(default=False, repr=False)
    title: str = field(default="", repr=False)
    title_ru: str = field(default="", repr=False)

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Label names as exposed, in order; of a distribution those of a person's sum and count."""
        return (*self.credit, *self.labels, *self._time)

    @property
    def credit(self) -> tuple[str, ...]:
        """Labels that say whose numbers they are."""
        if not self.credited:
            return ()
        return ("team",) if self.by_team else ("manager", "team")

    @property
    def _time(self) -> tuple[str, ...]:
        return ("window", "period") if self.source is Source.CELLS else ()

    def labels_of(self, series: str) -> tuple[str, ...]:
        """Label names of one of the names that it is exposed as."""
        if self.kind is Kind.HISTOGRAM and series == self.name:
            return (*self.credit, *self.keeps, *self._time, "quantile")
        if series in self.team_names:
            own = self.keeps if self.kind is Kind.SIZES else self.labels
            return ("team", *own, *self._time, *(("le",) if series == self.bucket else ()))
        return self.all_labels

    def windows_of(self, series: str) -> tuple[str, ...]:
        """Windows in which Prometheus is shown one of the names that it is exposed as."""
        less = self.not_by_team if series in self.team_names else self.not_of_people
        return tuple(window for window in self.windows if window not in less)

    @property
    def has_buckets(self) -> bool:
        """Whether it is a distribution, whose buckets are shown by team."""
        return self.kind in {Kind.HISTOGRAM, Kind.SIZES}

    @property
    def names(self) -> tuple[str, ...]:
        """Names as exposed."""
        return (*self.person_names, *self.team_names)

    @property
    def person_names(self) -> tuple[str, ...]:
        """Names of what is shown of each person: one, and of durations the sum and the count, too."""
        match self.kind:
            case Kind.HISTOGRAM:
                return (self.name, self.sum, self.count)
            case Kind.SIZES:
                return ()
            case _:
                return (self.name,)

    @property
    def team_names(self) -> tuple[str, ...]:
        """Names of what is shown by team: the buckets of a distribution, which by person would be most of all series.

        Of durations their sum and count, too; the sum of sizes is a family of its own.
        """
        match self.kind:
            case Kind.HISTOGRAM:
                return (self.bucket, self.team_sum, self.team_count)
            case Kind.SIZES:
                return (self.bucket,)
            case _:
                return ()

    @property
    def bucket(self) -> str:
        """Name of a histogram's buckets, cumulative by `le`."""
        return f"{self._of_team}_bucket"

    @property
    def sum(self) -> str:
        """Name of a distribution's sum, seconds."""
        return f"{self.name}_sum"

    @property
    def count(self) -> str:
        """Name of a distribution's count."""
        return f"{self.name}_count"

    @property
    def team_sum(self) -> str:
        """Name of the sum by team, seconds."""
        return f"{self._of_team}_sum"

    @property
    def team_count(self) -> str:
        """Name of the count by team."""
        return f"{self._of_team}_count"

    @property
    def _of_team(self) -> str:
        return self.name.replace("sales_", "sales_team_", 1) if self.kind is Kind.HISTOGRAM else self.name

    @property
    def le(self) -> tuple[str, ...]:
        """Values of a histogram's `le` label, in order, the last "+Inf"."""
        return (*(f"{float(bound)}" for bound in self.bounds), "+Inf")
