"""Scrapes of a real exporter over HTTP, fed through a real Redis by a steady stream of events.

    python -m tests.bench.exporter 1000 --scrapes 60 --every 15

Every manager has 400 days of history with every family, and all of them are at work: 5,000 events/s of the benches'
mix change the cells of the running minute, hour and day. Scrapes come right after each full minute and at steady
intervals from there, so that a quarter of those every 15 s meets a turn of the minute. `--target` only keeps the
exporter fed and prints its address, for somebody else's Prometheus.
"""

import argparse
import http.client
import math
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from redis import Redis

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from metrics import view
from metrics.measure import key
from tests.support.servers import redis_server

APP = "bench"
PARTITIONS = 8
DAYS = 400
AFTER_THE_MINUTE = 0.2
WARM_UP = 4
"""Scrapes that are not counted: the first renders everything, and the pace is learnt from three."""


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


def event(rng: random.Random) -> dict[str, int]:
    """What one event adds: 45 % calls, 25 % chat messages, 20 % closed deals, 10 % payments."""
    kind = rng.random()
    if kind < 0.7:
        channel = "call" if kind < 0.45 else "chat"
        found = {key("d", channel): 1, key("t", channel): 1}
        if channel == "call":
            found[key("c", rng.choice(("inbound", "outbound")), rng.choice(("answered", "missed")))] = 1
        first = "first" if channel == "call" else rng.choice(("first", "next"))
        for code in "rb":
            found |= {key(code, channel, first, str(rng.randrange(14))): 1, key(code, channel, first, "s"): 10**7}
        return found
    if kind < 0.9:
        pipeline, outcome = rng.choice(("retail", "b2b")), rng.choice(("won", "lost"))
        found = {key("dx", pipeline, outcome): 1, key("dc", pipeline): 1}
        if outcome == "won":
            found |= {key(code, pipeline, "RUB"): rng.randint(10**6, 10**9) for code in ("wa", "pa", "ka")}
            found |= {key("dd", pipeline, str(rng.randrange(8))): 1, key("dd", pipeline, "s"): 10**12}
        return found
    return {key("rv", "RUB"): rng.randint(10**6, 10**9)}


class Floor:
    """Writes what workers would, straight into Redis."""

    def __init__(self, url: str, managers: int) -> None:
        self._redis = Redis.from_url(url)
        self._keys = view.Keys(APP)
        self._rng = random.Random(1)
        self._managers = managers
        self._parts: dict[str, dict[bytes, dict[str, int]]] = {}
        self._fence = 0
        self._hashes: dict[int, set[str]] = {}

    def past(self) -> None:
        """400 days: each manager on one partition a day."""
        samples = [view.fenced(0, view.encode_part(part(self._rng))) for _ in range(50)]
        today = datetime.now(UTC).toordinal()
        for day in range(today - DAYS, today):
            number = day % PARTITIONS
            parts = {self._field(m, number): self._rng.choice(samples) for m in range(self._managers)}
            self._redis.hset(self._keys.cells("d", day, number), mapping=parts)
            self._count(self._keys.cells("d", day, number), len(parts))
        self._redis.set(self._keys.generation, "1")
        empty = view.fenced(0, view.encode_waiting([]))
        for lists in (self._keys.waiting, self._keys.unanswered):
            self._redis.hset(lists, mapping={str(n): empty for n in range(PARTITIONS)})
        self._beat()

    def _count(self, name: str, fields: int) -> None:
        manifest, bucket = self._keys.counted(name)
        self._redis.hset(manifest, bucket, fields)
        self._hashes.setdefault(int(name.rpartition(":")[2]), set()).add(name)

    def run(self, rate: int) -> None:
        """Events until somebody ends the process."""
        began, sent = time.time(), 0
        while True:
            due = int((time.time() - began) * rate) - sent
            self._write(due)
            sent += due
            self._beat()
            time.sleep(0.2)

    def _field(self, m: int, partition: int) -> bytes:
        return view.field(partition, f"m-{m}", f"team-{m % 20}")

    def _write(self, events: int) -> None:
        now, changed = int(time.time()), {}
        self._fence += 1
        places = [("m", now // 60 * 60), ("h", now // 3600 * 3600), ("d", datetime.now(UTC).toordinal())]
        names = {number: [self._keys.cells(*place, number) for place in places] for number in range(PARTITIONS)}
        for gone in self._parts.keys() - {name for some in names.values() for name in some}:
            del self._parts[gone]
        for _ in range(events):
            number = self._rng.randrange(PARTITIONS)
            field = self._field(self._rng.randrange(self._managers), number)
            adds = event(self._rng)
            for name in names[number]:
                mine = self._parts.setdefault(name, {}).setdefault(field, {})
                for measure, value in adds.items():
                    mine[measure] = mine.get(measure, 0) + value
                changed.setdefault(name, set()).add(field)
        pipe = self._redis.pipeline(transaction=True)
        for name, fields in changed.items():
            values = {field: view.fenced(self._fence, view.encode_part(self._parts[name][field])) for field in fields}
            pipe.hset(name, mapping=values)
            manifest, bucket = self._keys.counted(name)
            pipe.hset(manifest, bucket, len(self._parts[name]))
            self._hashes.setdefault(int(name.rpartition(":")[2]), set()).add(name)
        listed = view.encode_any([(name, list(fields)) for name, fields in changed.items()])
        pipe.xadd(self._keys.changes, {"b": listed}, maxlen=10_000)
        self._beat(pipe)
        pipe.execute()

    def _beat(self, redis: "Redis | None" = None) -> None:
        now = int(time.time() * 1000)
        known = {"at": now, "contact": now, "count": PARTITIONS, "version": view.VERSION}
        beats = {
            str(n): view.fenced(self._fence, view.encode_any({**known, "hashes": len(self._hashes.get(n, ()))}))
            for n in range(PARTITIONS)
        }
        (redis or self._redis).hset(self._keys.partitions, mapping=beats)


def _load(url: str, managers: int, rate: int) -> None:
    floor = Floor(url, managers)
    floor.past()
    floor.run(rate)


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


def wait_until_ready(port: int) -> None:
    """Until the view is loaded and fresh."""
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
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


def main() -> None:
    """Print one row for each way of asking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("managers", type=int, nargs="?", default=1000)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--scrapes", type=int, default=60)
    parser.add_argument("--every", type=float, default=15)
    parser.add_argument("--encoding", default="gzip", help="gzip or identity")
    parser.add_argument("--query", default="", help="like ?window=now&window=day")
    parser.add_argument("--target", action="store_true")
    asked = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as redis:
        url = redis.url
        feeding = multiprocessing.get_context("spawn").Process(
            target=_load, args=(url, asked.managers, asked.rate), daemon=True
        )
        feeding.start()
        env = os.environ | {"SALES_REDIS_URL": url, "SALES_APP_ID": APP}
        argv = [str(Path(sys.executable).parent / "sales-pulse"), "exporter", "--listen", f"127.0.0.1:{port}"]
        program = Program("exporter", argv, log=Path(folder) / "exporter.log", env=env)
        program.start_process()
        try:
            wait_until_ready(port)
            if asked.target:
                print(f"127.0.0.1:{port} {program.pid}", flush=True)
                time.sleep(1e6)
            print("| managers | asked for | MB | p50 ms | p99 ms | max ms | at a turn, max ms | CPU | RSS MB | load |")
            print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
            measure(port, program.pid, asked)
        finally:
            program.stop()
            feeding.terminate()


if __name__ == "__main__":
    main()
