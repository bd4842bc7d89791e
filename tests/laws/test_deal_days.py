"""The law of what the ledger keeps for forecasts: which deals were open as each day began, by what was said before."""

from collections import Counter, defaultdict
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from producers.events import wire
from streams.ledger.deal_days import stays
from streams.plain import PlainPartition, PlainRules
from streams.plain.exact import moment, ten_thousandths, version
from streams.plain.kept import kept_from
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, KINDS, Json, encode, event, zones
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES
from tests.laws.test_ledger import CUTS, LATE, young
from tests.laws.test_streamed import LAW
from tests.support.ledgers import Kept

DEALS = [number for number, kind in enumerate(KINDS) if kind.startswith("deal.")]
_RATE = {"currency": "USD", "date": "2020-01-01", "rate": "81.25"}
REFERENCE = PlainReference.of(
    [
        wire.decode_reference(encode(one | ({"data": _RATE} if one["type"] == "sales.rate.set.v1" else {})))
        for one in REFERENCES
    ],
    "RUB",
)
"""Without any rate of euros, and one of dollars for all days."""
Day = tuple[Any, ...]
"""A day as it began, and what an open deal was on it and came to."""


def deals(size: int) -> st.SearchStrategy[list[Json]]:
    """Events of four deals, whose versions come in any order and whenever."""
    numbers = (st.sampled_from(DEALS), st.integers(0, 3), st.integers(0, len(ANCHORS) - 1), st.integers(0, 200))
    rows = st.lists(st.tuples(*numbers, st.integers(0, 2**50)), min_size=2, max_size=size)
    return rows.map(lambda found: [event(*row) for row in found])


def naively(
    records: list[Any], number: int, partitions: int, rules: PlainRules, last: int
) -> tuple[Counter[Day], int, bool]:
    """Each day by itself from all that was said before it, the first day kept, and whether that cannot be had.

    It is not of a deal that was forgotten, or of which an older version comes late by more than what is kept.
    """
    partition, places = PlainPartition(rules), PlainPlaces(number, partitions)
    said: defaultdict[str, list[Any]] = defaultdict(list)
    is_lost = False
    for record in records:
        placed = places.judge(record)
        if placed.verdict == COUNTS:
            outcome = partition.take(placed.event)
            is_lost |= outcome == "stale" and rules.day(moment(placed.event.time)) < kept_from(partition.time, rules)
            said[placed.event.data.deal_id].append(placed.event)
    known = {name[1]: one for client in partition.clients.values() for name, one in client.latest.items()}
    finals = {deal: max(versions, key=version) for deal, versions in said.items()}
    first = kept_from(partition.time, rules) if partition.time else 0
    found: Counter[Day] = Counter()
    for deal, versions in said.items():
        for day in range(max(first, min(rules.day(moment(one.time)) for one in versions)), last + 1):
            before = [one for one in versions if rules.day(moment(one.time)) < day]
            held = max(before, key=version, default=None)
            if held is not None and getattr(held.data, "status", "") == "open":
                found[day, *_open(held.data, rules), *_won(finals[deal], rules)] += 1
    return found, first, is_lost or any(known.get(deal) != final for deal, final in finals.items())


def _open(data: Any, rules: PlainRules) -> tuple[Any, ...]:
    team = REFERENCE.team(data.manager_id, data.team_id or "")
    return team, data.pipeline, data.stage, rules.day(moment(data.created_at)), _base(data)


def _won(final: Any, rules: PlainRules) -> tuple[Any, ...]:
    data = final.data
    if getattr(data, "status", "") != "won":
        return "", None, 0
    return REFERENCE.team(data.manager_id, data.team_id or ""), rules.day(moment(data.closed_at)), _base(data)


def _base(data: Any) -> float:
    rate = {"RUB": Fraction(1), "USD": Fraction("81.25")}.get(data.currency, 0)
    return float(round(ten_thousandths(data.amount) * rate))


def kept_of(kept: Kept, first: int, last: int) -> Counter[Day]:
    """What the index holds, day by day."""
    return Counter(
        (day, *one[:4], *one[6:])
        for one in stays(kept.database, REFERENCE, last)
        for day in range(max(first, one.first), one.end)
    )


@settings(LAW, max_examples=60)
@given(deals(40), zones(), st.sampled_from([1, 3]), CUTS, st.booleans(), st.data())
def test_days_are_what_was_said_before_them(
    mixture: list[Json], zone: ZoneInfo, partitions: int, cuts: list[int], is_young: bool, data: st.DataObject
) -> None:
    """In any order, late, corrected, deleted, twice, in batches of any size, with restarts between any two."""
    log, rules = InMemoryLog(young(mixture) if is_young else mixture, partitions), plain_rules(zone)
    with TemporaryDirectory() as folder:
        kept, left = Kept(folder, rules, partitions, LATE), cuts * (len(mixture) + 1)
        records = log.topics["sales.events"]
        while any(kept.keeper.next("sales.events", number) < len(held) for number, held in records.items()):
            kept.read(log, left.pop(0))
            if data.draw(st.booleans()):
                kept.again()
        last = rules.day(int(ANCHORS[-1].timestamp() * 1e6)) + 3
        told = [naively(held, number, partitions, rules, last) for number, held in records.items()]
        assume(not any(is_lost for *_, is_lost in told))
        first = max(first for _, first, _ in told)
        expected = sum((found for found, *_ in told), Counter())
        assert kept_of(kept, first, last) == Counter({one: n for one, n in expected.items() if one[0] >= first})
