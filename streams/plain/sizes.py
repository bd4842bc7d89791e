"""How large a deal is: the step that its amount is rounded up to, and the bin of what it is worth."""

from fractions import Fraction
from itertools import count

from metrics.family import Family

_UNIT = 10**4
_DIGITS = tuple(map(Fraction, ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")))


def step_of(amount: int) -> int:
    """An amount (ten-thousandths) rounded up to one of the digits times a power of ten, in whole units."""
    for zeros in count():
        for digits in _DIGITS:
            step = digits * 10**zeros
            if step.denominator == 1 and amount <= step * _UNIT:
                return int(step)
    raise AssertionError  # Counting has no end.


def bin_of_worth(family: Family, amount: int, rate: Fraction, *, own: bool) -> int:
    """Index of the bin of an amount at a rate; `own`: of the base currency, which is not rounded."""
    worth = Fraction(amount, _UNIT) if own else step_of(amount) * rate
    for index, bound in enumerate(family.bounds):
        if worth <= bound:
            return index
    return len(family.bounds)
