"""The law of the ledger: its index holds what the plain definition says of the log, however it is cut into batches."""

import random
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalogue import FAMILIES
from metrics.family import Kind, Source
from producers.events import wire
from streams.audit.standing.index import reached
from streams.ledger.answers import Index
from streams.ledger.explain import OLDEST, ExplainedNumber
from streams.ledger.held import KINDS
from streams.ledger.store import thing_of
from streams.plain import Contribution, OpenThing, PlainPartition, PlainRules
from streams.plain.exact import moment
from streams.plain.exposed import exposed
from streams.plain.kept import kept_from
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rows import PlainRow, open_rows, plan_rows, windowed_rows
from streams.plain.shown import PlainShown
from streams.plain.windows import PlainWindow
from tests.laws.cluster import COUNT, ManyLogs, Sent, placements, run
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, LATER, ZONES, Json, encode, event, mixtures, zones
from tests.laws.mixtures import KINDS as KINDS_SENT
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES, moments, query_of
from tests.laws.test_streamed import LAW
from tests.support.ledgers import Kept
from tests.support.numbers import percentile, shown

CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=6)
DELAYS = st.lists(st.sampled_from(LATER), min_size=1, max_size=6)
MOMENTS = moments
REFERENCE = PlainReference.of([wire.decode_reference(encode(one)) for one in REFERENCES], "RUB")
DURATIONS = {family.code: family for family in FAMILIES if family.kind is Kind.HISTOGRAM}
LATE = ANCHORS[-1].timestamp() + 40 * 86_400


def told(records: list[Any], number: int, partitions: int, rules: PlainRules) -> PlainPartition:
    """The plain definition over a partition's records."""
    partition, places = PlainPartition(rules), PlainPlaces(number, partitions)
    for record in records:
        partition.hear(record)
        placed = places.judge(record)
        if placed.verdict == COUNTS:
            partition.take(placed.event)
    return partition


def shares(database: sqlite3.Connection, partition: int) -> Counter[Contribution]:
    """What the index holds of a partition; what the clock has decided bears no wait any more."""
    found: Counter[Contribution] = Counter()
    query = (
        "SELECT code, labels, manager, team, time, value, kind, id, key, currency, n FROM share "
        "JOIN series ON series.no = series JOIN who ON who.no = who JOIN entity ON entity.no = entity "
        "JOIN client ON client.no = entity.client WHERE partition = ?"
    )
    for code, labels, manager, team, time, value, kind, entity, client, currency, n in database.execute(
        query, (partition,)
    ):
        name = KINDS[kind]
        whose = "" if name == "cost" else client
        one = (code, tuple(msgspec.json.decode(labels)), manager, team, time, int(value), name, entity, whose, currency)
        found[Contribution(*one)] += n
    return found


def things(database: sqlite3.Connection, partition: int) -> Counter[OpenThing]:
    query = "SELECT body, n FROM thing JOIN client ON client.no = client WHERE partition = ?"
    found: Counter[OpenThing] = Counter()
    for body, n in database.execute(query, (partition,)):
        found[thing_of(body)] += n
    return found


def cells_differ(database: sqlite3.Connection) -> list[Any]:
    """Cells that are not the sums of their shares."""
    summed: dict[tuple[int, int, int], list[Any]] = {}
    for *cell, value, n, pending in database.execute("SELECT series, day, who, value, n, pending FROM share"):
        held = summed.setdefault(tuple(cell), [0, 0, 0])
        if pending is None:
            held[0], held[1], held[2] = held[0] + int(value) * n, held[1] + n, max(held[2], abs(int(value)))
    held_cells = {
        tuple(cell): [int(total), n, top]
        for *cell, total, n, top in database.execute("SELECT series, day, who, total, n, top FROM cell")
    }
    days: dict[tuple[int, ...], list[Any]] = {}
    for (series, day, _), (total, n, top) in summed.items():
        one = days.setdefault((series, day), [0, 0, 0])
        one[0], one[1], one[2] = one[0] + total, one[1] + n, max(one[2], top)
    held_days = {
        tuple(day): [int(total), n, top]
        for *day, total, n, top in database.execute("SELECT series, day, total, n, top FROM daily")
    }
    return [*differing(held_cells, summed), *differing(held_days, days), *bins_differ(database)]


