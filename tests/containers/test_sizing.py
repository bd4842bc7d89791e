"""Limits in compose and in Kubernetes hold what the sizing page says that 200 people need."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.stack.allowance import GARBAGE, HEAP_SHARE, Allowance
from deploy.stack.prometheus import ALIGNED

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = "200"
ROOM = 1.25
"""Of what was measured, as a limit has it: peaks, fragments, and a floor that is not the simulated one."""
_BYTES = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "m": 2**20, "g": 2**30, "mb": 2**20, "Mi": 2**20, "Gi": 2**30}


def amount(text: str) -> float:
    """Bytes."""
    number, unit = re.match(r"([\d.,]+) ?([A-Za-z]+)", text).groups()
    return float(number.replace(",", "")) * _BYTES[unit]


def needs(people: str = PEOPLE) -> dict[str, float]:
    """What so many people need, by the row's name (bytes)."""
    page = (ROOT / "deploy/docs/sizing.md").read_text()
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.split("## For so many people")[1].split("##")[0].splitlines()
        if line.startswith("|")
    ]
    column = next(at for at, cell in enumerate(head) if cell.startswith(f"{people} "))
    return {row[0]: amount(row[column]) for row in rows if re.search(r"\d [KMGT]B", row[column])}


COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MEMORY = {
    "exporter": "exporter, memory",
    "prometheus": "Prometheus, memory",
    "worker": "worker, memory store, at the end of the year",
}


def workload(name: str) -> dict[str, Any]:
    for document in yaml.safe_load_all((ROOT / f"deploy/kubernetes/base/{name}.yaml").read_text()):
        if document["metadata"]["name"] == f"sales-{name}" and document["kind"] in {"Deployment", "StatefulSet"}:
            found: dict[str, Any] = document["spec"]
            return found
    raise KeyError(name)


def limit(name: str) -> float:
    """Memory of a service in compose (bytes), where .env sets none."""
    said = COMPOSE[name]["deploy"]["resources"]["limits"]["memory"]
    return amount(re.sub(r"\$\{\w+:-(\w+)\}", r"\1", said))


@pytest.mark.parametrize("name", MEMORY)
def test_memory_of_a_container_is_enough(name: str) -> None:
    assert limit(name) >= ROOM * needs()[MEMORY[name]]


def test_a_thousand_people_need_no_other_limit() -> None:
    """Prometheus fits itself into its limit, if what is in use has room in Go's share. The worker is on disk."""
    wanted = needs("1,000")
    assert limit("prometheus") >= wanted[MEMORY["prometheus"]]
    used = re.search(r"([\d.]+) GB of the ([\d.]+) are in use", (ROOT / "deploy/docs/sizing.md").read_text())
    assert used
    assert float(used[2]) == round(HEAP_SHARE * limit("prometheus") / 1e9, 1) >= ROOM * float(used[1])
    assert limit("exporter") >= ROOM * wanted[MEMORY["exporter"]]


@pytest.mark.parametrize("name", ["exporter", "worker"])
def test_memory_of_a_pod_is_enough_and_asked_for(name: str) -> None:
    """What it needs is requested, so that it is not the first to go when a node has no more."""
    resources = workload(name)["template"]["spec"]["containers"][0]["resources"]
    assert amount(resources["limits"]["memory"]) >= ROOM * needs()[MEMORY[name]]
    assert amount(resources["requests"]["memory"]) >= needs()[MEMORY[name]]


def test_redis_holds_the_view_before_it_is_full() -> None:
    full = re.search(r"maxmemory (\d+mb)", (ROOT / "docker-compose.yml").read_text())[1]
    assert amount(full) >= 2 * needs()["Redis, 400 days"], "a copy while it saves"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("worker", ["Kafka, changelogs, at the end of it"]),
        ("ledger", ["ledger, disk, at the end of the year"]),
        ("past", ["the past, disk, 800 days"]),
    ],
)
def test_volumes_are_large_enough(name: str, rows: list[str]) -> None:
    """Twice: what lies on a disk is rewritten before the old goes."""
    (claim,) = workload(name)["volumeClaimTemplates"]
    assert amount(claim["spec"]["resources"]["requests"]["storage"]) >= 2 * sum(needs()[row] for row in rows)


def test_prometheus_has_the_same_room_everywhere() -> None:
    """In compose, with the Operator as the page has it, and in `up`: garbage, Go's share of the memory, both limits."""
    service = COMPOSE["prometheus"]
    page = (ROOT / "deploy/docs/sizing.md").read_text()
    resource = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])["spec"]
    args = {f"--{one['name']}={one['value']}" for one in resource["additionalArgs"]}
    assert args == {ALIGNED, f"--auto-gomemlimit.ratio={HEAP_SHARE}"} <= set(service["command"])
    assert resource["containers"] == [{"name": "prometheus", "env": [{"name": "GOGC", "value": GARBAGE}]}]
    assert service["environment"] == {"GOGC": GARBAGE}
    assert amount(resource["resources"]["limits"]["memory"]) == limit("prometheus") == Allowance().memory
    disk = re.search(r"retention\.size=\$\{PROMETHEUS_DISK:-(\w+)\}", " ".join(service["command"]))
    assert disk
    assert resource["retentionSize"] == disk[1]


def test_prometheus_keeps_the_days_that_its_disk_has_room_for() -> None:
    """A month at least of what so many people make, before the oldest go."""
    limit = re.search(r"PROMETHEUS_DISK:-(\d+GB)", (ROOT / "docker-compose.yml").read_text())[1]
    assert amount(limit) >= 30 * needs()["Prometheus, disk a day"]
