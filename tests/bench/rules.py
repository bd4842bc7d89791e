"""Measures what the generated recording rules cost on a real Prometheus, for a floor of any size.

    python -m tests.bench.rules --managers 1000 --teams 50

One scrape of a synthetic exposition of every family, and every group once, so that each finds what it reads. Then the
rules are taken out, and each is asked for as a query while nothing else runs: what that takes of processor time, by the
interval of its group, is what rules cost, however busy the machine is. Writing the results is left out.
"""

import argparse
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from tests.support.exposition import Floor, Synthetic
from tests.support.monitoring import RULES, binary, running, serving

PATIENCE = 900
SETTLE_SECONDS = 5
ONCE = "2m"
"""How often every group runs until each has run: at their own pace they would keep a small machine busy for long."""


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
        with running(program, url, 60), httpx.Client(base_url=url, timeout=PATIENCE) as http:
            process = psutil.Process(program.pid)
            _scraped(http)
            groups = _evaluated(http)
            memory = process.memory_info().rss
            _without_rules(Path(folder), http)
            costs = {group["name"]: _cost(http, process, group) for group in groups}
    _report(groups, costs, memory)


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
    for file in (folder / "rules").glob("*.yml"):
        file.write_text(re.sub(r"^(\s+interval:) \w+$", rf"\1 {ONCE}", file.read_text(), flags=re.MULTILINE))
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-lifecycle",
        "--query.max-samples=500000000",
        "--query.lookback-delta=1h",
        "--log.level=error",
    ]
    return Program("prometheus", argv, log=folder / "log"), url


def _scraped(http: httpx.Client) -> None:
    """Wait for the one scrape that brings anything."""
    query = {"query": "max_over_time(scrape_samples_scraped[1h]) > 0"}
    for _ in range(PATIENCE):
        if http.get("/api/v1/query", params=query).json()["data"]["result"]:
            return
        time.sleep(1)
    raise TimeoutError("nothing was scraped")


def _evaluated(http: httpx.Client) -> list[dict[str, Any]]:
    """The rule groups, once each has been evaluated twice: results of some are read by others."""
    began: set[tuple[str, str]] = set()
    for _ in range(PATIENCE):
        groups: list[dict[str, Any]] = http.get("/api/v1/rules").json()["data"]["groups"]
        began |= {(g["name"], g["lastEvaluation"]) for g in groups if not g["lastEvaluation"].startswith("0001")}
        if all(sum(name == group["name"] for name, _ in began) > 1 for group in groups):
            return groups
        time.sleep(1)
    raise TimeoutError("the rules were not evaluated")


def _without_rules(folder: Path, http: httpx.Client) -> None:
    """Let nothing but our own questions run."""
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    (folder / "prometheus.yml").write_text(yaml.safe_dump({**config, "rule_files": [], "scrape_configs": []}))
    http.post("/-/reload").raise_for_status()
    time.sleep(SETTLE_SECONDS)


def _cost(http: httpx.Client, process: psutil.Process, group: dict[str, Any]) -> float:
    """Processor seconds of one evaluation of a group."""
    before = process.cpu_times()
    for rule in group["rules"]:
        answer = http.post("/api/v1/query", data={"query": f"count({rule['query']})"})
        answer.raise_for_status()
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


def _report(groups: list[dict[str, Any]], costs: dict[str, float], memory: int) -> None:
    """By the intervals that they have in production."""
    paces = {group["name"]: parsed(group["interval"]) for group in _generated()}
    for group in sorted(groups, key=lambda one: -costs[one["name"]] / paces[one["name"]]):
        errors = {rule["lastError"] for rule in group["rules"] if rule.get("lastError")}
        cost, pace = costs[group["name"]], paces[group["name"]]
        print(f"{cost:8.3f} s of {pace:3.0f} s  {cost / pace:6.4f} cores  {group['name']} {errors or ''}")
    cores = sum(costs[name] / pace for name, pace in paces.items())
    print(json.dumps({"cores": round(cores, 3), "rss_mib": memory >> 20}))


def _generated() -> Iterator[dict[str, Any]]:
    for file in sorted(RULES.glob("*.yml")):
        yield from yaml.safe_load(file.read_text())["groups"]


def parsed(pace: str) -> int:
    """Seconds of a duration like 30s or 2m."""
    return int(pace[:-1]) * {"s": 1, "m": 60}[pace[-1]]


if __name__ == "__main__":
    main()
