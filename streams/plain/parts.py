"""What the cells of one partition must hold, summed up from contributions."""

from collections import Counter, defaultdict

from metrics.catalogue import BY_CODE
from metrics.catalogue.now import RECEIVABLE, RECEIVABLE_ASKED, RECEIVABLE_PAID
from metrics.family import SECOND, Kind
from metrics.measure import key
from streams.plain.contribution import LISTED, Contribution, OpenThing
from streams.plain.kept import kept_buckets
from streams.plain.log import PlainPartition
from streams.plain.sizes import step_of

Cell = tuple[str, int, str, str]
"""Kind of bucket (m, h, d, o), bucket, manager, team as stated."""

Parts = dict[Cell, dict[str, int]]
"""Cell → measure key → sum; sums of 0 are left out."""


def measures(one: Contribution) -> list[tuple[str, int]]:
    """The measures of a cell that a contribution goes into, with what it adds to each."""
    family = BY_CODE.get(one.code)
    if family is not None and family.kind is Kind.HISTOGRAM:
        bins = [index for index, bound in enumerate(family.bounds) if one.value <= bound * SECOND]
        index = bins[0] if bins else len(family.bounds)
        return [(key(one.code, *one.labels, str(index)), 1), (key(one.code, *one.labels, "s"), one.value)]
    if family is not None and family.kind is Kind.SIZES:
        return [(key(one.code, *one.labels, str(step_of(one.value)), one.currency), 1)]
    currency = (one.currency,) if one.currency else ()
    return [(key(one.code, *one.labels, *currency), one.value)]


def open_measures(one: OpenThing) -> list[tuple[str, int]]:
    """The same for what is open now; clients who wait, for whatever, lie in no cell."""
    if one.code in LISTED:
        return []
    if one.code != RECEIVABLE.code:
        currency = (one.currency,) if one.currency else ()
        return [(key(one.code, *one.labels, *currency), one.value)]
    paid: Counter[tuple[str, int]] = Counter()
    for paid_in, day, amount in one.against:
        paid[paid_in, 0 if paid_in == one.currency else day] += amount
    if all(paid_in == one.currency for (paid_in, _), amount in paid.items() if amount):
        owed = max(0, min(one.value, one.value - paid[one.currency, 0]))
        return [(key(RECEIVABLE.code, str(one.due_day), one.currency), owed)]
    asked = key(RECEIVABLE_ASKED, one.client, one.entity, str(one.due_day), one.currency), one.value
    return [asked, *((key(RECEIVABLE_PAID, one.client, one.entity, c, str(day)), n) for (c, day), n in paid.items())]


def parts(partition: PlainPartition) -> Parts:
    """Every part that a partition must hold at the end of its log."""
    time, heard, rules = partition.time, partition.heard, partition.rules
    sums: defaultdict[Cell, Counter[str]] = defaultdict(Counter)
    for one in partition.contributions():
        buckets = kept_buckets(one.time, rules.day(one.time), time, heard, rules)
        cells = [(*bucket, one.manager, one.team) for bucket in buckets]
        for measure, value in measures(one):
            for cell in cells:
                sums[cell][measure] += value
    for thing in partition.open_things():
        for measure, value in open_measures(thing):
            sums["o", 0, thing.manager, thing.team][measure] += value
    left = ((cell, {m: n for m, n in counted.items() if n}) for cell, counted in sums.items())
    return {cell: part for cell, part in left if part}
