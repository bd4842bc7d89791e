"""Measures what the generated recording rules cost on a real Prometheus, for a floor of any size.

    python -m tests.bench.rules --managers 1000 --teams 50

One scrape of a synthetic exposition of every family; then the CPU time that Prometheus takes in four minutes in which
it only evaluates, and every rule group's own evaluation time (on the wall clock, so a busy machine shows more).
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from tests.support.exposition import Floor, Synthetic
from tests.support.monitoring import RULES, binary, running, serving

LONGEST_INTERVAL = 240
"""Seconds in which every group is evaluated once."""


def main() -> None:
    """Print one line per rule group, dearest first, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--managers", type=int, default=1000)
    parser.add_argument("--teams", type=int, default=50)
    asked = parser.parse_args()
    page = Synthetic(Floor(asked.managers, asked.teams)).exporter()
    lines = page.count(b"\n")
    print(f"{asked.managers} managers: {lines:,} series, {len(page) / 2**20:.0f} MiB a scrape", flush=True)
    with tempfile.TemporaryDirectory() as folder, serving(_once(page)) as address:
        program, url = _program(Path(folder), address)
        with running(program, url, 60):
            process = psutil.Process(program.pid)
            cores, groups = _measured(url, process)
            memory = process.memory_info().rss
    _report(groups, cores, memory)


def _once(page: bytes) -> Callable[[], bytes]:
    """The page, then nothing, so that later scrapes are free; series with a timestamp outlive it by the look-back."""
    pages = iter([page])

    def serve() -> bytes:
        stamp = f" {time.time_ns() // 10**6}\n".encode()
        return next(pages, b"").replace(b"\n", stamp)

    return serve


def _program(folder: Path, address: str) -> tuple[Program, str]:
    config = {
        "global": {"scrape_interval": "1m", "scrape_timeout": "1m"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [{"job_name": "sales-exporter", "static_configs": [{"targets": [address]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copytree(RULES, folder / "rules")
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--query.max-samples=500000000",
        "--query.lookback-delta=15m",
        "--log.level=error",
    ]
    return Program("prometheus", argv, log=folder / "log"), url


def _scraped(http: httpx.Client) -> None:
    for _ in range(200):
        samples = http.get(
            "/query", params={"query": "scrape_duration_seconds > 0 and scrape_samples_scraped > 0"}
        ).json()["data"]["result"]
        if samples:
            print(f"scraped in {float(samples[0]['value'][1]):.1f} s", flush=True)
            return
        time.sleep(1)


def _measured(url: str, process: psutil.Process) -> tuple[float, list[dict[str, Any]]]:
    """Cores that evaluation takes, over four minutes in which nothing is scraped; and the rule groups."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as http:
        _scraped(http)
        before = process.cpu_times()
        time.sleep(LONGEST_INTERVAL)
        after = process.cpu_times()
        groups: list[dict[str, Any]] = http.get("/rules").json()["data"]["groups"]
    used = after.user + after.system - before.user - before.system
    return used / LONGEST_INTERVAL, groups


def _report(groups: list[dict[str, Any]], cores: float, memory: int) -> None:
    for group in sorted(groups, key=lambda one: -one["evaluationTime"]):
        errors = {rule["lastError"] for rule in group["rules"] if rule.get("lastError")}
        print(f"{group['evaluationTime']:8.3f} s of {group['interval']:3.0f} s  {group['name']} {errors or ''}")
    print(json.dumps({"cores": round(cores, 2), "rss_mib": memory >> 20}))


if __name__ == "__main__":
    main()
