"""What of all that is held is written on /metrics: of each person's distributions a summary, of each team's buckets.

Some of them in fewer windows, or without the previous period, as the catalogue says.

Held are, as of all other families, the numbers of each person: `X_bucket`, `X_sum`, `X_count`. Names that have no place
are put together first: see `other`.
"""

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from metrics.catalogue import FAMILIES
from metrics.family import Family, Kind
from streams.plain.quantiles import quantile
from streams.plain.series import PlainSeries, series

_QUANTILES = ("0.5", "0.9", "0.95")
_DISTRIBUTIONS = {
    f"{family.name}_{part}": (family, part)
    for family in FAMILIES
    if family.bounds
    for part in ("bucket", "sum", "count")
}


def exposed(held: Mapping[PlainSeries, Fraction]) -> dict[PlainSeries, Fraction]:
    """The series of /metrics."""
    found: defaultdict[PlainSeries, Fraction] = defaultdict(Fraction)
    below: defaultdict[tuple[Family, tuple[tuple[str, str], ...]], dict[str, Fraction]]
    below = defaultdict(lambda: defaultdict(Fraction))
    for one, value in held.items():
        family, part = _DISTRIBUTIONS.get(one.name, (None, ""))
        if family is None:
            found[one] += value
            continue
        labels = dict(one.labels)
        if labels["period"] not in family.periods:
            continue
        if labels["window"] not in family.not_by_team:
            gone = {"manager", *(() if family.kind is Kind.HISTOGRAM else {*family.labels} - {*family.keeps})}
            found[series(f"{_of_team(family)}_{part}", {n: v for n, v in labels.items() if n not in gone})] += value
        if family.kind is not Kind.HISTOGRAM or labels["window"] in family.not_of_people:
            continue
        if part != "bucket":
            found[one] += value
        else:
            kept = {"manager", "team", "window", "period", *family.keeps}
            whose = tuple((name, labels[name]) for name in sorted(kept))
            below[family, whose][labels["le"]] += value
    for (family, whose), counts in below.items():
        if counts["+Inf"]:
            for q in _QUANTILES:
                told = quantile(float(q), family.bounds, [counts[le] for le in family.le])
                found[series(family.name, {**dict(whose), "quantile": q})] = Fraction(told)
    return dict(found)


def _of_team(family: Family) -> str:
    return family.name if family.kind is Kind.SIZES else f"sales_team_{family.name.removeprefix('sales_')}"
