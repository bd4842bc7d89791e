"""What sums say in the measures of plans: calls, meetings, deals won, amounts, by team as shown."""

from collections import defaultdict
from fractions import Fraction
from functools import lru_cache

from metrics.catalogue import activities, deals, money
from metrics.exporter.held.aggregates import Sums
from metrics.exporter.held.items import BASE, Items
from metrics.exporter.held.numbers import Labels, address
from metrics.family import Family
from metrics.reference import Reference

Exact = int | Fraction
Numbers = dict[tuple[str, ...], Exact]
"""(Team, measure) → what one hour or day has counted: money in ten-thousandths, until it is shown."""

_SUM = "s"
"""Rest of a histogram's item that is no count."""

_CALLS, _RESPONSE = activities.CALLS, activities.RESPONSE
_BY_LABELS: dict[tuple[Family, Labels], tuple[str, ...]] = {
    (_CALLS, ("inbound", "answered")): ("calls", "calls_taken"),
    (_CALLS, ("inbound", "missed")): ("calls", "calls_missed"),
    (_CALLS, ("inbound", "abandoned")): ("calls", "calls_missed"),
    (_RESPONSE, ("chat", "first")): ("chats_answered",),
}
_BY_FAMILY: dict[Family, tuple[str, ...]] = {
    _CALLS: ("calls",),
    activities.MEETINGS: ("meetings",),
    deals.WON_AMOUNT: ("won_amount",),
    money.REVENUE: ("revenue_amount",),
}


@lru_cache(maxsize=4096)
def measures_of(name: str) -> tuple[str, ...]:
    """Measures that an item of a cell adds to."""
    place = address(name)
    if place is None:
        return ()
    family, labels, rest = place
    if family is deals.CLOSED:
        return (f"deals_{labels[1]}",)
    if family is _RESPONSE and rest == (_SUM,):
        return ()
    return _BY_LABELS.get((family, labels)) or _BY_FAMILY.get(family, ())


def counted(sums: Sums, items: Items, reference: Reference) -> Numbers:
    """What some hour or day has counted, by team as shown."""
    exact: Numbers = defaultdict(int)
    foreign = items.foreign
    for (manager, team), numbers in sums.items():
        shown = reference.team_of(manager, team)
        for number, value in numbers.items():
            name, day = items.all[number]
            rate = _rate(name, day, reference) if foreign[number] else 1
            if rate is not None:
                for measure in measures_of(name):
                    exact[shown, measure] += value * rate
    return exact


def _rate(name: str, day: int, reference: Reference) -> Fraction | int | None:
    place = address(name)
    return None if place is None else 1 if day == BASE else reference.rates.on(place[2][0], day)
