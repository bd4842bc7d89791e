"""By what minutes and hours are kept: at its edges, over restarts, and for every window that a clock may ask for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from metrics.windows import windows, windows_at
from streams.state.keeping import HOURS_KEPT, MINUTES_KEPT
from streams.state.partition import Partition
from tests.support.folding import Log, LogRecord, everything, rules

_AHEAD = 600
"""Seconds that partition time may lie ahead of the broker's."""


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_all_that_a_clock_may_ask_for_is_kept(zone: str) -> None:
    """At any time of day, by `at=` up to eight days back, and where clocks have changed since."""
    minutes, hours = MINUTES_KEPT // 10**6 - _AHEAD, HOURS_KEPT // 10**6 - _AHEAD
    for month, day in ((7, 1), (11, 4), (11, 8), (11, 16), (4, 12), (3, 22)):
        for quarter in range(96):
            clock = int(datetime(2026, month, day, quarter // 4, quarter % 4 * 15 + 14, 59, tzinfo=UTC).timestamp())
            past = (windows_at(clock - back, clock, ZoneInfo(zone)) for back in (0, 6 * 86_400, 8 * 86_400))
            for window in (*windows(clock, ZoneInfo(zone)), *(one for found in past for one in found)):
                assert not window.minutes or window.minutes.start > clock - minutes
                assert not window.hours or window.hours.start > clock - hours


def _meeting(log: Log, time: str, appended: str) -> None:
    log.add("meeting.held", time, meeting_id=f"x-{len(log.records)}", manager_id="m-1")
    stamp = round(datetime.fromisoformat(appended).timestamp() * 1000)
    log.records[-1] = replace(log.records[-1], timestamp=stamp)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_restart_brings_nothing_back(after: int) -> None:
    """Another broker leads, whose clock is behind: the minute that was gone stays gone, whoever owns it."""
    log = Log()
    _meeting(log, "2026-11-23T09:00:00Z", "2026-11-24T14:00:02Z")
    _meeting(log, "2026-11-23T09:00:30Z", "2026-11-24T13:59:57Z")
    _meeting(log, "2026-11-23T09:00:45Z", "2026-11-24T13:59:58Z")
    partition = Partition(0, 1, rules())
    partition.fold(log.records[:after])
    cut = partition.cut()
    restored = Partition(0, 1, rules())
    restored.restore_clients(cut.clients)
    restored.restore_cells(cut.cells)
    restored.fold(log.records[after:])
    assert {kind for kind, _ in everything(restored)} == {"h", "d"}


@pytest.mark.parametrize("ahead", [timedelta(hours=1, minutes=30), timedelta(hours=3), timedelta(days=1, hours=1)])
def test_a_broker_whose_clock_is_ahead_costs_nothing(ahead: timedelta) -> None:
    """In a zone of its own, or a day too far, and mended then: short windows have all, before and after."""
    log, times = Log(), [f"2026-11-23T{hour:02}:{minute:02}:00Z" for hour in (7, 8, 9) for minute in (0, 15, 30, 45)]
    for n, time in enumerate(times):
        appended = datetime.fromisoformat(time) + (ahead if 2 <= n < 8 else timedelta())
        _meeting(log, time, appended.isoformat())
    partition = Partition(0, 1, rules())
    for n, record in enumerate(log.records, 1):
        partition.fold([record])
        held = everything(partition)
        minutes = [datetime.fromtimestamp(start, UTC) for kind, start in held if kind == "m"]
        assert sorted(minutes) == [datetime.fromisoformat(time) for time in times[:n]]


def test_what_lies_ahead_of_its_event_is_not_half_filled() -> None:
    """A deal created nine minutes after its event counts beyond partition time, and was gone by a wrong clock."""
    log = Log()
    deal = {"deal_id": "d", "manager_id": "m-1", "pipeline": "p", "stage": "s", "amount": "1", "currency": "RUB"}
    log.add("deal.changed", "2026-11-23T09:00:00Z", status="open", created_at="2026-11-23T09:09:00Z", **deal)
    log.records[0] = replace(log.records[0], timestamp=log.records[0].timestamp + 400 * 86_400_000)
    _meeting(log, "2026-11-23T09:09:30Z", "2026-11-23T09:09:30Z")
    _meeting(log, "2026-11-23T09:11:00Z", "2026-11-23T09:11:00Z")
    partition = Partition(0, 1, rules())
    partition.fold(log.records)
    minutes = [datetime.fromtimestamp(start, UTC) for kind, start in everything(partition) if kind == "m"]
    assert minutes == [datetime(2026, 11, 23, 9, 11, tzinfo=UTC)]


def test_hours_that_begin_within_a_quarter() -> None:
    """Of a zone seven minutes ahead: two moments of one quarter lie in two hours, also where minutes are gone."""
    log, zone = Log(), timezone(timedelta(minutes=7))
    for time in ("2026-11-23T08:52:00Z", "2026-11-23T08:54:00Z"):
        _meeting(log, time, "2026-11-25T15:00:00Z")
    partition = Partition(0, 1, rules(zone))
    records: list[LogRecord] = log.records
    assert partition.fold(records) == []
    assert len([kind for kind, _ in everything(partition) if kind == "h"]) == 2
