"""What is so now, as numbers: waiting clients by the exporter's clock, the open pipeline, receivables by age."""

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction

from metrics import measure
from metrics.catalogue import now as families
from metrics.exporter.items import Item
from metrics.exporter.numbers import Block, Shown, block, to_float
from metrics.family import MONEY_SCALE
from metrics.money import Rates
from metrics.reference import Reference
from metrics.view import Waiting

CALL_LEAVES_AFTER = 3600
"""Seconds after which a call that never ended is no longer shown as waiting."""
_MICRO = 1_000_000
_RECEIVABLES = frozenset({families.RECEIVABLE.code, families.RECEIVABLE_MIXED})


def age(due_day: int, today: int) -> str:
    """Value of the label `age` for a due day, both ordinals of local days."""
    late = today - due_day
    if late <= 0:
        return families.AGES[0]
    for bound, name in ((30, "1-30"), (60, "31-60"), (90, "61-90")):
        if late <= bound:
            return name
    return families.AGES[-1]


def still_waiting(waiting: Iterable[Waiting], now: float) -> list[Waiting]:
    """Who waits at a moment (Unix seconds): calls leave after an hour, nobody waits before his start."""
    return [w for w in waiting if w.channel != "call" or now - w.start / _MICRO <= CALL_LEAVES_AFTER]


def waiting_blocks(
    waiting: Iterable[Waiting], reference: Reference, now: float, targets: Mapping[str, float]
) -> dict[Shown, Block]:
    """Waiting clients per manager and team: how many, how many past their target, the oldest's seconds."""
    waited: dict[tuple[Shown, str], list[float]] = {}
    for w in still_waiting(waiting, now):
        shown = (w.manager, reference.team_of(w.manager, w.team))
        waited.setdefault((shown, w.channel), []).append(max(0.0, now - w.start / _MICRO))
    found: dict[Shown, Block] = {}
    for (shown, channel), seconds in waited.items():
        mine = found.setdefault(shown, {})
        late = sum(one > targets[channel] for one in seconds)
        numbers = (
            (families.WAITING, len(seconds)),
            (families.WAITING_OVERDUE, late),
            (families.WAITING_OLDEST, max(seconds)),
        )
        for family, number in numbers:
            if number or family is not families.WAITING_OVERDUE:
                mine.setdefault(family, {})[(channel,)] = float(number)
    return found


def open_block(items: Mapping[Item, int], rates: Rates, today: int) -> Block:
    """The open cells of one credit: pipeline, ready clients, receivables by age. `today`: ordinal of the local day."""
    receivables: dict[str, int] = {}
    others: dict[Item, int] = {}
    for item, value in items.items():
        if measure.parts(item.measure)[0] in _RECEIVABLES:
            receivables[item.measure] = value
        else:
            # What is open now is worth today's rate.
            others[Item(item.measure, today)] = value
    found = block(others, rates)
    if owed := owed_by_age(receivables, rates, today):
        found[families.RECEIVABLE] = {(late,): amount for late, amount in owed.items()}
    return found


def owed_by_age(receivables: Mapping[str, int], rates: Rates, today: int) -> dict[str, float]:
    """Amounts by the value of `age`, from the measures of receivables."""
    owed: dict[str, int | Fraction] = {}
    for name, value in receivables.items():
        code, due_day, what = measure.parts(name)
        if amount := _owed(code, what, value, rates, today):
            late = age(int(due_day), today)
            owed[late] = owed.get(late, 0) + amount
    return {late: to_float(amount, MONEY_SCALE) for late, amount in owed.items()}


def _owed(code: str, what: str, value: int, rates: Rates, today: int) -> Fraction | None:
    """What is left of invoices, in the base currency; None without a rate."""
    if code == families.RECEIVABLE_MIXED:
        rest = _mixture(what, rates, today)
        return None if rest is None else max(rest, Fraction(0)) * value
    rate = rates.on(what, today)
    return None if rate is None else value * rate


def _mixture(text: str, rates: Rates, today: int) -> Fraction | None:
    """What is left of an invoice with payments in several currencies; what has no rate is left out."""
    total = None
    for currency, amount in json.loads(text).items():
        rate = rates.on(currency, today)
        if rate is not None:
            total = (total or Fraction(0)) + int(amount) * rate
    return total
