"""`python -m tests.soak`: a simulated day in fast motion, a worker killed every hour; prints what came of it."""

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.day import Day

parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
parser.add_argument("--events", type=int, default=5_200_000, help="in the whole day, about")
parser.add_argument("--hours", type=int, default=24, help="simulated ones; a kill in each")
parser.add_argument("--hour-seconds", type=float, default=25.0, help="how long a simulated hour lasts")
parser.add_argument("--managers", type=int, default=300)
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory", help="where workers keep clients")
parser.add_argument("--profile", choices=("load", "wall"), default="load", help="the simulator's")


def tell(text: str) -> None:
    """Say it at once, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def main() -> int:
    """Print progress, then the verdict as Markdown. 0 when no number differs."""
    asked = parser.parse_args()
    tell(f"{asked.events:,} events, {asked.hours} hours, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="sales-pulse-soak-") as folder:
        found = Day(Path(folder), tell=tell, **vars(asked)).run()
    print("\n".join(found.memory.table(asked.hours)))
    print(
        f"\n{found.sent:,} events, {found.kills} kills, {found.crashes} workers ended by themselves; audit: "
        f"{'no difference' if found.is_equal else 'DIFFERENCES'} in {found.audit['compared']}; {found.seconds:.0f} s"
    )
    print(
        f"\nstanding audit: all that is shown proved {found.proofs} times, {len(found.differences)} differences;"
        f" a number made wrong was found after {found.found_after:.0f} s: {found.found}"
    )
    is_proved = found.proofs and not found.differences and found.found
    return 0 if found.is_equal and found.kills == asked.hours and not found.crashes and is_proved else 1


sys.exit(main())
