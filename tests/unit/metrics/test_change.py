"""The trend of a number against the period before."""

import pytest

from metrics.kpi import change


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [(150, 100, 0.5), (50, 100, -0.5), (-50, 100, -1.5), (0, 4, -1), (5, None, None), (5, 0, None), (-50, -100, None)],
)
def test_a_trend_needs_a_base_above_zero(current: float, previous: float | None, expected: float | None) -> None:
    """Of a loss there is no share, and of nothing neither."""
    assert change(current, previous) == expected
