"""The law of the product: what the worker streams is what the plain definition says, to the last digit."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from metrics.view import Waiting
from producers.events import wire
from streams.plain import PlainPartition, recompute
from streams.plain.calls import LISTED
from streams.plain.listed import still_listed
from streams.plain.parts import parts
from tests.laws.mixtures import Json, encode, mixtures, zones
from tests.laws.replay import Mirror, fold_rules, plain_rules, records, replay, restarted

LAW = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
steps = st.lists(st.integers(0, 34), min_size=1, max_size=6)


def _plain(mixture: list[Json], zone: ZoneInfo) -> PlainPartition:
    return recompute((wire.decode(encode(one)) for one in mixture), plain_rules(zone))


def _waiting(partition: PlainPartition) -> list[Waiting]:
    return sorted(
        Waiting(one.labels[0], one.manager, one.team, one.since)
        for one in partition.open_things()
        if one.code == "waiting" and (one.labels == ("chat",) or one.since + LISTED > partition.time)
    )


def _agree(mixture: list[Json], zone: ZoneInfo, how: list[int]) -> None:
    expected = _plain(mixture, zone)
    partition, mirror = replay(records(mixture), zone, how)
    assert partition.time == expected.time
    assert mirror.parts == parts(expected)
    still = (one for one in mirror.waiting if one.channel == "chat" or one.start + LISTED > partition.time)
    assert sorted(still) == _waiting(expected)
    assert sorted(mirror.unanswered) == still_listed(expected.open_things(), partition.time, plain_rules(zone))
    restored, again = restarted(mirror, fold_rules(zone)), Mirror()
    for update in restored.everything():
        again.see(update)
    assert again.parts == mirror.parts
    assert sorted(again.unanswered) == sorted(mirror.unanswered)
    assert restored.fence == partition.fence


@settings(LAW, max_examples=700)
@given(mixtures(), zones(), steps)
def test_streamed_is_plain(mixture: list[Json], zone: ZoneInfo, how: list[int]) -> None:
    """Any mixture of all types, in any batches, with cuts, views and restarts anywhere: cell for cell."""
    _agree(mixture, zone, how)


@settings(LAW, max_examples=250)
@given(mixtures(60, least=25), zones(), steps)
def test_streamed_is_plain_in_long_logs(mixture: list[Json], zone: ZoneInfo, how: list[int]) -> None:
    """The same where many events meet."""
    _agree(mixture, zone, how)


@settings(LAW, max_examples=250)
@given(mixtures(40, least=5), zones())
def test_outcomes_are_counted_alike(mixture: list[Json], zone: ZoneInfo) -> None:
    """Folded, stale and duplicate events are as many in both; starts and answers of calls are no versions."""
    mixture = [one for one in mixture if one["type"] not in ("sales.call.started.v1", "sales.call.answered.v1")]
    expected = _plain(mixture, zone).outcomes
    partition, _ = replay(records(mixture), zone, [6])
    counts = partition.counts
    found = Counter(folded=sum(counts.folded.values()), stale=counts.stale, duplicate=counts.duplicates)
    assert +found == expected


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@settings(LAW, max_examples=100_000)
@given(mixtures(60), zones(), steps)
def test_streamed_is_plain_at_length(mixture: list[Json], zone: ZoneInfo, how: list[int]) -> None:
    """A hundred thousand mixtures, by hand."""
    _agree(mixture, zone, how)
