"""The law of windows that begin or end within a local day, on days full of events, where the sums of days do not help.

And of the largest entities where many are equally large, of one day and of several.
"""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metrics.catalogue import BY_EXPOSED
from streams.ledger.answers import Index
from streams.plain import Contribution, PlainRules
from streams.plain.exact import moment
from streams.plain.rows import PlainQuery, PlainRow, windowed_rows
from streams.plain.shown import PlainShown
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import Json
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES
from tests.laws.test_ledger import REFERENCE, assert_picked, rank, told
from tests.support.ledgers import Kept

FIRST = datetime(2026, 10, 23, 12, tzinfo=UTC)
"""Before the night in which clocks go back in Berlin."""
HOURS = 80
FAMILIES = ("sales_calls", "sales_revenue_amount", "sales_response_seconds", "sales_team_response_seconds_bucket")


def events(rng: random.Random) -> list[Json]:
    """Some every few minutes, of few people; amounts and durations of which many are the same."""
    found = []
    for n in range(600):
        time = FIRST + timedelta(seconds=rng.randrange(HOURS * 3600) // 7 * 7)
        who = {"client_id": f"c-{n % 40}", "manager_id": f"m-{rng.randrange(4)}", "team_id": f"t-{rng.randrange(2)}"}
        if n % 3:
            took = rng.choice((5, 20, 20, 90))
            at = (time - timedelta(seconds=200)).isoformat()
            answered = (time - timedelta(seconds=200 - took)).isoformat()
            call = {"call_id": f"k{n}", "direction": "inbound", "started_at": at, "answered_at": answered}
            type_, data = "call.ended", {**who, **call, "outcome": "answered"}
        else:
            money = {"amount": rng.choice(("10", "10", "99.99", "7000")), "currency": rng.choice(("RUB", "USD"))}
            type_, data = "payment.received", {**who, **money, "payment_id": f"p{n}"}
        head = {"specversion": "1.0", "id": f"e{n}", "source": "crm://a", "type": f"sales.{type_}.v1"}
        found.append({**head, "time": time.isoformat(), "data": data})
    return sorted(found, key=lambda one: str(one["time"]))


def asked(rng: random.Random, family: str, window: str, period: str) -> PlainQuery:
    """The company's, a team's or a person's; of durations as a rule a share of them."""
    labels: dict[str, str] = {}
    if family.endswith("_bucket"):
        labels["le"] = rng.choice(BY_EXPOSED[family].le)
    manager, team = rng.choice(((None, None), (f"m-{rng.randrange(4)}", None), (None, f"t-{rng.randrange(2)}")))
    return PlainQuery(family, labels, manager, team, window, period)


@pytest.mark.parametrize("seed", range(4))
def test_parts_of_days_are_the_plain_rows(seed: int) -> None:
    rng = random.Random(seed)
    rules, log = plain_rules(ZoneInfo("Europe/Berlin")), InMemoryLog(events(rng), 1, REFERENCES)
    end = FIRST + timedelta(hours=HOURS)
    with TemporaryDirectory() as folder:
        kept = Kept(folder, rules, 1, end.timestamp())
        for _ in range(0, 600, 200):
            kept.read(log, 200)
        contributions = list(told(log.topics["sales.events"][0], 0, 1, rules).contributions())
        for _ in range(5):
            now, is_past = FIRST + timedelta(seconds=rng.randrange(30, HOURS) * 3600), rng.random() < 0.4
            _compare(rng, kept, contributions, rules, now, end if is_past else now)
        kept.database.close()


def _compare(
    rng: random.Random, kept: Kept, contributions: list[Contribution], rules: PlainRules, now: datetime, clock: datetime
) -> None:
    """All windows of a moment, some of which hold parts of days alone."""
    is_past = clock > now
    index = Index(kept.path, rules, clock.timestamp)
    shown = PlainShown(moment(now), rules, REFERENCE, is_past, clock=moment(clock))
    for window in shown.windows:
        for family in FAMILIES:
            if window.window not in BY_EXPOSED[family].windows:
                continue
            query: Any = asked(rng, family, window.window, window.period)
            rows = list(windowed_rows(query, contributions, shown))
            for limit in (1, 5, 1000):
                found = index.explain(query, now if is_past else None, limit)
                assert (found.count, Fraction(found.total or "")) == (
                    len(rows),
                    sum((row.value for row in rows), Fraction()),
                )
                assert [rank(row) for row in found.rows] == sorted(map(rank, rows), reverse=True)[:limit]
                assert not Counter(found.rows) - Counter(rows)
            if query.declared.name == "sales_response_seconds" and rows:
                durations = replace(query, family="sales_response_seconds", labels={"quantile": "0.9"})
                rows = list(windowed_rows(durations, contributions, shown))
                _compare_around(index, durations, rows, now if is_past else None)
    index.close()


def _compare_around(index: Index, query: PlainQuery, rows: list[PlainRow], at: datetime | None) -> None:
    """Of a percentile those on either side of it, of whole days and of parts of some."""
    for each in (1, 4, 30):
        found = index.explain(query, at, each)
        assert_picked(found, rows, each)
        assert not Counter(found.rows) - Counter(rows)
