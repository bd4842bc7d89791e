"""Every number of the plain definition at once, for tests."""

from collections.abc import Iterable
from fractions import Fraction

from streams.plain.contribution import Contribution, OpenThing
from streams.plain.quantiles import quantile
from streams.plain.reference import PlainReference
from streams.plain.rows import PlainQuery, PlainRow
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries
from streams.plain.shown import PlainShown


def shown(
    contributions: Iterable[Contribution],
    things: Iterable[OpenThing],
    reference: PlainReference,
    rules: PlainRules,
    now: int,
    *,
    at: bool = False,
    clock: int = 0,
) -> dict[PlainSeries, Fraction]:
    """Every number held and its exact value at a moment (us), zeros or none. clock: now, where `now` is past."""
    numbers = PlainShown(now, rules, reference, at, clock=clock)
    numbers.add(contributions)
    return numbers.windowed() if at else numbers.windowed() | numbers.open_now(things) | numbers.plan()


def percentile(query: PlainQuery, rows: Iterable[PlainRow]) -> float | None:
    """The quantile of durations, as the buckets that they fall in give it; None of none."""
    bounds = query.declared.bounds
    values = [row.value for row in rows]
    below = [sum(value <= bound for value in values) for bound in bounds]
    return quantile(float(query.quantile), bounds, [*below, len(values)]) if values else None
