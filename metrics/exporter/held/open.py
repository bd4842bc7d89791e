"""What is so now, as numbers: waiting clients by the exporter's clock, the open pipeline, receivables by age."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from metrics import measure
from metrics.catalogue import now as families
from metrics.catalogue import unanswered
from metrics.exporter.held.items import Item
from metrics.exporter.held.numbers import Block, Shown, block, to_float
from metrics.family import MONEY_SCALE
from metrics.money import Rates
from metrics.reference import Reference
from metrics.view import Waiting

_MICRO = 1_000_000
CALL_LEAVES_AFTER_US = 3600 * _MICRO
"""After which a call that never ended is no longer shown as waiting."""
RECEIVABLES = frozenset({families.RECEIVABLE.code, families.RECEIVABLE_ASKED, families.RECEIVABLE_PAID})
"""Codes of the measures behind receivables."""


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
    """Who waits at a moment (Unix seconds): calls leave after an hour."""
    now_us = int(now * _MICRO)
    return [w for w in waiting if w.channel != "call" or now_us - w.start < CALL_LEAVES_AFTER_US]


def who_waits(
    waiting: Mapping[int, list[Waiting]], now: float, unknown: Container[int] = ()
) -> list[tuple[Waiting, bool]]:
    """Everyone who waits now, longest first, and whether that is known. `unknown`: partitions where it is not."""
    found = [(one, number not in unknown) for number, rows in waiting.items() for one in still_waiting(rows, now)]
    return sorted(found, key=lambda pair: pair[0].start)


def waiting_blocks(
    waiting: Iterable[Waiting], reference: Reference, now: float, targets: Mapping[str, float]
) -> dict[Shown, Block]:
    """Waiting clients per manager and team: how many, how many past their target, the oldest's seconds."""
    now_us = int(now * _MICRO)
    waited: dict[tuple[Shown, str], list[float]] = {}
    for w in still_waiting(waiting, now):
        shown = (w.manager, reference.team_of(w.manager, w.team))
        waited.setdefault((shown, w.channel), []).append(max(0, now_us - w.start) / _MICRO)
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


_GREATEST = frozenset({families.WAITING_OLDEST, unanswered.UNRETURNED_OLDEST, unanswered.UNTOUCHED_OLDEST})
"""Families of which several people together have the greatest, not the sum."""


def together(blocks: Mapping[Shown, Block], row_of: Callable[[Shown], Shown]) -> dict[Shown, Block]:
    """Numbers of what is so now by the row in which they are shown."""
    found: dict[Shown, Block] = {}
    for shown, mine in blocks.items():
        row = row_of(shown)
        if row is shown:
            found[row] = mine
            continue
        held = found.setdefault(row, {})
        for family, numbers in mine.items():
            into = held.setdefault(family, {})
            for labels, one in numbers.items():
                before: Any = into.get(labels, 0.0)  # no histogram
                into[labels] = max(before, one) if family in _GREATEST else before + one
    return found


def open_block(items: Mapping[Item, int], rates: Rates, today: int) -> Block:
    """The open cells of one credit: pipeline, ready clients, receivables by age. `today`: ordinal of the local day."""
    receivables: dict[str, int] = {}
    others: dict[Item, int] = {}
    for item, value in items.items():
        if measure.parts(item.measure)[0] in RECEIVABLES:
            receivables[item.measure] = value
        else:
            # What is open now is worth today's rate.
            others[Item(item.measure, today)] = value
    found = block(others, rates)
    if owed := owed_by_age(receivables, rates, today):
        found[families.RECEIVABLE] = {(late,): amount for late, amount in owed.items()}
    return found


def owed_by_age(receivables: Mapping[str, int], rates: Rates, today: int) -> dict[str, float]:
    """Amounts by the value of `age`, from the measures of receivables. What no rate converts is left out."""
    owed: dict[str, int | Fraction] = {}
    for due_day, currency, rest in _rests(receivables, rates):
        rate = rates.on(currency, today)
        if rest and rate is not None:
            late = age(due_day, today)
            owed[late] = owed.get(late, 0) + rest * rate
    return {late: to_float(amount, MONEY_SCALE) for late, amount in owed.items()}


def _rests(receivables: Mapping[str, int], rates: Rates) -> Iterator[tuple[int, str, int | Fraction]]:
    """(due day, currency, what is left in it): of many invoices at once, and of each that was paid in other ones."""
    asked: list[tuple[tuple[str, str], int, str, int]] = []
    paid: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for name, value in receivables.items():
        code, *labels = measure.parts(name)
        if code == families.RECEIVABLE.code:
            yield int(labels[0]), labels[1], value
        elif code == families.RECEIVABLE_ASKED:
            client, invoice, due_day, currency = labels
            asked.append(((client, invoice), int(due_day), currency, value))
        else:
            client, invoice, currency, day = labels
            paid.setdefault((client, invoice), []).append((currency, int(day), value))
    for invoice_, due_day_, currency, amount in asked:
        yield due_day_, currency, _rest(amount, currency, paid.get(invoice_, ()), rates)


def _rest(amount: int, currency: str, paid: Iterable[tuple[str, int, int]], rates: Rates) -> int | Fraction:
    """What is left of an invoice, in its own currency: a payment counts at the rates of its day."""
    rest: int | Fraction = amount
    for paid_in, day, value in paid:
        if paid_in == currency:
            rest -= value
        elif (one := rates.on(paid_in, day)) is not None and (other := rates.on(currency, day)) is not None:
            rest -= value * one / other
    return min(max(rest, 0), amount)