def sources(database: sqlite3.Connection, partition: int) -> dict[tuple[str, str, str], str]:
    """Where entities are from, by client, kind and id; without chats, of which the plain definition does not know."""
    query = (
        "SELECT key, kind, id, source.name FROM entity JOIN client ON client.no = client "
        "JOIN source ON source.no = source WHERE partition = ?"
    )
    found = {
        (key, KINDS[kind], identifier): name for key, kind, identifier, name in database.execute(query, (partition,))
    }
    return {name: source for name, source in found.items() if name[1] not in {"chat", "message"}}


def said(plain: PlainPartition) -> dict[tuple[str, str, str], str]:
    """What the events say that count."""
    found = {}
    for client in plain.clients.values():
        found |= {(client.client, *name): event.source for name, event in client.latest.items()}
        for lead, one in client.leads.items():
            found[client.client, "lead", lead] = one.latest.source if one.latest else ""
        for call, ring in client.ringing.items():
            found[client.client, "ring", call] = next(one.source for one in (ring.start, ring.answer) if one)
    return found


def differing(
    held_cells: Mapping[tuple[int, ...], list[Any]], summed: Mapping[tuple[int, ...], list[Any]]
) -> list[Any]:
    """Sums that are not those held; the greatest value may be one that is gone."""
    expected = {cell: one for cell, one in summed.items() if one[:2] != [0, 0]}
    return [
        (cell, held_cells.get(cell), expected.get(cell))
        for cell in held_cells.keys() | expected.keys()
        if held_cells.get(cell, [0, 0, 0])[:2] != expected.get(cell, [0, 0, 0])[:2]
        or held_cells[cell][2] < float(expected[cell][2]) * (1 - 1e-9)
    ]


def bins_differ(database: sqlite3.Connection) -> list[Any]:
    """Bins of durations that do not hold what the shares say."""
    expected: Counter[tuple[int, int, int]] = Counter()
    query = "SELECT code, series, day, value, share.n FROM share JOIN series ON no = series WHERE pending IS NULL"
    for code, series, day, value, n in database.execute(query):
        if code in DURATIONS:
            family = DURATIONS[code]
            number = sum(Fraction(int(value), family.scale) > bound for bound in family.bounds)
            expected[series, day, number] += n
    held = {tuple(key): n for *key, n in database.execute("SELECT series, day, number, n FROM bin")}
    return [] if held == expected else [(held, expected)]


def compare(kept: Kept, log: InMemoryLog) -> None:
    """Everything that the index holds, with the plain definition up to where it was read."""
    for number, records in log.topics["sales.events"].items():
        plain = told(records[: kept.keeper.next("sales.events", number)], number, kept.partitions, kept.rules)
        at = reached(kept.database).get(number)
        assert at is None or (at.time, at.heard) == (plain.time, plain.heard)
        first_day = kept_from(plain.time, kept.rules) if plain.time else 0
        expected = Counter(
            one._replace(pending=None) for one in plain.contributions() if kept.rules.day(one.time) >= first_day
        )
        found = shares(kept.database, number)
        assert found - expected == Counter()
        assert expected - found == Counter()
        assert things(kept.database, number) == Counter(plain.open_things())
        assert sources(kept.database, number) == said(plain)
    assert cells_differ(kept.database) == []


