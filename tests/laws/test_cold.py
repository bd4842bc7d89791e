"""However few clients stay decoded, however small their pages, and however late events are: fold and plain agree."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.compiled import FORM
from streams.plain.parts import parts
from streams.state import clients
from streams.state.clients import InMemoryClientStore
from streams.state.partition import Partition
from tests.laws.mixtures import KINDS, Drawn, Json, drawn, event, zones
from tests.laws.replay import PARTITIONS, Mirror, fold_rules, records, replayed
from tests.laws.test_kept import appended, choices, plain_of
from tests.laws.test_streamed import LAW
from tests.support.folding import LogRecord

Clock = list[int] | tuple[int, list[int]]
"""What a broker's clock says: as `appended` has it, or so many hours after all that happened, and seconds from then on
between two records."""
_SMALL = 250
"""Bytes of a page above which it is split here."""
_HOT_BYTES = 150
_kinds, _seeds = st.integers(0, len(KINDS) - 1), st.integers(0, 2**50)
anything = st.one_of(
    drawn(),
    st.tuples(
        _kinds, st.integers(0, 3), st.sampled_from((0, 0, 0, 0, 0, 0, 5, 6, 7, 9, 11, 13)),
        st.one_of(st.integers(0, 40), st.integers(175, 225)), _seeds,
    ),
)  # fmt: skip
late = st.builds(
    lambda first, rows: [first, *rows],
    st.tuples(_kinds, st.just(0), st.just(0), st.integers(200, 225), _seeds),
    st.lists(
        st.tuples(_kinds, st.integers(0, 3), st.just(0), st.integers(12, 52), _seeds), min_size=20, max_size=60
    ),
)  # fmt: skip
"""Most of them near the first minute that is kept: what is at hand for a quarter of an hour is so for a part of it."""
clocks: st.SearchStrategy[Clock] = st.one_of(
    choices,
    st.tuples(
        st.sampled_from((0, 1, 20, 23, 25, 26, 27, 50)),
        st.lists(st.sampled_from((0, 0, 0, 1, 60, -5)), min_size=1, max_size=6),
    ),
)
steps = st.lists(st.tuples(st.integers(1, 70), st.integers(0, 4)), min_size=1, max_size=6)
"""Records folded at once, and what comes then: nothing, a view, a cut, both, or a restart from the last cut."""
spread, hot = st.sampled_from((1, 2, 5)), st.integers(0, 3)
"""Clients for each of the mixture's, and pages that stay decoded."""


def _mixture(rows: Sequence[Drawn], spread: int) -> list[Json]:
    found = []
    for row in rows:
        one = event(*row)
        data = one["data"]
        if "client_id" in data:
            whose = row[-1] // 7 % spread
            own = [name for name in data if name.endswith("_id") and name not in ("manager_id", "team_id")]
            data.update({name: f"{data[name]}-{whose}" for name in own})
        found.append(one)
    return found


def _dated(mixture: list[Json], clock: Clock) -> list[LogRecord]:
    if isinstance(clock, list):
        return appended(mixture, clock)
    (after, since), found = clock, records(mixture)
    at = max(one.timestamp for one in found) + after * 3_600_000
    for n, one in enumerate(found):
        found[n] = replace(one, timestamp=at)
        at += since[n % len(since)] * 1000
    return found


def _folded(
    log: Sequence[LogRecord], zone: ZoneInfo, how: Sequence[tuple[int, int]], hot: int
) -> tuple[Partition, Mirror]:
    rules = fold_rules(zone)

    def made() -> Partition:
        partition = Partition(0, PARTITIONS, rules, InMemoryClientStore())
        partition._clients._hot, partition._clients._hot_bytes = hot, _HOT_BYTES
        return partition

    return replayed(log, how, made)


def _agree(
    rows: Sequence[Drawn], spread: int, zone: ZoneInfo, how: Sequence[tuple[int, int]], clock: Clock, hot: int
) -> None:
    log = _dated(_mixture(rows, spread), clock)
    if hot % 2:  # some take the longer way, which asks for a client's page by itself
        log = [replace(one, key=None) if n % 3 == 0 else one for n, one in enumerate(log)]
    expected = plain_of(log, zone)
    partition, mirror = _folded(log, zone, how, hot)
    assert partition.time == expected.time
    assert mirror.parts == parts(expected)
    again = Mirror()
    for update in partition.everything():
        again.see(update)
    assert again.parts == mirror.parts
    assert sorted(again.unanswered) == sorted(mirror.unanswered)
    assert sorted(again.waiting) == sorted(mirror.waiting)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are split after a few entities; machine code has the bound built in."""
    if not FORM.modules:
        monkeypatch.setattr(clients, "LARGEST", _SMALL)


@settings(LAW, max_examples=300)
@given(st.lists(anything, min_size=12, max_size=60), spread, zones(), steps, clocks, hot)
def test_cold_is_plain(
    rows: list[Drawn], spread: int, zone: ZoneInfo, how: list[tuple[int, int]], clock: Clock, hot: int
) -> None:
    """Clients go and come back between two parts of a log, whole or split."""
    _agree(rows, spread, zone, how, clock, hot)


@settings(LAW, max_examples=400)
@given(late, spread, zones(), steps, clocks, hot)
def test_late_is_plain(
    rows: list[Drawn], spread: int, zone: ZoneInfo, how: list[tuple[int, int]], clock: Clock, hot: int
) -> None:
    """The first minute that is kept lies in the middle of what is folded."""
    _agree(rows, spread, zone, how, clock, hot)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@settings(LAW, max_examples=60_000)
@given(st.one_of(late, st.lists(anything, min_size=30, max_size=140)), spread, zones(), steps, clocks, hot)
def test_cold_and_late_is_plain_at_length(
    rows: list[Drawn], spread: int, zone: ZoneInfo, how: list[tuple[int, int]], clock: Clock, hot: int
) -> None:
    """Sixty thousand mixtures, by hand."""
    _agree(rows, spread, zone, how, clock, hot)
