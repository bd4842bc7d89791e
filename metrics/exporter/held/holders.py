"""Who has any of something over a run of days: for KPIs per salesperson, without the sums of each."""

from collections import Counter, defaultdict

from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.parts import Parts
from metrics.view import Field


def holders(parts: Parts, mask: int, days: range) -> Sums:
    """Each credit with the items of some families whose sum over the days (ordinals) is not 0, each as 1.

    Nearly all are seen at a glance: without anything below nothing, what is there once stays. Only of who has something
    taken back, like a refund, the sums are needed.
    """
    held: defaultdict[int, set[Field]] = defaultdict(set)
    taken_back: set[tuple[int, str, str]] = set()
    for day in days:
        for item, fields, values in parts.columns(("d", day), mask):
            if min(values) >= 0:
                held[item].update(fields)
                continue
            for field, value in zip(fields, values, strict=True):
                held[item].add(field)
                if value < 0:
                    taken_back.add((item, field.manager, field.team))
    sums = _sums(parts, mask, days, taken_back) if taken_back else Counter()
    found: Sums = {}
    for item, fields_ in held.items():
        for field in fields_:
            one = (item, field.manager, field.team)
            if one not in taken_back or sums[one]:
                found.setdefault((field.manager, field.team), {})[item] = 1
    return found


def _sums(parts: Parts, mask: int, days: range, wanted: set[tuple[int, str, str]]) -> Counter[tuple[int, str, str]]:
    sums: Counter[tuple[int, str, str]] = Counter()
    items = {item for item, _, _ in wanted}
    for day in days:
        for item, fields, values in parts.columns(("d", day), mask):
            if item in items:
                for field, value in zip(fields, values, strict=True):
                    if (one := (item, field.manager, field.team)) in wanted:
                        sums[one] += value
    return sums
