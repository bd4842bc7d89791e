"""The whole service in containers, for real: built, started by compose, a worker killed, every number audited.

By hand (`pytest -m slow tests/containers`): minutes, and an engine is needed. Images are those that
`deploy/containers/build-stand-ins` makes; PULSE_PUBLISHED_IMAGES=1 takes the published ones instead.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deploy.stack.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "pbx://container-test"
PATIENCE = 60.0
"""Seconds for one answer: a backlog is being folded meanwhile, perhaps on two cores."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def say(text: str) -> None:
    """One line, or several, of the run's log (`pytest -s` shows it as it grows)."""
    for line in text.rstrip().splitlines():
        print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


class Compose:
    """The compose file as a project of its own, beside whatever else runs."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.project = f"pulse-test-{secrets.token_hex(3)}"
        self.ports = {name: free_port() for name in ("EXPORTER", "GATEWAY", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
        self.token = secrets.token_urlsafe(24)
        self.published = "GRAFANA_IMAGE" not in settings
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SALES_")},
            **settings,
            **{f"{name}_PORT": str(port) for name, port in self.ports.items()},
            "PULSE_IMAGE": "sales-pulse:test",
            "PULSE_PIP_CERT": os.environ.get("PIP_CERT", os.devnull),
            "PULSE_PIP_CONF": os.environ.get("PIP_CONFIG_FILE", os.devnull),
            "REDIS_PASSWORD": secrets.token_urlsafe(24),
            "GRAFANA_PASSWORD": secrets.token_urlsafe(24),
            "WALL_PASSWORD": secrets.token_urlsafe(24),
            "METRICS_PASSWORD": secrets.token_urlsafe(24),
            "SALES_GATEWAY_TOKENS": f"{SOURCE}={self.token}",
        }

    def __call__(self, *arguments: str, timeout: float = 300, check: bool = True) -> str:
        """Run `docker compose`; gives what it printed."""
        done = subprocess.run(
            ["docker", "compose", "-p", self.project, "--profile", "demo", "--profile", "tools", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def up(self) -> None:
        """Build, and start until everything is healthy; without Grafana where it has no image."""
        services = ["exporter", "gateway", "simulator", "worker", "prometheus", "alertmanager"]
        services += ["grafana"] if self.published else []
        say(f"docker compose up --build --wait --scale worker=3 {' '.join(services)}")
        self("up", "--build", "--detach", "--wait", "--scale", "worker=3", *services, timeout=1200)
        say(self("ps", "--format", "table {{.Service}}\t{{.Name}}\t{{.Status}}"))

    def container(self, service: str, number: int = 1) -> str:
        return f"{self.project}-{service}-{number}"

    def inspect(self, container: str, template: str) -> str:
        done = subprocess.run(
            ["docker", "inspect", "-f", template, container], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @property
    def wall(self) -> tuple[str, str]:
        """The user for people."""
        return "wall", self.environment["WALL_PASSWORD"]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """The running service."""
    docker = shutil.which("docker")
    for what in (["version"], ["compose", "version"]):
        if not docker or subprocess.run([docker, *what], capture_output=True, timeout=20, check=False).returncode:
            pytest.fail(f"no container engine answers to `docker {' '.join(what)}`: this test needs one that runs")
    settings = {}
    if not os.environ.get("PULSE_PUBLISHED_IMAGES"):
        printed = subprocess.run(
            [ROOT / "deploy/containers/build-stand-ins"], stdout=subprocess.PIPE, text=True, timeout=1200, check=True
        ).stdout
        settings = {"PULSE_BUILD_NETWORK": "host", **dict(line.split("=", 1) for line in printed.splitlines())}
    found = Compose(settings)
    try:
        found.up()
        yield found
    finally:
        found("down", "--volumes", "--timeout", "20", check=False)


def until(condition: str, url: str, seconds: float, login: tuple[str, str] | None = None) -> str:
    """Wait until an address answers with a text."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            text = httpx.get(url, timeout=PATIENCE, auth=login).text
        except httpx.TransportError as error:
            text = str(error)
        if condition in text:
            return text
        assert time.monotonic() < deadline, f"{url} does not say {condition} within {seconds} s: {text[-300:]}"
        time.sleep(0.5)


