"""Scrape time, size and CPU of the exporter by number of managers, while events come in.

Run: python -m tests.bench.exporter [managers…]
"""

import random
import statistics
import sys
import time

from metrics.exporter.board import Board
from metrics.measure import key
from metrics.settings import ExporterSettings
from metrics.view import Field

PARTITIONS = 8
DAYS = 400
SCRAPES = 20


def part(rng: random.Random) -> dict[str, int]:
    """A day's share of one manager in one partition, with every family."""
    found = {key("c", d, o): rng.randint(1, 9) for d in ("inbound", "outbound") for o in ("answered", "missed")}
    for channel, kind in (("call", "first"), ("chat", "first"), ("chat", "next")):
        for code in "rb":
            found |= {key(code, channel, kind, str(n)): rng.randint(1, 5) for n in rng.sample(range(14), 5)}
            found[key(code, channel, kind, "s")] = rng.randint(10**7, 10**9)
    for channel in ("call", "chat"):
        found |= {key("d", channel): 5, key("t", channel): 4}
    for pipeline in ("retail", "b2b"):
        found |= {key("dx", pipeline, "won"): 1, key("dx", pipeline, "lost"): 2, key("dc", pipeline): 3}
        found |= {key(code, pipeline, "RUB"): rng.randint(10**6, 10**9) for code in ("wa", "ra", "pa", "ka")}
        found |= {key("dd", pipeline, "4"): 1, key("dd", pipeline, "s"): 10**12, key("rd", pipeline): 1}
    found |= {key("rv", "RUB"): 10**8, key("gs"): 14, key("gc"): 3, key("co", "ads", "RUB"): 10**7, key("m"): 2}
    return found


def filled(managers: int, now: float, rng: random.Random) -> Board:
    """A board with 400 days of history: each manager on one partition a day, on all of them today."""
    board = Board(ExporterSettings(_env_file=None))
    today = board.local(now).toordinal()
    samples = [part(rng) for _ in range(50)]
    for m in range(managers):
        for day in range(today - DAYS, today):
            board.put(("d", day), Field(day % PARTITIONS, f"m-{m}", f"team-{m % 20}"), rng.choice(samples))
        for partition in range(PARTITIONS):
            touch(board, now, m, partition, samples, rng)
    return board


def touch(board: Board, now: float, m: int, partition: int, samples: list[dict[str, int]], rng: random.Random) -> None:
    """A new share of one manager for the running minute, hour and day."""
    today = board.local(now).toordinal()
    for bucket in (("d", today), ("h", int(now) // 3600 * 3600), ("m", int(now) // 60 * 60)):
        board.put(bucket, Field(partition, f"m-{m}", f"team-{m % 20}"), rng.choice(samples))


def main() -> None:
    """Print one row per number of managers."""
    print("| managers | series | MB | first, s | scrape p50 s | p99 s | scrape CPU s | apply + scrape, % of a core |")
    print("|---|---|---|---|---|---|---|---|")
    for managers in [int(argument) for argument in sys.argv[1:]] or [50, 300, 1000]:
        rng, now = random.Random(1), 1_795_442_559.0
        board = filled(managers, now, rng)
        samples = [part(rng) for _ in range(50)]
        began = time.perf_counter()
        text = b"".join(board.exposition(now))
        first = time.perf_counter() - began
        taken, worked, busy = [], [], time.process_time()
        for _ in range(SCRAPES):
            now += 15
            # 15 s at 5,000 events/s touch every manager on most partitions.
            for m in range(managers):
                for partition in range(PARTITIONS):
                    touch(board, now, m, partition, samples, rng)
            board.refresh(now)
            began, used = time.perf_counter(), time.process_time()
            text = b"".join(board.exposition(now))
            taken.append(time.perf_counter() - began)
            worked.append(time.process_time() - used)
        share = (time.process_time() - busy) / SCRAPES / 15
        taken.sort()
        print(
            f"| {managers} | {text.count(b'sales_')} | {len(text) / 1e6:.1f} | {first:.2f} | "
            f"{statistics.median(taken):.3f} | {taken[-1]:.3f} | {statistics.median(worked):.3f} | {share:.1%} |"
        )


if __name__ == "__main__":
    main()