@pytest.mark.parametrize("seed", range(25))
def test_parts_of_clients_suffice(seed: int) -> None:
    """Clients of whom nothing is forgotten are never read whole, and what depends on each other is found."""
    rng = random.Random(seed)
    numbers = [(rng.randrange(len(KINDS_SENT)), *map(rng.randrange, (4, 16, 200, 2**50))) for _ in range(90)]
    log, zone = InMemoryLog(young([event(*one) for one in numbers]), 1), ZoneInfo(rng.choice(ZONES))
    with TemporaryDirectory() as folder:
        kept, end = Kept(folder, plain_rules(zone), 1, LATE), len(log.topics["sales.events"][0])
        while kept.keeper.next("sales.events", 0) < end:
            kept.read(log, rng.randrange(1, 5))
            compare(kept, log)


def young(mixture: list[Json]) -> list[Json]:
    """Only what nothing is forgotten of, so that a client is never read whole."""

    def is_young(one: Json) -> bool:
        created = datetime.fromisoformat(one["data"].get("created_at", one["time"]))
        return ANCHORS[0] - timedelta(days=100) < created < ANCHORS[0] + timedelta(days=200)

    return [one for one in mixture if is_young(one) and datetime.fromisoformat(one["time"]) < ANCHORS[9]]


@settings(LAW, max_examples=50)
@given(
    mixtures(60, least=2),
    zones(),
    st.sampled_from([1, 3]),
    CUTS,
    DELAYS,
    st.data(),
)
def test_index_is_the_plain_definition(
    mixture: list[Json], zone: ZoneInfo, partitions: int, cuts: list[int], later: list[int], data: st.DataObject
) -> None:
    """After every batch of whatever size, with restarts between any two."""
    with TemporaryDirectory() as folder:
        log = InMemoryLog(mixture, partitions, later=later)
        kept = Kept(folder, plain_rules(zone), partitions, LATE)
        left = cuts * (len(mixture) + 1)
        while any(
            kept.keeper.next("sales.events", number) < len(records)
            for number, records in log.topics["sales.events"].items()
        ):
            kept.read(log, left.pop(0))
            compare(kept, log)
            if data.draw(st.booleans()):
                kept.again()


def rank(row: PlainRow) -> tuple[Fraction, int]:
    """By which rows come: the largest, of equal ones the latest."""
    return abs(row.value), row.time or 0


def around(rows: list[PlainRow], value: Fraction, each: int) -> tuple[list[Fraction], int, int]:
    """Values of so many rows on either side of a percentile; how many of all are less, and how many come before."""
    values = sorted(row.value for row in rows)
    shorter = bisect_left(values, value)
    first = max(0, shorter - each)
    return values[first : shorter + each], shorter, first


def told_around(found: ExplainedNumber, each: int) -> tuple[list[Fraction], int | None, int]:
    """The same as the ledger says it."""
    return [row.value for row in found.rows], found.position, found.first


def assert_picked(found: ExplainedNumber, rows: list[PlainRow], limit: int) -> None:
    """The largest are there, or what is around a percentile."""
    if found.query.quantile and len(rows) > limit:
        assert told_around(found, limit) == around(rows, Fraction(found.total or ""), limit)
    elif found.query.family in OLDEST:  # any of those that are equally old, as all are whose wait is still to begin
        assert [row.value for row in found.rows] == [row.value for row in rows]
    else:
        assert [rank(row) for row in found.rows] == sorted(map(rank, rows), reverse=True)[:limit]


def place(row: PlainRow) -> tuple[str, str, str]:
    """Client, kind and id of the entity of a row; a cost is its own client."""
    return row.client or row.entity, row.kind, row.entity


