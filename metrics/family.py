"""The record behind one Prometheus family: its name, what it means, and where its numbers lie in the cells."""

from dataclasses import dataclass
from enum import StrEnum

SHORT_WINDOWS = ("5m", "15m", "1h")
CALENDAR_WINDOWS = ("day", "week", "month", "quarter", "year")
PLAN_WINDOWS = ("month", "quarter", "year")
PERIODS = ("current", "previous")
NINETY_DAYS = "90d"

MONEY_SCALE = 10**4
PROBABILITY_SCALE = 10**12
SECOND = 10**6
"""Cells hold money in ten-thousandths, weighted money in 10^-16, durations in microseconds."""


class Kind(StrEnum):
    """What a family's numbers are, which decides how its measures are read."""

    COUNT = "count"
    MONEY = "money"
    HISTOGRAM = "histogram"
    """Counts of durations between bounds, and their sum."""
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


@dataclass(frozen=True, slots=True)
class Family:
    """One family of `numbers.md`, or for a histogram three: `_bucket`, `_sum`, `_count`; of sizes `_bucket` alone.

    labels: its own, besides `manager`, `team` (and `window`, `period` when from cells).
    code: of its measures in a cell (`metrics.measure`); "" when it is not read from cells.
    scale: what an integer in a cell is divided by.
    bounds: upper bounds of a histogram, in seconds, or in units of the base currency.
    windows: the windows it carries; empty when it has no window.
    unit: Grafana's name of the unit, for panels.
    credited: carries `manager` and `team`, or `team` alone where it is `by_team`: buckets of people would be most of
    all series.
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
    unit: str = "short"
    counter: bool = False
    credited: bool = True
    by_team: bool = False

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Label names as exposed, in order."""
        time = ("window", "period") if self.source is Source.CELLS else ()
        return (*self.credit, *self.labels, *time)

    @property
    def credit(self) -> tuple[str, ...]:
        """Labels that say whose numbers they are."""
        if not self.credited:
            return ()
        return ("team",) if self.by_team else ("manager", "team")

    @property
    def has_buckets(self) -> bool:
        """Whether it is a distribution."""
        return self.kind in {Kind.HISTOGRAM, Kind.SIZES}

    @property
    def names(self) -> tuple[str, ...]:
        """Names as exposed: one, or three for a histogram."""
        match self.kind:
            case Kind.HISTOGRAM:
                return (self.bucket, self.sum, self.count)
            case Kind.SIZES:
                return (self.bucket,)
            case _:
                return (self.name,)

    @property
    def bucket(self) -> str:
        """Name of a histogram's buckets, cumulative by `le`."""
        return f"{self.name}_bucket"

    @property
    def sum(self) -> str:
        """Name of a histogram's sum, seconds."""
        return f"{self.name}_sum"

    @property
    def count(self) -> str:
        """Name of a histogram's count."""
        return f"{self.name}_count"

    @property
    def le(self) -> tuple[str, ...]:
        """Values of a histogram's `le` label, in order, the last "+Inf"."""
        return (*(f"{float(bound)}" for bound in self.bounds), "+Inf")
