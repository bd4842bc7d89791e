"""Scrape and import, as parts of the whole bench."""

import resource
import sys
import time

from tests.bench import engine, workload
from tests.bench.engine import BenchError
from tests.bench.results import Value
from tests.bench.stand import Stand
from tests.support.workers import COMMAND

SCRAPE = "Scrape of the exporter, by managers"
IMPORT = "Import of a file of events"


def scrape(stand: Stand) -> None:
    """tests/bench/exporter.py on the measured core; a row of its table each."""
    counts, scrapes = (("50",), "4") if stand.asked.is_quick else (("50", "300", "1000"), "20")
    for count in counts:
        argv = [sys.executable, "-m", "tests.bench.exporter", count, "--scrapes", scrapes, "--every", "5"]
        done = engine.output(argv, stand.asked.core)
        lines = [
            [cell.strip() for cell in line.strip("| ").split("|")] for line in done.splitlines() if line[:1] == "|"
        ]
        if len(lines) != 3:
            raise BenchError(f"the exporter's bench gave no table: {done[-2000:]}")
        figures: dict[str, Value] = dict(zip(lines[0][1:], lines[2][1:], strict=True))
        stand.results.add(SCRAPE, f"{count} managers", figures)


def imports(stand: Stand) -> None:
    """`sales-pulse import` of JSON Lines, from its start to its end."""
    file = stand.folder / "events.jsonl"
    with file.open("wb") as out:
        out.writelines(value + b"\n" for _, value in workload.events(stand.asked.events, full=True, days=30))
    runs: list[tuple[float, float]] = []
    for n in range(stand.asked.repeats):
        settings = stand.empty()
        with stand.house(settings) as place:
            argv = [*COMMAND[:-1], "import", str(file), "--rejects", str(stand.folder / f"rejects-{n}")]
            began, used = time.perf_counter(), _children()
            engine.output(argv, stand.asked.core, place.environment)
            runs.append((_children() - used, time.perf_counter() - began))
    size = f"{stand.asked.events:,} events of all types, from the start of the command to its end"
    count = stand.asked.events
    stand.results.add(
        IMPORT,
        "sales-pulse import, JSON Lines",
        {
            "events per CPU-second": [count / cpu for cpu, _ in runs],
            "events per second": [count / wall for _, wall in runs],
        },
        size,
    )


def _children() -> float:
    """CPU seconds of all programs that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
