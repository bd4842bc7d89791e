"""The law of forwarding: wherever records lie, under whatever key, each counts once, and replays change nothing."""

from collections import Counter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.plain import PlainPartition
from streams.plain.parts import parts
from streams.plain.placed import COUNTS, FORWARDED, PlainPlaces, RecordPlace
from streams.state.own import read_own
from streams.state.partition import PARTITION_KEY
from tests.laws.cluster import COUNT, Application, ManyLogs, Sent, placements, run
from tests.laws.mixtures import Json, key_of, mixtures, zones
from tests.laws.replay import fold_rules, plain_rules
from tests.laws.test_streamed import LAW

steps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, COUNT - 1), st.integers(0, 3), st.integers(1, 9)), max_size=40
)


class Plain(NamedTuple):
    """What each partition amounts to and has seen of copies, how often each record counted, which had to go."""

    partitions: list[PlainPartition]
    places: list[PlainPlaces]
    counted: Counter[RecordPlace]
    owed: set[RecordPlace]


def _plain(topic: ManyLogs, zone: ZoneInfo) -> Plain:
    found = Plain([], [], Counter(), set())
    for number, log in enumerate(topic.logs):
        partition, places = PlainPartition(plain_rules(zone)), PlainPlaces(number, COUNT)
        for record in log:
            partition.hear(record)
            placed = places.judge(record)
            if placed.verdict == COUNTS:
                partition.take(placed.event)
                found.counted[placed.origin or RecordPlace(number, record.offset)] += 1
            elif placed.verdict == FORWARDED:
                found.owed.add(RecordPlace(number, record.offset))
        found.partitions.append(partition)
        found.places.append(places)
    return found


def _agree(topic: ManyLogs, zone: ZoneInfo, application: Application) -> None:
    plain = _plain(topic, zone)
    for partition, mirror, expected, places in zip(
        application.partitions, application.mirrors, plain.partitions, plain.places, strict=True
    ):
        assert partition.time == expected.time
        assert mirror.parts == parts(expected)
        own = read_own(mirror.clients[PARTITION_KEY], fold_rules(zone).signature)
        assert own.forwarded == places.copied


@settings(LAW, max_examples=100)
@given(mixtures(25), st.lists(placements(), min_size=25, max_size=25), zones(), steps)
def test_each_record_counts_once_wherever_it_lies(
    mixture: list[Json], places: list[tuple[int, str, bool]], zone: ZoneInfo, how: list[tuple[int, int, int, int]]
) -> None:
    """Two applications that crash anywhere, and one that replays all, show what the plain definition says."""
    sent = [Sent(event, *place) for event, place in zip(mixture, places, strict=False)]
    topic = ManyLogs()
    applications = run(topic, sent, zone, how)
    originals = {
        RecordPlace(number, record.offset)
        for number, log in enumerate(topic.logs)
        for record in log
        if not any(name.startswith("forwarded-") for name, _ in record.headers)
    }
    assert len(originals) == len(sent)
    plain = _plain(topic, zone)
    assert plain.counted == Counter(originals)
    assert plain.owed <= originals
    for application in applications:
        application.finish()
        _agree(topic, zone, application)
    replayed = Application(topic, zone)
    replayed.finish()
    for application in (*applications, replayed):
        application.finish()
        _agree(topic, zone, application)
    assert _plain(topic, zone).counted == plain.counted
    assert sum(sum(partition.counts.sources.values()) for partition in replayed.partitions) == len(originals)


@settings(LAW, max_examples=100)
@given(mixtures(25), st.lists(placements(), min_size=8, max_size=8), zones(), steps)
def test_what_a_sender_keys_keeps_its_order(
    mixture: list[Json], places: list[tuple[int, str, bool]], zone: ZoneInfo, how: list[tuple[int, int, int, int]]
) -> None:
    """With any partitioner that goes by the key, everything amounts to what it would on the right partitions."""
    young = [event for event in mixture if not _is_forgotten_some_day(event)]
    of = dict(zip(sorted({key_of(event) for event in young}), places, strict=False))
    sent = [Sent(event, *of[key_of(event)]) for event in young]
    topic, right = ManyLogs(), ManyLogs()
    run(topic, sent, zone, how)
    for one in sent:
        right.send(one._replace(partition=-1))
    found, expected = (_plain(each, zone).partitions for each in (topic, right))
    assert [_amount(one) for one in found] == [_amount(one) for one in expected]


def _is_forgotten_some_day(event: Json) -> bool:
    """Whether it may be by the time of other clients, whose order is not kept."""
    times = [event["time"], *(text for name, text in event["data"].items() if name.endswith("_at"))]
    return any(not "2026-08" < time < "2027-05" for time in times)


def _amount(partition: PlainPartition) -> list[str]:
    """All that it adds."""
    return sorted(map(repr, partition.contributions()))
