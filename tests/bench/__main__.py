"""`python -m tests.bench`: how fast everything is, as ratios in one run.

What is measured runs alone on one core; Kafka, Redis and this program have the others. CPU seconds are those of the
measured processes, from their first record until everything is committed.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from tests.bench import compare, growth, latency, others, scale, stages
from tests.bench.results import Results, tables, versions
from tests.bench.stand import Asked, stand

PARTS = {
    "peers": compare.measure,
    "full": compare.full,
    "stages": stages.measure,
    "growth": growth.measure,
    "memory": growth.memory,
    "flat": growth.flat,
    "restore": growth.restore,
    "scale": scale.measure,
    "latency": latency.measure,
    "scrape": others.scrape,
    "import": others.imports,
}


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    ask.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    ask.add_argument("--peers", default=",".join(compare.PEERS), help="engines to stand beside, separated by commas")
    ask.add_argument("--events", type=int)
    ask.add_argument("--repeats", type=int)
    ask.add_argument("--days", type=float, default=0.125, help="event time that the peers' events cover")
    ask.add_argument("--core", type=int, default=0)
    ask.add_argument("--quick", action="store_true", help="small counts, one repeat: does it all work?")
    ask.add_argument("--flat", type=float, default=0, help="minutes of steady load over which memory is watched")
    ask.add_argument("--store", choices=("memory", "rocksdb"), default="memory", help="where clients lie for --flat")
    ask.add_argument("--results", type=Path, help="file to append to, one JSON line a row")
    given = ask.parse_args()
    wanted = given.only.split(",")
    peers = tuple(filter(None, given.peers.split(",")))
    for name in {*wanted, *peers} - {*PARTS, *compare.PEERS}:
        ask.error(f"there is no {name}; parts: {', '.join(PARTS)}; peers: {', '.join(compare.PEERS)}")
    asked = Asked(
        events=given.events or (20_000 if given.quick else 200_000),
        repeats=given.repeats or (1 if given.quick else 3),
        core=given.core,
        peers=peers,
        is_quick=given.quick,
        flat_minutes=given.flat,
        store=given.store,
        days=given.days,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    results = Results(given.results)
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    print(f"load average {os.getloadavg()[0]:.1f}; {asked.repeats} repeats", flush=True)
    began = time.monotonic()
    with stand(asked, results) as place:
        for part in wanted:
            PARTS[part](place)
    print(f"\n{tables(results.rows)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
