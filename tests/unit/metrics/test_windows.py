"""Windows at their edges: daylight saving, year ends, week 53, February 29, and the same against a plain walk."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.errors import WindowError
from metrics.windows import period_end, period_start, windows, windows_at

BERLIN, MOSCOW, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Moscow"), ZoneInfo("Asia/Kolkata")


def at(*local, zone=MOSCOW):
    return int(datetime(*local, tzinfo=zone).timestamp())


def by_name(found):
    return {(w.name, w.period): w for w in found}


def days(first, last):
    return range(date(*first).toordinal(), date(*last).toordinal() + 1)


@pytest.mark.parametrize(
    ("name", "now", "current", "previous"),
    [
        ("month", (2026, 3, 31, 12), ((2026, 3, 1), (2026, 3, 31)), ((2026, 2, 1), (2026, 2, 28))),
        ("month", (2026, 1, 1, 0), ((2026, 1, 1), (2026, 1, 31)), ((2025, 12, 1), (2025, 12, 1))),
        ("month", (2024, 3, 29, 9), ((2024, 3, 1), (2024, 3, 31)), ((2024, 2, 1), (2024, 2, 29))),
        ("quarter", (2026, 11, 23, 9), ((2026, 10, 1), (2026, 12, 31)), ((2026, 7, 1), (2026, 8, 23))),
        ("quarter", (2026, 5, 31, 9), ((2026, 4, 1), (2026, 6, 30)), ((2026, 1, 1), (2026, 3, 2))),
        ("year", (2024, 12, 31, 9), ((2024, 1, 1), (2024, 12, 31)), ((2023, 1, 1), (2023, 12, 31))),
        ("year", (2025, 12, 31, 9), ((2025, 1, 1), (2025, 12, 31)), ((2024, 1, 1), (2024, 12, 30))),
    ],
)
def test_long_windows(name, now, current, previous):
    """The calendar period, and the one before up to and including the same ordinal day."""
    found = by_name(windows(at(*now), MOSCOW))
    assert found[name, "current"].days == days(*current)
    assert found[name, "previous"].days == days(*previous)


def test_day_and_week_are_compared_up_to_the_same_hour():
    """The day before up to the end of the running wall-clock hour; the week before likewise."""
    found = by_name(windows(at(2026, 11, 25, 14, 20), MOSCOW))
    assert found["day", "current"].days == days((2026, 11, 25), (2026, 11, 25))
    assert found["day", "previous"].hours == range(at(2026, 11, 24, 0), at(2026, 11, 24, 15))
    assert len(found["day", "previous"].days) == 0
    assert found["week", "previous"].days == days((2026, 11, 16), (2026, 11, 17))
    assert found["week", "previous"].hours == range(at(2026, 11, 18, 0), at(2026, 11, 18, 15))


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ((2026, 3, 30, 14), 14),  # the day before had 23 hours: 14 of them until 15:00
        ((2026, 10, 26, 14), 16),  # the day before had 25
        ((2026, 3, 30, 2), 2),  # 02:00 did not exist: hours 0 and 1 are up to and including it
        ((2026, 10, 26, 2), 4),  # 02:00 came twice: both count
    ],
)
def test_daylight_saving_yesterday(now, hours):
    """The full hours of yesterday's wall clock up to the running one, however many passed."""
    span = by_name(windows(at(*now, zone=BERLIN), BERLIN))["day", "previous"].hours
    assert (span.stop - span.start) / 3600 == hours


def test_iso_week_53():
    """The first days of January may belong to week 53 of the old year."""
    found = by_name(windows(at(2027, 1, 2, 10), MOSCOW))
    assert found["week", "current"].days == days((2026, 12, 28), (2027, 1, 3))


def test_running_minutes():
    """The running minute and the 4, 14, 59 before it; the same number before those."""
    now = at(2026, 11, 25, 14, 20) + 42
    found = by_name(windows(now, MOSCOW))
    minute = at(2026, 11, 25, 14, 20)
    assert found["5m", "current"].minutes == range(minute - 240, minute + 60)
    assert found["5m", "previous"].minutes == range(minute - 540, minute - 240)
    assert found["1h", "current"].minutes == range(minute - 59 * 60, minute + 60)


def test_ninety_days_before_today():
    """90 local days, without today."""
    span = by_name(windows(at(2026, 11, 25, 14), MOSCOW))["90d", "current"].days
    assert (span.stop, len(span)) == (date(2026, 11, 25).toordinal(), 90)


@given(st.datetimes(datetime(2021, 1, 1), datetime(2029, 1, 1)), st.sampled_from([BERLIN, MOSCOW, KOLKATA]))  # noqa: DTZ001
def test_previous_is_as_long_as_the_clock_says(naive, zone):
    """Previous windows end before the current ones begin, and begin where the period before begins."""
    now = int(naive.replace(tzinfo=UTC).timestamp())
    found = by_name(windows(now, zone))
    today = datetime.fromtimestamp(now, zone).date()
    for name in ("month", "quarter", "year"):
        current, previous = found[name, "current"].days, found[name, "previous"].days
        assert current.start == period_start(name, today).toordinal()
        assert current.stop == period_end(name, today).toordinal()
        assert previous.stop <= current.start
        before = date.fromordinal(current.start) - timedelta(days=1)
        assert previous.start == period_start(name, before).toordinal()


def test_at_cuts_the_current_windows_too():
    """As it stood: day and week end with that hour, longer windows with that day."""
    now = at(2026, 11, 25, 14, 20)
    found = by_name(windows_at(at(2026, 11, 24, 10, 5), now, MOSCOW))
    assert found["day", "current"].hours == range(at(2026, 11, 24), at(2026, 11, 24, 11))
    assert found["month", "current"].days == days((2026, 11, 1), (2026, 11, 24))
    assert ("5m", "current") not in found


def test_at_has_its_limits():
    """More than 8 days back day and week are there as of a day's end; before the day cells there is nothing."""
    now = at(2026, 11, 25, 14)
    assert ("day", "current") in by_name(windows_at(now - 8 * 86400, now, MOSCOW))
    with pytest.raises(WindowError, match="23:59:59"):
        windows_at(now - 8 * 86400 - 1, now, MOSCOW)
    found = by_name(windows_at(now - 8 * 86400 - 1, now, MOSCOW, ("month", "quarter", "year")))
    assert {name for name, _ in found} == {"month", "quarter", "year"}
    found = by_name(windows_at(at(2026, 11, 15, 23, 59) + 59, now, MOSCOW))
    assert found["day", "current"].days == days((2026, 11, 15), (2026, 11, 15))
    assert found["day", "previous"].days == days((2026, 11, 14), (2026, 11, 14))
    assert found["week", "current"].days == days((2026, 11, 9), (2026, 11, 15))
    assert found["week", "previous"].days == days((2026, 11, 2), (2026, 11, 8))
    with pytest.raises(WindowError, match="800"):
        windows_at(now - 801 * 86400, now, MOSCOW)
    with pytest.raises(WindowError, match="calendar window"):
        period_start("5m", date(2026, 1, 1))
