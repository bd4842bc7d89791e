"""The floor's reference data: its people, its plans at three levels, and exchange rates, made to fit its trade.

Plans aim at what the floor will probably do, some too high and some too low, so that attainment lies between
60 and 130 %. A period that began before the floor did is planned for the part that the floor lives through. A year is
planned as the sum of its quarters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import sin
from random import Random
from zlib import crc32

from producers.simulator.floor import CALLS_PER_DAY, Event, SimulatedFloor
from producers.simulator.market import DEALS_PER_DAY, FOREIGN, expected_won, unit
from producers.simulator.rhythm import DAY, HOUR, rfc3339

_WEEKEND = 0.75
_MEETINGS_A_DEAL = 0.24
_DAILY_RATES = 100


@dataclass(frozen=True, slots=True)
class PlanPeriod:
    """A month, quarter or year: `name` as in the contract, the first day and the one after the last."""

    name: str
    first: date
    end: date


def reference(floor: SimulatedFloor, began_us: int, now_us: int, anchor_us: int) -> Iterator[tuple[str, Event]]:
    """Yield (Kafka key, event) for the reference topic: people, plans up to next month, rates up to today.

    `began_us` is the floor's first moment, `anchor_us` when its plans were made; the same days and anchor
    give the same events.
    """
    began, now, anchor = (floor.rhythm.day(us) for us in (began_us, now_us, anchor_us))
    for manager in floor.staff.managers:
        data = {"manager_id": manager.id, "name": manager.name, "team_id": manager.team, "active": True}
        yield _record(floor, f"manager:{manager.id}", "sales.manager.changed.v1", data, began_us)
    for period in _periods(began, now):
        yield from _plans(floor, period, began, anchor, began_us)
    yield from _rates(floor, began, now, began_us)


def _record(floor: SimulatedFloor, key: str, type_: str, data: dict[str, object], at_us: int) -> tuple[str, Event]:
    content = crc32(repr(sorted(data.items())).encode())
    return key, {
        "specversion": "1.0",
        "id": f"{key}:{content:08x}",
        "source": floor.setup.source,
        "type": type_,
        "time": rfc3339(at_us),
        "data": data,
    }


def _periods(began: date, now: date) -> list[PlanPeriod]:
    """Return all months from the first one of the floor to the next one, and their quarters and years."""
    months = []
    first = began.replace(day=1)
    while first <= now + timedelta(days=31):
        months.append(first)
        first = _month_after(first, 1)
    found = [PlanPeriod(f"{m:%Y-%m}", m, _month_after(m, 1)) for m in months]
    quarters = dict.fromkeys(m.replace(month=(m.month - 1) // 3 * 3 + 1) for m in months)
    found += [_quarter(q) for q in quarters]
    years = dict.fromkeys(m.replace(month=1) for m in months)
    found += [PlanPeriod(f"{y.year}", y, _month_after(y, 12)) for y in years]
    return found


def _quarter(first: date) -> PlanPeriod:
    return PlanPeriod(f"{first.year}-Q{first.month // 3 + 1}", first, _month_after(first, 3))


def _planned(period: PlanPeriod, began: date) -> list[PlanPeriod]:
    """Periods that a plan is the sum of: a year's of its quarters, so that it is never below theirs."""
    if period.end != _month_after(period.first, 12):
        return [period]
    quarters = [_quarter(_month_after(period.first, months)) for months in range(0, 12, 3)]
    return [quarter for quarter in quarters if quarter.end > began]


def _month_after(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _working(floor: SimulatedFloor, first: date, end: date) -> float:
    """Return the full working days of the floor in a span of days."""
    weekend = _WEEKEND if floor.setup.always_open else 0.05
    days = (first + timedelta(days=number) for number in range(max(0, (end - first).days)))
    return sum(weekend if day.weekday() >= 5 else 1.0 for day in days)


def _days(floor: SimulatedFloor, period: PlanPeriod, began: date, anchor: date) -> float:
    """Return the working days to plan for; see the module about periods that the floor did not see begin."""
    whole = _working(floor, period.first, period.end)
    if began <= period.first or anchor <= began:
        return whole
    seen = _working(floor, began, min(anchor, period.end))
    return seen * whole / _working(floor, period.first, min(anchor, period.end))


def _plans(
    floor: SimulatedFloor, period: PlanPeriod, began: date, anchor: date, at_us: int
) -> Iterator[tuple[str, Event]]:
    setup = floor.setup
    parts = [(part, _days(floor, part, began, anchor) * setup.volume) for part in _planned(period, began)]
    totals: dict[tuple[str, str], float] = {}
    for manager in floor.staff.managers:
        days = sum(_ambition(setup.seed, manager.id, part) * whole for part, whole in parts)
        deals, roubles = expected_won(0.25 + 0.75 * manager.skill, manager.check, manager.zeal)
        money = roubles * unit(setup.currency)
        expected = {
            "won_amount": money,
            "revenue_amount": money * 0.93,
            "deals_won": deals,
            "meetings": DEALS_PER_DAY * manager.zeal * _MEETINGS_A_DEAL,
            "calls": CALLS_PER_DAY,
        }
        for measure, a_day in expected.items():
            target = a_day * days
            yield _plan(floor, f"manager:{manager.id}", measure, period, target, at_us)
            for scope in (f"team:{manager.team}", "company"):
                totals[scope, measure] = totals.get((scope, measure), 0.0) + target
    for (scope, measure), target in totals.items():
        yield _plan(floor, scope, measure, period, target, at_us)


def _ambition(seed: int, manager: str, period: PlanPeriod) -> float:
    """Return what is planned as a share of what is to be expected."""
    rng = Random(f"{seed}:plan:{manager}:{period.name}")  # noqa: S311  # a seed, not a secret
    return 0.9 + 0.32 * rng.random()


def _plan(
    floor: SimulatedFloor, scope: str, measure: str, period: PlanPeriod, target: float, at_us: int
) -> tuple[str, Event]:
    money = measure.endswith("_amount")
    step = 10_000 * unit(floor.setup.currency) if money else 1
    data: dict[str, object] = {
        "scope": scope,
        "measure": measure,
        "period": period.name,
        "target": f"{max(1, round(max(1, round(target / step)) * step))}",
    }
    if money:
        data["currency"] = floor.setup.currency
    return _record(floor, f"plan:{scope}:{measure}:{period.name}", "sales.plan.set.v1", data, at_us)


def _rates(floor: SimulatedFloor, began: date, now: date, began_us: int) -> Iterator[tuple[str, Event]]:
    """Yield a rate for each day of late and each Monday before; also what applied when the floor began."""
    base = floor.setup.currency
    currencies = {**FOREIGN, "RUB": 1.0}
    for number in range((now - began).days + 1):
        day = began + timedelta(days=number)
        if number and (now - day).days > _DAILY_RATES and day.weekday():
            continue
        for place, (currency, roubles) in enumerate(currencies.items()):
            if currency == base or (currency == "RUB" and base not in FOREIGN):
                continue
            wave = 1 + 0.02 * sin(day.toordinal() / 17 + place) + 0.004 * sin(day.toordinal() * 2.7 + place)
            data: dict[str, object] = {
                "currency": currency,
                "date": day.isoformat(),
                "rate": f"{roubles * unit(base) * wave:.4f}",
            }
            at = max(began_us, began_us + number * DAY - 12 * HOUR)
            yield _record(floor, f"rate:{currency}:{day}", "sales.rate.set.v1", data, at)
