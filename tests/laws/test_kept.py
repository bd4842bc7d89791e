"""What is kept by the broker's clock as well: fold and plain definition agree, and nobody misses anything."""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.windows import Window, windows, windows_at
from producers.events.intake import Refused, check
from streams.plain.kept import UNHEARD
from streams.plain.log import PlainPartition
from streams.plain.parts import Parts, parts
from tests.laws.mixtures import LATER, Json, mixtures, zones
from tests.laws.replay import Mirror, fold_rules, plain_rules, records, replay, restarted
from tests.laws.test_streamed import LAW, steps
from tests.support.folding import LogRecord

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_SINCE = (0, 1, _SECOND, _MINUTE, _HOUR, -5 * _SECOND, -2 * _HOUR, -_DAY, -400 * _DAY)
"""How long (ms) after the record before one may be appended: another broker's clock is behind, or one was wrong."""
_APART = 26 * _HOUR
"""How far ahead of all others (ms) a broker's clock may be."""
_BACK = (0, 1, 6, 7, 7.5, 7.99, 8)
"""Days back from a clock that are asked for by `at=`."""
choices = st.lists(st.integers(0, len(LATER) + len(_SINCE) - 1), min_size=1, max_size=12)


def appended(mixture: list[Json], chosen: list[int]) -> list[LogRecord]:
    """A log as a broker dates it."""
    found, last = [], 0
    for n, one in enumerate(records(mixture)):
        how = chosen[n % len(chosen)]
        last = one.timestamp + LATER[how] if how < len(LATER) else max(0, last + _SINCE[how - len(LATER)])
        found.append(replace(one, timestamp=last))
    return found


def plain_of(log: list[LogRecord], zone: ZoneInfo) -> PlainPartition:
    partition = PlainPartition(plain_rules(zone))
    for record in log:
        partition.hear(record)
        try:
            partition.take(check(record))
        except Refused:
            continue
    return partition


def _asked(clock: int, zone: ZoneInfo) -> Iterator[Window]:
    """Every window that anybody may ask for at a clock (Unix seconds)."""
    yield from windows(clock, zone)
    for days in _BACK:
        yield from windows_at(clock - int(days * 86_400), clock, zone)


def _within(held: Parts, window: Window) -> Parts:
    return {cell: part for cell, part in held.items() if window.holds(*cell[:2])}


@settings(LAW, max_examples=700)
@given(mixtures(40), zones(), steps, choices)
def test_streamed_is_plain_by_any_clock(mixture: list[Json], zone: ZoneInfo, how: list[int], chosen: list[int]) -> None:
    """Whatever the broker's clock said, in any batches, with cuts, views and restarts anywhere: cell for cell."""
    log = appended(mixture, chosen)
    expected = plain_of(log, zone)
    partition, mirror = replay(log, zone, how)
    assert partition.time == expected.time
    assert mirror.parts == parts(expected)
    restored, again = restarted(mirror, fold_rules(zone)), Mirror()
    for update in restored.everything():
        again.see(update)
    assert again.parts == mirror.parts


@settings(LAW, max_examples=500)
@given(mixtures(40), zones(), steps, choices, st.sampled_from((0, 59, 3_600, 86_400, 93_600, 180_000)))
def test_no_clock_misses_anything(
    mixture: list[Json], zone: ZoneInfo, how: list[int], chosen: list[int], later: int
) -> None:
    """Every window holds all that ever counted in it, asked for by any clock that is not before the last event.

    It may be up to 26 hours before the broker's, which is ahead then.
    """
    log = appended(mixture, chosen)
    plain = plain_of(log, zone)
    clock = max(max(record.timestamp for record in log) - _APART, plain.time // 1000) // 1000 + 1 + later
    everything = parts(replace(plain, time=0, heard=UNHEARD))
    _, mirror = replay(log, zone, how)
    for window in _asked(clock, zone):
        assert _within(mirror.parts, window) == _within(everything, window), window
