"""Money when it is shown: exact conversion with dated rates, and what cannot be converted."""

from bisect import bisect_right
from fractions import Fraction


class Rates:
    """Exchange rates by currency and local day: units of the base currency for one unit."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._days: dict[str, list[int]] = {}
        self._rates: dict[str, dict[int, Fraction]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rates) and (self.base, self._rates) == (other.base, other._rates)

    __hash__ = None  # type: ignore[assignment] # it changes

    def set(self, currency: str, day: int, rate: str) -> None:
        """Add a rate (decimal text) from a day (ordinal) on."""
        rates = self._rates.setdefault(currency, {})
        rates[day] = Fraction(rate)
        self._days[currency] = sorted(rates)

    def on(self, currency: str, day: int) -> Fraction | None:
        """The latest rate dated on or before a day (ordinal); None when there is none."""
        if currency == self.base:
            return Fraction(1)
        days = self._days.get(currency, [])
        index = bisect_right(days, day)
        return self._rates[currency][days[index - 1]] if index else None
