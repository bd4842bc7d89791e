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


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [(0.75, 0.5, 0.25), (0.25, 0.5, -0.25), (0.5, 0, 0.5), (-0.5, -0.25, -0.25), (0.5, None, None)],
)
def test_the_trend_of_a_share_is_in_points(current: float, previous: float | None, expected: float | None) -> None:
    """From 50 to 75 % are 25 points, from nothing or a loss likewise."""
    assert change(current, previous, points=True) == expected
