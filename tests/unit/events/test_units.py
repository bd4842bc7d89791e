"""Texts become exact integers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.events.rules import parse_time
from producers.events.units import instant, money, us


@given(st.integers(0, 10**22 - 1), st.integers(0, 4))
def test_money_is_exact(units: int, places: int):
    """Ten-thousandths of any money of the contract, to the last digit."""
    text = format(Decimal(units % 10**18).scaleb(-places), "f")
    assert money(text) == Decimal(text) * 10_000


@given(st.datetimes(datetime(2000, 1, 1), datetime(9998, 12, 31)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_moments_are_exact(naive: datetime, minutes: int):
    """Microseconds there and back are the identity, whatever the zone of the text."""
    moment = naive.replace(tzinfo=UTC)
    assert instant(us(moment)) == moment
    local = (naive + timedelta(minutes=minutes)).isoformat()
    sign = "+" if minutes >= 0 else "-"
    parsed = parse_time(f"{local}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")
    assert parsed is not None
    assert us(parsed) == us(moment)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000),
        ("1970-01-01T00:00:00.9999999Z", 999_999),
        ("1970-01-01T03:00:00.000001+03:00", 1),
        ("1970-01-01 00:00:00-0030", 1_800_000_000),
    ],
)
def test_fractions_are_cut(text: str, micros: int):
    """Fractions beyond microseconds are cut, not rounded."""
    parsed = parse_time(text)
    assert parsed is not None
    assert us(parsed) == micros
