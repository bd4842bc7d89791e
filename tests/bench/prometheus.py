"""A real Prometheus as it is shipped, scraping a real exporter: its memory, its series, and what its rules cost.

    python -m tests.bench.prometheus 1000 --minutes 20

Both scrape jobs, all rules and alerts, at their own intervals, with the arguments of `sales-pulse up`. Then rules alone
are taken out for a while, so that the difference says what they cost, writing included; and each group is asked for as
a query while nothing else runs, so that it is known which of them is dear. A row a minute; the last one is the figure.
"""

import argparse
import json
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from deploy.stack.ports import free_port
from deploy.stack.prometheus import Prometheus
from tests.bench.exporter import exporter
from tests.bench.floor import rush
from tests.support.monitoring import ROOT, RULES, running

PATIENCE = 600
_METRICS = {
    "series": "prometheus_tsdb_head_series",
    "chunks": "prometheus_tsdb_head_chunks",
    "heap MB": "go_memstats_heap_alloc_bytes",
    "samples": "prometheus_tsdb_head_samples_appended_total",
}


def main() -> None:
    """Print a row a minute, then the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("managers", type=int, nargs="?", default=1000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--rate", type=int, default=0, help="events a second; twice what so many people make, when 0")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--without-rules", type=float, default=3, help="minutes without rules, for comparison")
    parser.add_argument("--block", default="", help="so long is a block, like 30m: for compactions within the run")
    parser.add_argument("--profile", default="", help="file for what the heap holds, for `go tool pprof`")
    parser.add_argument("--everything", action="store_true", help="each manager has all there is on each day")
    asked = parser.parse_args()
    asked.rate = asked.rate or rush(asked.managers)
    with (
        tempfile.TemporaryDirectory() as name,
        exporter(Path(name), asked.managers, asked.teams, asked.rate, everything=asked.everything) as (
            address,
            feeding,
        ),
    ):
        program = laid_out(Path(name), address)
        if asked.block:
            program.argv.append(f"--storage.tsdb.min-block-duration={asked.block}")
        with running(program, program.url, 60), httpx.Client(base_url=program.url, timeout=PATIENCE) as http:
            process = psutil.Process(program.pid)
            with_rules = _watched(http, process, asked.minutes)
            print(f"exporter: {psutil.Process(feeding.pid).memory_info().rss / 1e6:.0f} MB", flush=True)
            _scrapes(http)
            disk(Path(name) / "server" / "data")
            if asked.profile:
                Path(asked.profile).write_bytes(http.get("/debug/pprof/heap?gc=1").content)
            groups = http.get("/api/v1/rules").json()["data"]["groups"]
            _names(http)
            asked_at = time.time()
            _configured(Path(name), process, rule_files=[])
            without = _watched(http, process, asked.without_rules)
            print(
                f"cores: {with_rules:.3f} with rules, {without:.3f} without, rules {with_rules - without:.3f}",
                flush=True,
            )
            _configured(Path(name), process, rule_files=[], scrape_configs=[])
            _report(groups, {group["name"]: _cost(http, process, group, asked_at) for group in groups})


def laid_out(folder: Path, address: str) -> Prometheus:
    """A Prometheus as it is shipped, which will scrape an exporter (host:port)."""
    generated = folder / "generated"
    shutil.copytree(ROOT / "deploy" / "prometheus", generated / "prometheus")
    shutil.copytree(RULES, generated / "rules")
    program = Prometheus(folder / "server", port=free_port(), generated=generated, targets={"exporter": address})
    program.prepare()
    return program


def _watched(http: httpx.Client, process: psutil.Process, minutes: float) -> float:
    """Rows, and the cores that were used from the end of the first fifth on, when the first of everything is over."""
    print(f"| min | RSS MB | {' | '.join(_METRICS)} | cores | load |\n|{'---|' * (4 + len(_METRICS))}", flush=True)
    began, used, since = time.monotonic(), 0.0, 0.0
    samples = last = 0.0
    while (passed := time.monotonic() - began) < minutes * 60:
        time.sleep(min(60.0, minutes * 60 - passed + 0.1))
        passed, cpu = time.monotonic() - began, _cpu(process)
        if not used and passed >= minutes * 12:
            used, since = cpu, passed
        found = _metrics(http)
        rate, samples = (found["samples"] - samples) / (passed - last), found["samples"]
        cells = [
            f"{passed / 60:.1f}", f"{process.memory_info().rss / 1e6:.0f}", f"{found['series']:,.0f}",
            f"{found['chunks']:,.0f}", f"{found['heap MB'] / 1e6:.0f}", f"{rate:,.0f}/s",
            f"{(cpu - used) / (passed - since):.3f}" if passed > since and used else "", f"{os.getloadavg()[0]:.1f}",
        ]  # fmt: skip
        last = passed
        print("|", " | ".join(cells), "|", flush=True)
    return (_cpu(process) - used) / (time.monotonic() - began - since)


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _metrics(http: httpx.Client) -> dict[str, float]:
    page = http.get("/metrics").text
    return {
        name: float(next(re.finditer(rf"^{metric}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE))[1])
        for name, metric in _METRICS.items()
    }


def _scrapes(http: httpx.Client) -> None:
    """How long they took, as Prometheus counts it: until all of it is parsed and written."""
    for what, expr in (
        ("p50", "quantile_over_time(0.5, scrape_duration_seconds[10m])"),
        ("p99", "quantile_over_time(0.99, scrape_duration_seconds[10m])"),
        ("failed, of all", "1 - avg_over_time(up[10m])"),
    ):
        for one in http.post("/api/v1/query", data={"query": expr}).json()["data"]["result"]:
            print(f"scrapes, {one['metric']['job']}, {what}: {float(one['value'][1]):.3f}", flush=True)


def _names(http: httpx.Client) -> None:
    """How many series are scraped, how many recorded of people, and how many of all else."""
    for what, matcher in (
        ("scraped", '{__name__=~"sales_.*"}'),
        ("recorded of people", '{__name__=~"manager:.*"}'),
        ("recorded of teams and company", '{__name__=~"(team|company):.*"}'),
    ):
        found = http.post("/api/v1/query", data={"query": f"count({matcher})"}).json()
        print(f"{what}: {found['data']['result'][0]['value'][1] if found.get('data') else found} series", flush=True)


def disk(data: Path) -> None:
    """Of blocks that are written: a day has so many as fit into it, and they grow together later."""
    for meta in sorted(data.glob("*/meta.json")):
        stats = json.loads(meta.read_text())["stats"]
        index = (meta.parent / "index").stat().st_size
        chunks = sum(one.stat().st_size for one in (meta.parent / "chunks").iterdir())
        print(
            f"block: {stats['numSamples']:,} samples of {stats['numSeries']:,} series, chunks"
            f" {chunks / stats['numSamples']:.2f} bytes a sample, index {index / 1e6:.0f} MB",
            flush=True,
        )


def _configured(folder: Path, process: psutil.Process, **changed: list[str]) -> None:
    """Let some of it be otherwise from now on."""
    file = folder / "server" / "prometheus.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))
    process.send_signal(signal.SIGHUP)
    time.sleep(5)


def _cost(http: httpx.Client, process: psutil.Process, group: dict[str, Any], moment: float) -> float:
    """Processor seconds of one evaluation of a group, without writing its results.

    moment: when all that its rules read was there, recorded series among it.
    """
    before = _cpu(process)
    for rule in group["rules"]:
        http.post("/api/v1/query", data={"query": f"count({rule['query']})", "time": moment}).raise_for_status()
    return _cpu(process) - before


def _report(groups: list[dict[str, Any]], costs: dict[str, float]) -> None:
    """By the intervals that they have, dearest first."""
    paces = {group["name"]: seconds(group["interval"]) for group in _generated()}
    for group in sorted(groups, key=lambda one: -costs[one["name"]] / paces[one["name"]]):
        errors = {rule["lastError"] for rule in group["rules"] if rule.get("lastError")}
        cost, pace, took = costs[group["name"]], paces[group["name"]], group["evaluationTime"]
        print(f"{cost:8.3f} s of {pace:4.0f} s  {cost / pace:6.4f} cores  took {took:6.2f} s  {group['name']}", *errors)
    print(f"together {sum(costs[name] / pace for name, pace in paces.items()):.3f} cores")


def _generated() -> Iterator[dict[str, Any]]:
    for file in sorted(RULES.glob("*.yml")):
        yield from yaml.safe_load(file.read_text())["groups"]


def seconds(pace: str) -> int:
    """Of a duration like 30s or 2m."""
    return int(pace[:-1]) * {"s": 1, "m": 60}[pace[-1]]


if __name__ == "__main__":
    main()
