"""Scrapes of a real exporter over HTTP, fed through a real Redis by a steady stream of events.

    python -m tests.bench.exporter 1000 --scrapes 60 --every 15

Every manager has 400 days of history, of 57 events a day, and all of them are at work: 5,000 events/s of the benches'
mix change the cells of the running minute, hour and day. Scrapes come right after each full minute and at steady
intervals from there, so that a quarter of those every 15 s meets a turn of the minute.
"""

import argparse
import http.client
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from tests.bench.floor import APP, feed
from tests.support.servers import redis_server

AFTER_THE_MINUTE = 0.2
WARM_UP = 4
"""Scrapes that are not counted: the first renders everything, and the pace is learnt from three."""


def scrape(port: int, encoding: str, query: str) -> tuple[float, int]:
    """Seconds to the last byte, and bytes sent."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/metrics{query}", headers={"Accept-Encoding": encoding})
    answer, size = connection.getresponse(), 0
    while some := answer.read(1 << 20):
        size += len(some)
    connection.close()
    return time.perf_counter() - began, size


def series(port: int) -> int:
    """How many series there are, on all pages together."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    answer = connection.getresponse().read()
    connection.close()
    return sum(not line.startswith(b"#") for line in answer.splitlines())


def wait_until_ready(port: int) -> None:
    """Until the view is loaded and fresh."""
    for _ in range(600):
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError("the exporter did not become ready")


def measure(port: int, pid: int, asked: argparse.Namespace) -> None:
    """Scrape regularly; print one row."""
    next_at, taken, size = math.ceil(time.time() / 60) * 60 + AFTER_THE_MINUTE, [], 0
    exporter, used, began = psutil.Process(pid), 0.0, 0.0
    for n in range(WARM_UP + asked.scrapes):
        time.sleep(max(0.0, next_at - time.time()))
        seconds, size = scrape(port, asked.encoding, asked.query)
        at_turn, next_at = next_at % 60 < 1, next_at + asked.every
        if n >= WARM_UP:
            taken.append((seconds, at_turn))
        if n == WARM_UP - 1:
            used, began = sum(exporter.cpu_times()[:2]), time.time()
    share = (sum(exporter.cpu_times()[:2]) - used) / (time.time() - began)
    every, turns = sorted(s for s, _ in taken), [s for s, turn in taken if turn]
    p99 = every[math.ceil(len(every) * 0.99) - 1]
    cells = [
        str(asked.managers),
        asked.encoding + asked.query,
        f"{size / 1e6:.1f}",
        *(f"{1000 * seconds:.0f}" for seconds in (statistics.median(every), p99, every[-1])),
        f"{1000 * max(turns, default=0):.0f} ({len(turns)})",
        f"{share:.1%}",
        f"{exporter.memory_info().rss / 1e6:.0f}",
        f"{os.getloadavg()[0]:.1f}",
    ]
    print("|", " | ".join(cells), "|", flush=True)


@contextmanager
def exporter(
    folder: Path, managers: int, teams: int, rate: int, *, everything: bool = False
) -> Iterator[tuple[str, Program]]:
    """host:port of a real exporter that is fed, and its process. everything: each manager has all there is each day."""
    port = free_port()
    with redis_server(folder) as redis:
        feeding = multiprocessing.get_context("spawn").Process(
            target=feed, args=(redis.url, managers, teams, rate, everything), daemon=True
        )
        feeding.start()
        env = os.environ | {"SALES_REDIS_URL": redis.url, "SALES_APP_ID": APP}
        argv = [str(Path(sys.executable).parent / "sales-pulse"), "exporter", "--listen", f"127.0.0.1:{port}"]
        program = Program("exporter", argv, log=folder / "exporter.log", env=env)
        program.start_process()
        try:
            wait_until_ready(port)
            yield f"127.0.0.1:{port}", program
        finally:
            program.stop()
            feeding.terminate()


def main() -> None:
    """Print one row for each way of asking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("managers", type=int, nargs="?", default=1000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--scrapes", type=int, default=60)
    parser.add_argument("--every", type=float, default=15)
    parser.add_argument("--encoding", default="gzip", help="gzip or identity")
    parser.add_argument("--everything", action="store_true", help="each manager has all there is on each day")
    parser.add_argument("--query", default="", help="like ?window=now&window=day")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        exporter(Path(folder), asked.managers, asked.teams, asked.rate, everything=asked.everything) as (
            address,
            program,
        ),
    ):
        port = int(address.rpartition(":")[2])
        print("| managers | asked for | MB | p50 ms | p99 ms | max ms | at a turn, max ms | CPU | RSS MB | load |")
        print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
        measure(port, program.pid, asked)
        # All of it at once as plain text takes memory that scrapes do not.
        print(f"{series(port):,} series", flush=True)


if __name__ == "__main__":
    main()