@settings(LAW, max_examples=40)
@given(mixtures(50, least=10), zones(), st.sampled_from([1, 3]), MOMENTS, st.booleans(), st.data())
def test_answers_are_the_plain_rows(
    mixture: list[Json], zone: ZoneInfo, partitions: int, now: datetime, past: bool, data: st.DataObject
) -> None:
    """Every number that is shown is explained: total, count and rows, at any limit, now and as of then."""
    rules = plain_rules(zone)
    with TemporaryDirectory() as folder:
        log = InMemoryLog(mixture, partitions, REFERENCES)
        clock = now.timestamp() + (90_000 if past else 0)
        kept = Kept(folder, rules, partitions, clock)
        for _ in range(0, len(mixture), 20):
            kept.read(log, 20)
        contributions: list[Contribution] = []
        open_now: list[OpenThing] = []
        for number, records in log.topics["sales.events"].items():
            plain = told(records, number, partitions, rules)
            first_day = kept_from(plain.time, rules) if plain.time else 0
            contributions += [one for one in plain.contributions() if rules.day(one.time) >= first_day]
            open_now += plain.open_things()
        index = Index(kept.path, rules, lambda: clock)
        index_sources = {
            name: one for number in range(partitions) for name, one in sources(kept.database, number).items()
        }
        numbers = PlainShown(moment(now), rules, REFERENCE, past, clock=int(clock * 1000) * 1000)
        told_all = shown(contributions, open_now, REFERENCE, rules, moment(now), at=past, clock=numbers.clock)
        every = sorted(exposed(told_all))
        asked = [one for one in every if not past or dict(one.labels).get("window")]
        for one in data.draw(st.lists(st.sampled_from(asked), max_size=12)) if asked else []:
            query = query_of(one)
            match query.declared.source:
                case Source.CELLS:
                    rows = list(windowed_rows(query, contributions, numbers))
                case Source.PLAN:
                    rows = list(plan_rows(query, numbers))
                case _:
                    rows = list(open_rows(query, open_now, numbers))
            rows, all_rows = sorted(rows, key=lambda row: -abs(row.value)), rows
            rows = rows[: 1 if query.family in OLDEST else None]
            for limit in (1, 3, 1000):
                found = index.explain(query, now if past else None, limit)
                if query.quantile:
                    assert found.total is not None
                    assert float(found.total) == percentile(query, rows)
                else:
                    assert Fraction(found.total or "") == sum((row.value for row in rows), Fraction())
                assert (found.count, found.truncated) == (len(rows), len(rows) > len(found.rows))
                assert_picked(found, rows, limit)
                assert not Counter(found.rows) - Counter(all_rows)
                assert [index_sources.get(place(row)) for row in found.rows] == [
                    source if place(row) in index_sources else None
                    for row, source in zip(found.rows, found.sources, strict=True)
                ]
            if query.declared.source is Source.CELLS:
                today = rules.day(numbers.clock)
                days = today - data.draw(st.integers(0, 60)), today - data.draw(st.integers(0, 3))
                of_days = PlainShown(moment(now), rules, REFERENCE, past, clock=numbers.clock)
                of_days.windows = [PlainWindow(query.window, query.period, *days, 0, 1 << 62)]
                rows = list(windowed_rows(query, contributions, of_days))
                found = index.explain(query, now if past else None, 1000, days)
                assert found.count == len(rows)
                assert query.quantile or Fraction(found.total or "") == sum((row.value for row in rows), Fraction())
                assert Counter(row for piece in index.entities(query, days) for row, _ in piece) == Counter(rows)
        index.close()


@settings(LAW, max_examples=25)
@given(mixtures(25, least=5), st.lists(placements(), min_size=25, max_size=25), zones(), CUTS)
def test_each_record_counts_once_wherever_it_lies(
    mixture: list[Json], places: list[tuple[int, str, bool]], zone: ZoneInfo, cuts: list[int]
) -> None:
    """Records on the wrong partition, keys of any spelling, binary mode, and copies written twice."""
    topic, log = ManyLogs(), InMemoryLog([], COUNT)
    run(topic, [Sent(one, *place) for one, place in zip(mixture, places, strict=False)], zone, [])
    log.topics["sales.events"] = dict(enumerate(topic.logs))
    with TemporaryDirectory() as folder:
        kept = Kept(folder, plain_rules(zone), COUNT, LATE)
        for cut in [*cuts, 1000]:
            kept.read(log, cut)
            compare(kept, log)
