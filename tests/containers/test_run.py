"""The whole service in containers, for real: built, started by compose, a worker killed, every number audited.

By hand (`pytest -m slow tests/containers`): minutes, and an engine is needed. Images are those that
`deploy/containers/build-stand-ins` makes; PULSE_PUBLISHED_IMAGES=1 takes the published ones instead.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml

from deploy.stack.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "crm://example"
PATIENCE = 60.0
"""Seconds for one answer: a backlog is being folded meanwhile, perhaps on two cores."""
TRY = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from producers.kafka_insides import client_of
from producers.settings import KafkaSettings

async def read(topic, options):
    async with AIOKafkaConsumer(**options, auto_offset_reset="earliest") as consumer:
        # A consumer goes on asking for ever for a topic of which it may not even know that it is there.
        await client_of(consumer)._wait_on_metadata(topic)
        consumer.assign([TopicPartition(topic, 0)])
        for _ in range(30):
            await consumer.getmany(timeout_ms=2_000)

async def write(topic, options):
    async with AIOKafkaProducer(**options, request_timeout_ms=10_000) as producer:
        await producer.send_and_wait(topic, b"forged", partition=0)

async def main(action, topic):
    try:
        await {"read": read, "write": write}[action](topic, KafkaSettings().client_options())
        print("done")
    except KafkaError as error:
        print(type(error).__name__)

asyncio.run(main(*sys.argv[1:]))
"""
"""One thing with Kafka, as whoever this container is: says how it went."""
DOORS = """
import socket, sys
for door in sys.argv[1:]:
    host, _, port = door.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
        print(door, "open")
    except OSError:
        print(door, "closed")
"""
"""Which of some addresses can be connected to from a container."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def say(text: str) -> None:
    """One line, or several, of the run's log (`pytest -s` shows it as it grows)."""
    for line in text.rstrip().splitlines():
        print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


