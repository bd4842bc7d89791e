"""The law of explain: the entities that it lists add up to the number that is shown, exactly."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.events import wire
from producers.settings import KafkaSettings
from streams.explain import OLDEST, Explainer
from streams.plain import Contribution, OpenThing, PlainPartition
from streams.plain.exact import moment
from streams.plain.exposed import exposed
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rows import Query, open_rows, percentile, plan_rows, windowed_rows
from streams.plain.series import Series
from streams.plain.shown import Shown
from tests.laws.cluster import COUNT, ManyLogs, Sent, placements, run
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, Json, encode, mixtures, zones
from tests.laws.replay import plain_rules
from tests.laws.test_streamed import LAW
from tests.support.numbers import shown

REFERENCES: list[Json] = [
    {
        "specversion": "1.0",
        "id": f"r-{n}",
        "source": "crm://a",
        "type": kind,
        "time": "2026-10-01T00:00:00Z",
        "data": data,
    }
    for n, (kind, data) in enumerate(
        [
            ("sales.manager.changed.v1", {"manager_id": "m-1", "name": "A", "team_id": "t-2", "active": True}),
            ("sales.rate.set.v1", {"currency": "USD", "date": "2026-10-25", "rate": "81.25"}),
            ("sales.rate.set.v1", {"currency": "USD", "date": "2027-01-01", "rate": "0.000000000001"}),
            (
                "sales.plan.set.v1",
                {"scope": "manager:m-1", "measure": "calls", "period": "2026-Q4", "target": "17"},
            ),
        ]
    )
]
moments = st.tuples(st.sampled_from(ANCHORS), st.integers(0, 300)).map(lambda at: at[0] + timedelta(minutes=at[1]))


def _partitions(log: InMemoryLog, zone: ZoneInfo) -> list[PlainPartition]:
    found = []
    events = log.topics["sales.events"]
    for number, records in events.items():
        partition, places = PlainPartition(plain_rules(zone)), PlainPlaces(number, len(events))
        for record in records:
            placed = places.judge(record)
            if placed.verdict == COUNTS:
                partition.take(placed.event)
        found.append(partition)
    return found


def _query(one: Series) -> Query:
    labels = dict(one.labels)
    names = ("manager", "team", "window", "period")
    own = {name: value for name, value in labels.items() if name not in names}
    if one.name.startswith(("sales_plan", "sales_working")):
        own["window"] = labels["window"]
        return Query(one.name, own, labels.get("manager"), labels.get("team"))
    return Query(
        one.name, own, labels.get("manager"), labels["team"], labels.get("window", ""), labels.get("period", "current")
    )


def _sum(query: Query, contributions: list[Contribution], things: list[OpenThing], numbers: Shown) -> Fraction:
    if query.declared.source.value == "cells":
        rows = list(windowed_rows(query, contributions, numbers))
    elif query.declared.source.value == "plan":
        rows = list(plan_rows(query, numbers))
    else:
        rows = list(open_rows(query, things, numbers))
    if query.quantile:
        return Fraction(percentile(query, rows) or 0)
    values = [row.value for row in rows]
    if query.family in OLDEST:
        return max(values, default=Fraction())
    return sum(values, Fraction())


@settings(LAW, max_examples=150)
@given(mixtures(), zones(), moments, st.booleans())
def test_rows_add_up_to_every_series(mixture: list[Json], zone: ZoneInfo, now: datetime, cut: bool) -> None:
    """Every series that is shown is the sum of its rows, or their percentile."""
    rules = plain_rules(zone)
    reference = PlainReference.of([wire.decode_reference(encode(one)) for one in REFERENCES], "RUB")
    partitions = _partitions(InMemoryLog(mixture, 1), zone)
    contributions = [one for partition in partitions for one in partition.contributions()]
    things = [one for partition in partitions for one in partition.open_things()]
    numbers = Shown(moment(now), rules, reference, cut)
    for one, value in exposed(shown(contributions, things, reference, rules, moment(now), at=cut)).items():
        assert _sum(_query(one), contributions, things, numbers) == value, one


@settings(LAW, max_examples=60)
@given(mixtures(25, least=5), moments, st.sampled_from([1, 3]), st.data())
async def test_explainer_is_the_plain_recomputation(
    mixture: list[Json], now: datetime, partitions: int, data: st.DataObject
) -> None:
    """Asked for one manager's number, before and after the log has grown, it reads the log and gives that number."""
    zone = ZoneInfo("Europe/Berlin")
    log = InMemoryLog(mixture[:-2], partitions, REFERENCES)
    explainer = Explainer(KafkaSettings(), plain_rules(zone), open_log=log.opened, clock=now.astimezone(UTC).timestamp)
    for later in ([], mixture[-2:]):
        for one in later:
            log.add(one)
        await _asked(explainer, log, zone, now, data)


@settings(LAW, max_examples=60)
@given(mixtures(25, least=5), st.lists(placements(), min_size=25, max_size=25), moments, st.data())
async def test_explainer_counts_each_record_once_wherever_it_lies(
    mixture: list[Json], places: list[tuple[int, str, bool]], now: datetime, data: st.DataObject
) -> None:
    """The same on logs with records that lie wrong, keys of any spelling, binary mode, and copies written twice."""
    zone = ZoneInfo("Europe/Berlin")
    topic, sent = ManyLogs(), [Sent(event, *place) for event, place in zip(mixture, places, strict=False)]
    log = InMemoryLog([], COUNT, REFERENCES)
    log.topics["sales.events"] = dict(enumerate(topic.logs))
    explainer = Explainer(KafkaSettings(), plain_rules(zone), open_log=log.opened, clock=now.astimezone(UTC).timestamp)
    for part in (sent[:-2], sent[-2:]):
        run(topic, part, zone, [])
        await _asked(explainer, log, zone, now, data)


async def _asked(explainer: Explainer, log: InMemoryLog, zone: ZoneInfo, now: datetime, data: st.DataObject) -> None:
    """Ask for one of the numbers that are shown, and compare."""
    told = _partitions(log, zone)
    expected = exposed(
        shown(
            [c for partition in told for c in partition.contributions()],
            [thing for partition in told for thing in partition.open_things()],
            PlainReference.of([wire.decode_reference(encode(one)) for one in REFERENCES], "RUB"),
            plain_rules(zone),
            moment(now),
        )
    )
    one = data.draw(st.sampled_from(sorted(expected)))
    query = _query(one)
    answer = await explainer.explain(query.family, query.labels, query.manager, query.team, query.window, query.period)
    if query.quantile:
        assert answer.total is not None
        assert float(answer.total) == float(expected[one])
    else:
        assert Fraction(answer.total or "") == expected[one]
    assert not answer.truncated
    assert len(answer.rows) == answer.count
