"""A day of Prometheus in fast motion: what it writes to disk of a simulated floor, compaction included, and its memory.

    python -m tests.bench.day --managers 40 --begin 2026-11-27T00:00:00 --hours 24

A real Prometheus is told all that it would scrape and record, at the moments at which it would do so, by remote write:
the clock of the floor runs as fast as both can work. Its blocks are those of such a day, as they depend on the times of
samples alone. Rules are asked for as ranges of two minutes; those whose inputs did not change in these are repeated.
Left out is what processes say of themselves: some 2,000 series.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from grafana import rules
from grafana.alerting.service import EXPORTER_JOB
from grafana.provisioning import CALENDAR_PACE, LIVE_PACE, PARTS
from metrics.exporter.exposition.packed import Packed, unpack
from metrics.exporter.http.scrape import wanted
from tests.bench.prometheus import disk, laid_out, seconds
from tests.bench.remote import Head, ToldSamples, Writer, own
from tests.bench.simulated import SimulatedBoard
from tests.support.monitoring import running

CHUNK = 120
"""Seconds of the floor that are told at once: the longest interval of a rule."""
PACES = dict(zip(PARTS, (seconds(LIVE_PACE[0]), seconds(CALENDAR_PACE[0])), strict=True))
"""Scrape job → its interval, seconds."""


class Recording:
    """Every recording rule by its interval, in an order in which each stands behind what it reads."""

    def __init__(self, http: httpx.Client, writer: Writer) -> None:
        self._http, self._writer = http, writer
        left = [
            (rule, seconds(group["interval"]))
            for file, groups in rules.groups().items()
            for group in groups
            if file not in (rules.MARKS, rules.ON_CALL)
            for rule in group["rules"]
        ]
        names = {rule["record"] for rule, _ in left}
        self._reads = {rule["expr"]: own(rule["expr"]) for rule, _ in left}
        self._levels: list[list[tuple[dict[str, Any], int]]] = []
        while left:
            missing = {rule["record"] for rule, _ in left}
            self._levels.append([one for one in left if not self._reads[one[0]["expr"]] & names & missing])
            left = [one for one in left if one not in self._levels[-1]]
        self._last: dict[int, dict[Head, float]] = {}
        self.asked = 0

    def told(self, begin: int, changed: set[str]) -> None:
        """Record what two minutes from `begin` have. changed: names of which series did in them."""
        moved = set(changed)
        for level in self._levels:
            found = []
            for rule, pace in level:
                end = begin + CHUNK - 1
                steps = range(end - (CHUNK // pace - 1) * pace, end + 1, pace)
                found.append(self._of(rule, steps, moved))
            moved |= {told.name for told in found if told.changes}
            self._writer.write(found)

    def _of(self, rule: dict[str, Any], steps: range, moved: set[str]) -> ToldSamples:
        is_new = id(rule) not in self._last
        told = ToldSamples(rule["record"], rule.get("labels", {}), self._last.setdefault(id(rule), {}), list(steps))
        if is_new or self._reads[rule["expr"]] & moved:
            self.asked += 1
            query = {"query": rule["expr"], "start": steps[0], "end": steps[-1], "step": steps.step}
            told.take(self._http.post("/api/v1/query_range", data=query).raise_for_status().json()["data"]["result"])
        return told


class Scraping:
    """What both jobs would scrape of a board."""

    def __init__(self, floor: SimulatedBoard, writer: Writer) -> None:
        self._floor, self._writer = floor, writer
        self._pages: dict[str, dict[int, tuple[Packed, dict[Head, float]]]] = {job: {} for job in PARTS}
        self._last: dict[str, dict[Head, float]] = {job: {} for job in PARTS}

    def told(self, begin: int) -> set[str]:
        """Scrape for two minutes; the names of series that changed."""
        labels = {"job": EXPORTER_JOB, "instance": EXPORTER_JOB}
        found = {
            job: ToldSamples("", labels, self._last[job], [*range(begin, begin + CHUNK, pace)])
            for job, pace in PACES.items()
        }
        for moment in range(begin, begin + CHUNK, min(PACES.values())):
            self._floor.go(moment)
            for job, pace in PACES.items():
                if (moment - begin) % pace == 0:
                    found[job].at((moment - begin) // pace, *self._scraped(job, moment))
        changed = {name for told in found.values() for name in told.names()}
        self._writer.write(found.values())
        return changed

    def _scraped(self, job: str, moment: int) -> tuple[dict[Head, float], set[Head]]:
        """What is otherwise than at the last scrape, and what is gone: a piece that stayed is the same object."""
        before = self._pages[job]
        now: dict[int, tuple[Packed, dict[Head, float]]] = {}
        for piece in self._floor.board.packed(moment, wanted(PARTS[job])):
            now[id(piece)] = before.get(id(piece)) or (piece, _lines(piece))
        news: dict[Head, float] = {}
        for key in now.keys() - before.keys():
            news |= now[key][1]
        gone = {head for key in before.keys() - now.keys() for head in before[key][1]} - news.keys()
        self._pages[job] = now
        return news, gone


def _lines(piece: Packed) -> dict[Head, float]:
    found = (line.rpartition(" ") for line in unpack(piece.deflated).decode().splitlines() if line[:1] != "#")
    return {head: float(value) for head, _, value in found}


def main() -> None:
    """A row for each hour of the floor, then the blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--managers", type=int, default=40)
    parser.add_argument("--days", type=int, default=400, help="of history")
    parser.add_argument("--begin", default="2026-11-27T00:00:00", help="UTC; a day that is over")
    parser.add_argument("--hours", type=float, default=24)
    asked = parser.parse_args()
    begin = int(datetime.fromisoformat(asked.begin).replace(tzinfo=UTC).timestamp())
    floor = SimulatedBoard(asked.managers, asked.days, begin)
    with tempfile.TemporaryDirectory() as name:
        program = laid_out(Path(name), "127.0.0.1:9")
        program.argv += ["--web.enable-remote-write-receiver", "--web.enable-admin-api"]
        file = Path(name) / "generated" / "prometheus" / "prometheus.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "rule_files": [], "scrape_configs": []}))
        with running(program, program.url, 60), httpx.Client(base_url=program.url, timeout=600) as http:
            _day(http, floor, psutil.Process(program.pid), begin, round(asked.hours * 3600))
            data = Path(name) / "server" / "data"
            disk(data)
            # What has not become a block yet, too.
            taken = http.post("/api/v1/admin/tsdb/snapshot").raise_for_status().json()["data"]["name"]
            print("all of it, with what is not a block yet:")
            disk(data / "snapshots" / taken)


def _day(http: httpx.Client, floor: SimulatedBoard, process: psutil.Process, begin: int, length: int) -> None:
    writer = Writer(http)
    scraping, recording = Scraping(floor, writer), Recording(http, writer)
    print("| hour | samples a second | rules asked | RSS MB | CPU s of Prometheus | s by the clock |", flush=True)
    print("|---|---|---|---|---|---|", flush=True)
    began, samples, asked = time.monotonic(), 0, 0
    for moment in range(begin, begin + length, CHUNK):
        recording.told(moment, scraping.told(moment))
        if (moment + CHUNK - begin) % 3600 == 0:
            rate, samples = (writer.samples - samples) / 3600, writer.samples
            cells = (
                f"{datetime.fromtimestamp(moment + CHUNK, UTC):%H:%M}", f"{rate:,.0f}", f"{recording.asked - asked:,}",
                f"{process.memory_info().rss / 1e6:.0f}", f"{sum(process.cpu_times()[:2]):.0f}",
                f"{time.monotonic() - began:.0f}",
            )  # fmt: skip
            asked = recording.asked
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