class Compose:
    """The compose file as a project of its own, beside whatever else runs, set up as an administrator does."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self.project = f"pulse-test-{secrets.token_hex(3)}"
        self.ports = {name: free_port() for name in ("EXPORTER", "GATEWAY", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
        self.published = "GRAFANA_IMAGE" not in settings
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
        (folder / "deploy").mkdir()
        shutil.copy(ROOT / "deploy" / "compose-env", folder / "deploy")
        subprocess.run([folder / "deploy" / "compose-env"], capture_output=True, check=True)
        self.secrets = folder / ".secrets"
        self.token = self.secret("gateway/sales_gateway_tokens").partition("=")[2]
        self.file = folder / ".env"
        given = {
            **settings,
            **{f"{name}_PORT": str(port) for name, port in self.ports.items()},
            "PULSE_IMAGE": "sales-pulse:test",
            "PULSE_PIP_CERT": os.environ.get("PIP_CERT", os.devnull),
            "PULSE_PIP_CONF": os.environ.get("PIP_CONFIG_FILE", os.devnull),
            "PULSE_SECRETS": str(self.secrets),
            "SALES_STORE": "rocksdb",
            "SALES_MAX_MANAGERS": "1999",
        }
        self.file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))

    def secret(self, name: str) -> str:
        """What one of the files says that `deploy/compose-env` made."""
        return (self.secrets / name).read_text().strip()

    def __call__(self, *arguments: str, timeout: float = 300, check: bool = True) -> str:
        """Run `docker compose`; gives what it printed."""
        done = subprocess.run(
            ["docker", "compose", "--env-file", self.file, "-p", self.project, "--profile", "demo", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Start until everything is healthy, without Grafana where it has no image."""
        without = [] if self.published else ["--scale", "grafana=0", "--scale", "playlist=0"]
        options = [*arguments, "--wait", "--scale", "worker=3", *without]
        say(f"docker compose up {' '.join(options)}")
        self("up", *options, timeout=1200)
        say(self("ps", "--format", "table {{.Service}}\t{{.Name}}\t{{.Status}}"))

    def container(self, service: str, number: int = 1) -> str:
        return f"{self.project}-{service}-{number}"

    def inspect(self, container: str, template: str) -> str:
        done = subprocess.run(
            ["docker", "inspect", "-f", template, container], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def redis(self, user: str, *command: str) -> str:
        """What Redis answers to one of its users."""
        password = self.secret(f"redis/{user}") if user != "default" else "x"
        client = "$(command -v valkey-cli || command -v redis-cli)"
        script = f"REDISCLI_AUTH={password} {client} --user {user} {shlex.join(command)}"
        return self("exec", "-T", "redis", "sh", "-c", script, check=False)

    @property
    def wall(self) -> tuple[str, str]:
        """The user for people."""
        return "wall", self.secret("web/wall_password")

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
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
    found = Compose(settings, tmp_path_factory.mktemp("compose"))
    try:
        found.up("--build", "--detach")
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


def test_prometheus_reaches_everything_and_no_rule_fails(compose: Compose) -> None:
    """Each job has targets, all of them answer, each rule was evaluated, and an alert reaches Alertmanager."""
    told = yaml.safe_load((ROOT / "deploy/containers/prometheus.yml").read_text())["scrape_configs"]
    api = f"{compose.url('PROMETHEUS')}/api/v1"
    deadline = time.monotonic() + 300
    while True:
        targets = httpx.get(f"{api}/targets", timeout=PATIENCE).json()["data"]["activeTargets"]
        groups = httpx.get(f"{api}/rules", timeout=PATIENCE).json()["data"]["groups"]
        wrong = [f"{one['scrapePool']} {one['lastError']}" for one in targets if one["health"] != "up"]
        wrong += [
            f"{one['name']} {one['health']}" for group in groups for one in group["rules"] if one["health"] != "ok"
        ]
        wrong += sorted({job["job_name"] for job in told} - {one["scrapePool"] for one in targets})
        if not wrong:
            break
        assert time.monotonic() < deadline, wrong
        time.sleep(5)
    until("Watchdog", f"{compose.url('ALERTMANAGER')}/api/v2/alerts", 60)


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


def test_hot_modules_are_compiled(compose: Compose) -> None:
    """The stand-in for a base has neither headers nor a compiler: the build fetched them, and left neither behind."""
    assert compose("exec", "-T", "worker", "sales-pulse", "--version").rstrip().endswith("(compiled)")
    assert "sales-pulse-compiled" in compose("exec", "-T", "worker", "cat", "/opt/sales-pulse/sbom.cdx.json")


def test_what_stands_in_env_reaches_the_worker(compose: Compose) -> None:
    """Clients are on disk, in a folder of the worker's own on the volume; the exporter shows so many managers."""
    said = compose(
        "exec",
        "-T",
        "worker",
        "sh",
        "-c",
        "echo $SALES_STORE $SALES_MAX_MANAGERS; find /data -name '*.sst' -o -name CURRENT",
    )
    assert said.startswith("rocksdb 1999\n")
    assert "/CURRENT" in said


def test_no_password_is_in_sight(compose: Compose) -> None:
    """Neither the engine's description of a container nor its processes' arguments or environment has one."""
    known = {path.read_text().strip() for path in compose.secrets.glob("*/*")}
    known |= {text.partition("=")[2] for text in known if text.startswith("crm://")}
    ids = compose("ps", "--all", "--quiet").split()
    assert len(ids) > 10
    told = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True).stdout
    told += compose("top")
    assert not [password for password in known if password in told]


def test_every_container_is_bounded(compose: Compose) -> None:
    """As the engine has it: memory, processes, processors, logs, a root that cannot be written on, no rights."""
    for name in compose("ps", "--all", "--quiet").split():
        (found,) = json.loads(subprocess.run(["docker", "inspect", name], capture_output=True, check=True).stdout)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] is True, found["Name"]
        assert host["PidsLimit"] > 0
        assert host["Memory"] > 0
        assert host["NanoCpus"] > 0
        assert host["LogConfig"]["Config"]["max-size"] == "10m"
        assert host["CapDrop"] == ["ALL"]
        assert host["CapAdd"] is None
        assert not [mount for mount in found["Mounts"] if re.fullmatch("[0-9a-f]{64}", mount.get("Name", ""))], name


def test_redis_is_full_before_it_is_killed(compose: Compose) -> None:
    limit = int(compose.inspect(compose.container("redis"), "{{.HostConfig.Memory}}"))
    said = compose.redis("sales", "info", "memory")
    assert 0 < int(re.findall(r"^maxmemory:(\d+)", said, re.MULTILINE)[0]) < limit * 0.8
    assert "maxmemory_policy:noeviction" in said


def test_the_gateway_sees_nothing_in_redis_but_senders(compose: Compose) -> None:
    assert "NOPERM" in compose.redis("gateway", "hgetall", "{sales-pulse}:workers")
    assert "NOPERM" in compose.redis("gateway", "flushall")
    assert "NOPERM" in compose.redis("sales", "get", "another")
    assert "NOAUTH" in compose.redis("default", "ping")


