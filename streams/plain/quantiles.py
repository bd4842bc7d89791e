"""A percentile of a histogram, as Prometheus's documentation of `histogram_quantile` describes it, in floats."""

from collections.abc import Sequence
from fractions import Fraction


def quantile(q: float, bounds: Sequence[int], below: Sequence[int | Fraction]) -> float:
    """Where the share q of all values lies: values of a bucket lie evenly in it, the lowest one begins at 0.

    below: how many are not above each bound, and then all, of which there is at least one. In the highest bucket it is
    the greatest bound.
    """
    counts = [float(count) for count in below]
    rank = q * counts[-1]
    number = next(n for n, count in enumerate(counts) if count >= rank)
    if number == len(bounds):
        return float(bounds[-1])
    start, before = (float(bounds[number - 1]), counts[number - 1]) if number else (0.0, 0.0)
    return start + (bounds[number] - start) * ((rank - before) / (counts[number] - before))
