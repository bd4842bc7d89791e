"""The law of explain: the entities that it lists add up to the number that is shown, exactly."""

from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.events import wire
from streams.ledger.explain import OLDEST
from streams.plain import Contribution, OpenThing, PlainPartition
from streams.plain.exact import moment
from streams.plain.exposed import exposed
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rows import PlainQuery, open_rows, plan_rows, windowed_rows
from streams.plain.series import PlainSeries
from streams.plain.shown import PlainShown
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, Json, encode, mixtures, zones
from tests.laws.replay import plain_rules
from tests.laws.test_streamed import LAW
from tests.support.numbers import percentile, shown

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


def query_of(one: PlainSeries) -> PlainQuery:
    labels = dict(one.labels)
    names = ("manager", "team", "window", "period")
    own = {name: value for name, value in labels.items() if name not in names}
    if one.name.startswith(("sales_plan", "sales_working")):
        own["window"] = labels["window"]
        return PlainQuery(one.name, own, labels.get("manager"), labels.get("team"))
    return PlainQuery(
        one.name, own, labels.get("manager"), labels["team"], labels.get("window", ""), labels.get("period", "current")
    )


def _sum(
    query: PlainQuery, contributions: list[Contribution], things: list[OpenThing], numbers: PlainShown
) -> Fraction:
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
    numbers = PlainShown(moment(now), rules, reference, cut)
    for one, value in exposed(shown(contributions, things, reference, rules, moment(now), at=cut)).items():
        assert _sum(query_of(one), contributions, things, numbers) == value, one
