"""Every number of the plain definition at once, for tests."""

from collections.abc import Iterable
from fractions import Fraction

from streams.plain.contribution import Contribution, OpenThing
from streams.plain.reference import PlainReference
from streams.plain.rules import Rules
from streams.plain.series import Series
from streams.plain.shown import Shown


def shown(
    contributions: Iterable[Contribution],
    things: Iterable[OpenThing],
    reference: PlainReference,
    rules: Rules,
    now: int,
    *,
    at: bool = False,
) -> dict[Series, Fraction]:
    """Every series and its exact value at a moment (us); what would be 0 may be absent."""
    numbers = Shown(now, rules, reference, at)
    numbers.add(contributions)
    return numbers.windowed() if at else numbers.windowed() | numbers.open_now(things) | numbers.plan()