@pytest.mark.parametrize(
    ("service", "action", "topic"),
    [
        ("gateway", "read", "sales.events"), ("gateway", "write", "sales-pulse-cells-changelog"),
        ("ledger", "write", "sales.events"), ("ledger", "write", "sales.reference"),
        ("worker", "write", "sales.reference"), ("worker", "read", "sales.identities"),
        ("topics", "read", "sales.events"), ("topics", "write", "sales.events"),
    ],
)  # fmt: skip
def test_a_user_of_kafka_can_do_nothing_else(compose: Compose, service: str, action: str, topic: str) -> None:
    """Over the network, as the process that it is, with the files that its container has."""
    said = compose("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", service, "-c", TRY, action, topic)
    assert said.strip().endswith("TopicAuthorizationFailedError"), said


def test_kafka_wants_a_password(compose: Compose) -> None:
    """And the listeners that want none are not reached from another container."""
    doors = ("kafka:9092", "kafka:9093", "kafka:9094")
    said = compose("exec", "-T", "worker", "python", "-c", DOORS, *doors)
    assert said.splitlines() == ["kafka:9092 open", "kafka:9093 closed", "kafka:9094 closed"]
    anonymous = ("--env", "SALES_KAFKA_SECURITY_PROTOCOL=PLAINTEXT")
    said = compose("run", "--rm", "-T", "--no-deps", *anonymous, "topics", "topics", "create", check=False, timeout=120)
    assert "found" not in said


def test_networks_lead_nowhere_else(compose: Compose) -> None:
    """The engine lets nothing out of two of them, nor from one to another; Prometheus knows no name of the back."""
    engine = ["docker", "network", "inspect", "--format", "{{.Internal}}"]
    for name in ("back", "monitoring"):
        done = subprocess.run([*engine, f"{compose.project}_{name}"], capture_output=True, text=True, check=True)
        assert done.stdout == "true\n", name
    addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    there = compose.inspect(compose.container("prometheus"), addresses).split()
    assert len(there) == 2
    said = compose("exec", "-T", "ledger", "python", "-c", DOORS, *(f"{address}:9090" for address in there))
    assert said.splitlines() == [f"{address}:9090 closed" for address in there]
    said = compose("exec", "-T", "worker", "python", "-c", DOORS, "prometheus.monitoring:9090")
    assert said.splitlines() == ["prometheus.monitoring:9090 open"], "who shares a network, as a proof of the question"
    for name in ("kafka", "redis", "ledger"):
        said = compose("exec", "-T", "prometheus", "sh", "-c", f"getent hosts {name} || echo unknown")
        assert "unknown" in said, name


def query(compose: Compose, text: str) -> float:
    answer = httpx.get(f"{compose.url('PROMETHEUS')}/api/v1/query", params={"query": text}, timeout=PATIENCE)
    result = answer.json()["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


@pytest.mark.parametrize("service", ["exporter", "redis", "kafka"])
def test_what_crashes_comes_back(compose: Compose, service: str) -> None:
    """By itself, and numbers are fresh again; what they are is for the audit below."""
    name = compose.container(service)
    os.kill(int(compose.inspect(name, "{{.State.Pid}}")), 9)
    deadline = time.monotonic() + 180
    while compose.inspect(name, "{{.RestartCount}} {{.State.Health.Status}}") != "1 healthy":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    until('"status":"ok"', f"{compose.url('EXPORTER')}/readyz", 180, compose.wall)
    say(f"{name} crashed, and is back")


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


def test_down_and_up_again_doubles_nothing(compose: Compose) -> None:
    """Numbers as before, of one exporter; nothing stays behind that has no name."""
    total = 'sum(company:sales_calls:sum{window="day",period="current"})'
    before = _settled(compose, total)
    compose("down", "--timeout", "30")
    left = subprocess.run(
        ["docker", "volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={compose.project}"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    everything = subprocess.run(["docker", "volume", "ls", "--quiet"], capture_output=True, text=True, check=True)
    assert left
    assert not [name for name in everything.stdout.split() if re.fullmatch("[0-9a-f]{64}", name)]
    compose.up("--detach", "--scale", "simulator=0")
    deadline = time.monotonic() + 120
    while query(compose, 'count(up{job="sales-exporter"} == 1)') != 1 or query(compose, total) == 0:
        assert time.monotonic() < deadline
        time.sleep(1)
    for _ in range(10):
        time.sleep(2)
        assert query(compose, 'count(up{job="sales-exporter"})') == 1
        assert query(compose, total) == before


def _settled(compose: Compose, text: str) -> float:
    """A number once it has stood still for three evaluations."""
    deadline, found = time.monotonic() + 180, [0.0]
    while len(found) < 4 or len(set(found[-4:])) > 1 or not found[-1]:
        assert time.monotonic() < deadline, found
        time.sleep(16)
        found.append(query(compose, text))
    return found[-1]


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