def test_wall_and_metrics_are_filled(compose: Compose) -> None:
    text = until("sales_won_amount{", f"{compose.url('EXPORTER')}/metrics", 120, compose.wall)
    assert httpx.get(f"{compose.url('EXPORTER')}/metrics", timeout=PATIENCE).status_code == 401
    say(f"/metrics: {sum(not line.startswith('#') for line in text.splitlines()):,} series")
    assert "<!doctype html>" in httpx.get(compose.url("EXPORTER"), timeout=PATIENCE, auth=compose.wall).text.lower()


def test_own_event_is_seen(compose: Compose) -> None:
    """Sent to the gateway with the token of compose, shown by the exporter."""
    now = datetime.now(UTC).isoformat()
    event = {
        "specversion": "1.0", "id": "container-test-1", "source": SOURCE, "type": "sales.call.ended.v1", "time": now,
        "data": {
            "call_id": "container-test-1", "client_id": "container-test", "manager_id": "container-test",
            "direction": "inbound", "outcome": "answered", "started_at": now, "answered_at": now,
        },
    }  # fmt: skip
    headers = {"authorization": f"Bearer {compose.token}", "content-type": "application/cloudevents+json"}
    address = f"{compose.url('GATEWAY')}/v1/events"
    assert (
        httpx.post(
            address, content=json.dumps(event), headers={**headers, "authorization": "Bearer x"}, timeout=PATIENCE
        ).status_code
        == 401
    )
    assert httpx.post(address, content=json.dumps(event), headers=headers, timeout=PATIENCE).status_code == 202
    until('sales_calls{manager="container-test"', f"{compose.url('EXPORTER')}/metrics", 60, compose.wall)


def test_prometheus_scrapes_every_worker(compose: Compose) -> None:
    deadline = time.monotonic() + 60
    while True:
        answer = httpx.get(
            f"{compose.url('PROMETHEUS')}/api/v1/query",
            params={"query": 'sum(up{job="sales-worker"})'},
            timeout=PATIENCE,
        )
        if (result := answer.json()["data"]["result"]) and result[0]["value"][1] == "3":
            return
        assert time.monotonic() < deadline, result
        time.sleep(1)


def test_process_has_no_rights(compose: Compose) -> None:
    """Not root, nothing writable but its volume, no pip, no compiler; the list of contents is there."""
    said = compose(
        "exec",
        "-T",
        "worker",
        "sh",
        "-c",
        "id -u; touch /opt/x 2>&1; grep -c ^ /proc/1/status; grep CapEff /proc/1/status",
    )
    assert said.startswith("10001\n")
    assert "Read-only file system" in said
    assert said.rstrip().endswith("0000000000000000")
    assert not compose("exec", "-T", "worker", "sh", "-c", "command -v pip gcc cc make git; true").strip()
    contents = json.loads(compose("exec", "-T", "worker", "cat", "/opt/sales-pulse/sbom.cdx.json"))
    assert contents["bomFormat"] == "CycloneDX"
    assert {"aiokafka", "faust-streaming", "sales-pulse"} <= {part["name"] for part in contents["components"]}


def test_killed_workers_lose_nothing(compose: Compose) -> None:
    """One stays down, one crashes and comes back; the audit recomputes every number and finds no difference."""
    stays_down = compose.container("worker", 2)
    subprocess.run(["docker", "kill", "--signal", "KILL", stays_down], capture_output=True, check=True)
    say(f"{stays_down} killed, and stays down")
    crashed = compose.container("worker", 3)
    os.kill(int(compose.inspect(crashed, "{{.State.Pid}}")), 9)
    say(f"{crashed} crashed")
    deadline = time.monotonic() + 60
    while compose.inspect(crashed, "{{.State.Status}} {{.RestartCount}}") != "running 1":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    say(f"{crashed} is back")
    compose("stop", "simulator")
    say("simulator stopped")
    assert compose.inspect(compose.container("simulator"), "{{.State.ExitCode}}") == "0"
    said = compose("run", "--rm", "-T", "audit", timeout=600)
    say(said)
    assert "no difference" in said
    assert "series of the exporter" in said


def test_everything_stops_cleanly(compose: Compose) -> None:
    """SIGTERM is enough, in time, and nothing was killed for want of memory."""
    compose("stop")
    for service in ("exporter", "gateway", "redis"):
        assert compose.inspect(compose.container(service), "{{.State.ExitCode}} {{.State.OOMKilled}}") == "0 false", (
            service
        )
    for number in (1, 3):
        state = compose.inspect(compose.container("worker", number), "{{.State.ExitCode}} {{.State.OOMKilled}}")
        assert state == "0 false", number
