"""The ledger on a simulated floor: events per CPU-second as it catches up, disk, memory, and how long answers take.

    python -m tests.bench.ledger --managers 120 --days 370 --folder /var/tmp/ledger

The log is generated and taken in memory, without Kafka, in transactions as the ledger makes them when it catches up.
Answers: milliseconds of the processor (what a quiet machine takes) and of the clock, over random people and days.
"""

import argparse
import os
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from metrics.settings import BusinessSettings
from producers.partitioner import partition_for
from producers.simulator.floor import Setup, SimulatedFloor, key_of
from streams.ledger.answers import Index
from streams.ledger.keeper import Keeper
from streams.ledger.schema import create, fingerprint
from streams.plain import PlainRules
from streams.plain.rows import PlainQuery
from tests.laws.replay import Rec

PARTITIONS = 8
AT_ONCE = 10_000
DAY = 86_400
TOLD = 200_000
"""After so many events it is told how fast the last ones went."""


class LedgerQuestion(NamedTuple):
    """A question: whose numbers, of how many days, at most how many entities."""

    family: str
    level: str
    days: int
    labels: Mapping[str, str]
    limit: int = 1_000


QUESTIONS = [
    *(LedgerQuestion(family, *scope, {}) for family in ("sales_calls", "sales_won_amount")
      for scope in (("manager", 1), ("manager", 365), ("team", 91), ("company", 365))),
    LedgerQuestion("sales_response_seconds", "company", 365, {}),
    LedgerQuestion("sales_response_seconds", "team", 91, {"quantile": "0.9"}, 20_000),
    LedgerQuestion("sales_response_seconds", "company", 365, {"quantile": "0.9"}, 20_000),
    LedgerQuestion("sales_team_response_seconds_bucket", "company", 365, {"le": "60.0"}),
]  # fmt: skip


def batches(managers: int, days: int, now: int) -> Iterator[dict[tuple[str, int], list[Rec]]]:
    """What the ledger would read at once: what Kafka's client hands on is of one partition, then of another."""
    end, ends = now * 10**6, Counter[int]()
    held: defaultdict[int, list[Rec]] = defaultdict(list)
    for _, event in SimulatedFloor(Setup(seed=1, managers=managers)).events(end - days * DAY * 10**6, end):
        key = key_of(event).encode()
        number = partition_for(key, PARTITIONS)
        held[number].append(Rec(ends[number], key, msgspec.json.encode(event), now * 1000))
        ends[number] += 1
        if len(held[number]) == AT_ONCE:
            yield {("sales.events", number): held.pop(number)}
    for number, records in held.items():
        yield {("sales.events", number): records}


def build(path: Path, rules: PlainRules, managers: int, days: int, now: int) -> int:
    """Take all of the log; prints what it costs. Says how many events there were."""
    keeper = Keeper(
        create(path, fingerprint(rules, PARTITIONS), {}), rules, PARTITIONS, "sales.events", clock=lambda: now
    )
    done = last = 0
    spent = before = 0.0
    for parts in batches(managers, days, now):
        began = time.process_time()
        keeper.take(parts)
        spent += time.process_time() - began
        done += sum(map(len, parts.values()))
        if done - last >= TOLD:
            print(
                f"{done:>12,} events: {(done - last) / (spent - before):>8,.0f} per CPU-second {_state()}", flush=True
            )
            last, before = done, spent
    size = sum(one.stat().st_size for ending in ("", "-wal") if (one := Path(f"{path}{ending}")).exists())
    print(f"{done:,} events: {done / spent:,.0f} per CPU-second, {size / done:.0f} bytes each on disk {_state()}")
    return done


def ask(path: Path, rules: PlainRules, now: int, times: int) -> None:
    """Ask everything so many times, and print p50 and p99."""
    index, rng = Index(path, rules, lambda: float(now)), random.Random(1)
    with index.reading() as database:
        people = database.execute("SELECT manager, team FROM who WHERE team <> '' AND manager <> 'unknown'").fetchall()
    today = rules.local(now * 10**6 - 1).date().toordinal()
    for one in QUESTIONS:
        took: list[tuple[float, float]] = []
        for _ in range(times):
            manager, team = rng.choice(people)
            whose = {"manager": (manager, None), "team": (None, team)}.get(one.level, (None, None))
            last = today - rng.randrange(max(1, 366 - one.days))
            query = PlainQuery(one.family, one.labels, *whose, "day")
            cpu, clock = time.process_time(), time.perf_counter()
            found = index.explain(query, None, one.limit, (last - one.days + 1, last), 1_000)
            found.as_json()
            took.append((time.process_time() - cpu, time.perf_counter() - clock))
        told = " ".join(
            f"{name} {_ms(took, at, 0.5)}, {_ms(took, at, 0.99)}" for at, name in enumerate(("CPU", "clock"))
        )
        labels = " ".join(one.labels.values())
        print(
            f"{one.family} {labels} {one.level} {one.days} days: {found.count:,} entities; ms p50, p99: {told}",
            flush=True,
        )
    index.close()


def _ms(took: list[tuple[float, float]], at: int, share: float) -> str:
    ordered = sorted(one[at] for one in took)
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f}"


def _state() -> str:
    return f"({resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, load {os.getloadavg()[0]:.1f})"


def main() -> None:
    """Build in a folder, unless there is an index, and ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger", description=__doc__)
    parser.add_argument("--managers", type=int, default=40)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--times", type=int, default=100, help="each question is asked")
    parser.add_argument("--folder", type=Path, help="keeps the index; one that is there is asked only")
    asked = parser.parse_args()
    rules, now = PlainRules.of(BusinessSettings(_env_file=None)), int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    with tempfile.TemporaryDirectory(prefix="sales-pulse-ledger-") as folder:
        path = (asked.folder or Path(folder)) / "ledger.sqlite"
        if not path.exists():
            build(path, rules, asked.managers, asked.days, now)
        ask(path, rules, now, asked.times)


if __name__ == "__main__":
    main()
