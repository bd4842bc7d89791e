"""What `sales-pulse up` consists of: which programs, in which stages, on which addresses, with which settings."""

import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy.installation import written
from deploy.misspelt import settings_of
from deploy.stack import alertmanager, grafana, kafka, prometheus
from deploy.stack.allowance import Allowance
from deploy.stack.folder import remember, remembered
from deploy.stack.http import answers_ok
from deploy.stack.ports import free_port
from deploy.stack.program import Program
from deploy.stack.redis import RedisServer
from deploy.stack.supervisor import Service
from grafana.channels import AlertSettings
from grafana.look import Look
from metrics.settings import PublicSettings

PARTS = (
    *("kafka", "redis", "worker", "ledger", "exporter", "gateway", "simulator"),
    *("prometheus", "past", "alertmanager", "grafana"),
)
"""Everything that can be started, in the order of their start."""
ROOT = Path(__file__).resolve().parents[2]
"""Where the repository (or the installed package) lies."""
_PORTS = {
    "exporter": 9808, "worker": 9809, "ledger": 9810, "gateway": 8080, "prometheus": 9090, "past": 9091,
    "alertmanager": 9093, "grafana": 3000, "redis": 6379, "kafka": 9092,
}  # fmt: skip
_LISTEN = {
    "exporter": "SALES_EXPORTER_LISTEN",
    "worker": "SALES_WORKER_METRICS_LISTEN",
    "ledger": "SALES_LEDGER_LISTEN",
    "gateway": "SALES_GATEWAY_LISTEN",
}

_SCRAPED = ("exporter", "worker", "gateway")


@dataclass(frozen=True)
class Floor:
    """The simulated floor: people, events per second in real time, and days of the past to begin with."""

    managers: int = 40
    events_per_second: float = 20
    backlog_days: int = 60


class LocalStack:
    """The chosen parts in one folder; makes services and the settings that lead to them, starts nothing."""

    def __init__(self, folder: Path, parts: Collection[str], floor: Floor) -> None:
        self.folder = folder.absolute()
        self.parts = [part for part in PARTS if part in parts]
        self.floor = floor
        self.settings: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self._last = remembered(self.folder)
        self._allowance = Allowance.of({**settings_of(self.folder.parent / ".env"), **os.environ})
        watching = ("prometheus", "past", "alertmanager", "grafana")
        self._addresses = {name: self._address(name) for name in (*_LISTEN, *watching)}
        self.settings |= {setting: self._addresses[name] for name, setting in _LISTEN.items() if name in self.parts}
        if "ledger" in self.parts:
            self.settings["SALES_LEDGER_ADDRESS"] = self._ledger
            self.settings["SALES_LEDGER_URL"] = f"sqlite:///{quote(str(self.folder / 'ledger' / 'ledger.sqlite'))}"
        self._publish()

    def _address(self, name: str) -> str:
        self.ports[name] = free_port(*self._preferred(name))
        return f"127.0.0.1:{self.ports[name]}"

    def _preferred(self, name: str) -> tuple[int | None, int]:
        return self._last.get(name), _PORTS[name]

    def _publish(self) -> None:
        """Where people find exporter and Grafana, unless they have said so themselves."""
        stated = PublicSettings(_env_file=self.folder.parent / ".env").model_fields_set
        for name, part in (("public_url", "exporter"), ("grafana_url", "grafana")):
            if name not in stated and part in self.parts:
                self.settings[f"SALES_{name.upper()}"] = f"http://{self._addresses[part]}"

    @property
    def _ledger(self) -> str:
        return f"http://{self._addresses['ledger']}"

    @property
    def generated(self) -> Path:
        """Folder of what Prometheus, Alertmanager and Grafana read here."""
        return self.folder / "generated"

    def generate(self) -> None:
        """Write dashboards, rules and alerts by the settings in force. Raises ValidationError."""
        written(self.generated, self._look())

    def _look(self) -> Look:
        addresses: dict[str, Any] = {
            name: self.settings[f"SALES_{name.upper()}"]
            for name in ("public_url", "grafana_url")
            if f"SALES_{name.upper()}" in self.settings
        }
        return Look.of(AlertSettings(_env_file=self.folder.parent / ".env", **addresses))

    @property
    def logs(self) -> Path:
        """Folder with one log file per program."""
        return self.folder / "logs"

    @property
    def wall(self) -> str:
        """Address of the wall."""
        return f"http://{self._addresses['exporter']}/"

    def url(self, part: str, path: str = "/") -> str:
        """Address of a page of one of our own processes."""
        return f"http://{self._addresses[part]}{path}"

    def servers(self) -> list[Service]:
        """First stage: Kafka and Redis, and the settings that lead to them."""
        services = []
        if "kafka" in self.parts:
            cluster = kafka.KafkaCluster(
                self.folder / "kafka", heap="640m", preferred=self._preferred("kafka"), logs=self.logs
            )
            node = cluster.nodes[0]
            self.ports["kafka"] = node.port
            self.settings["SALES_KAFKA_SERVERS"] = cluster.servers
            services.append(Service("kafka", node, lambda: node.ready, timeout=90, address=cluster.servers))
        if "redis" in self.parts:
            server = RedisServer(
                self.folder / "redis", log=self.logs / "redis.log", preferred=self._preferred("redis"), persist=True
            )
            self.ports["redis"] = server.port
            self.settings["SALES_REDIS_URL"] = server.url
            services.append(Service("redis", server, lambda: server.ready, address=server.url))
        return services

    def processes(self) -> list[Service]:
        """Second stage: our own servers, and what watches them."""
        self.generate()
        running = {name: self._addresses[name] for name in _SCRAPED if name in self.parts}
        services = [self._own(name) for name in ("worker", "ledger", "exporter", "gateway") if name in self.parts]
        if "alertmanager" in self.parts and alertmanager.binary():
            warden = alertmanager.Alertmanager(
                self.folder / "alertmanager",
                port=self.ports["alertmanager"],
                generated=self.generated,
                log=self.logs / "alertmanager.log",
            )
            services.append(Service("alertmanager", warden, lambda: warden.ready, address=warden.url))
            running["alertmanager"] = warden.address
        if "prometheus" in self.parts and prometheus.binary():
            server = prometheus.Prometheus(
                self.folder / "prometheus",
                port=self.ports["prometheus"],
                generated=self.generated,
                targets=running,
                allowance=self._allowance,
                log=self.logs / "prometheus.log",
            )
            services.append(Service("prometheus", server, lambda: server.ready, address=server.url))
        return services + self._past()

    def _past(self) -> list[Service]:
        """The Prometheus of the past, and what keeps it filled."""
        if "past" not in self.parts or not prometheus.past_tools():
            return []
        folder = self.folder / "past"
        server = prometheus.PastPrometheus(
            folder / "data", port=self.ports["past"], generated=self.generated, log=self.logs / "past.log"
        )
        filling = self._program("history", "fill", "--nightly", f"--folder={folder}", log="history")
        return [
            Service("past", server, lambda: server.ready, address=server.url),
            Service("history", filling, lambda: filling.running),
        ]

    def walls(self) -> list[Service]:
        """Third stage: Grafana with every wall, and the job that puts the rotation into it."""
        if "grafana" not in self.parts or not grafana.binary():
            return []
        server = grafana.Grafana(
            self.folder / "grafana",
            port=self.ports["grafana"],
            generated=self.generated,
            prometheus=f"http://{self._addresses['prometheus']}",
            past=f"http://{self._addresses['past']}",
            timezone=self._look().timezone,
            log=self.logs / "grafana.log",
        )
        rotation = server.playlist()
        return [
            Service("grafana", server, lambda: server.ready, timeout=120, address=server.url),
            Service("playlist", rotation, lambda: rotation.returncode == 0, timeout=120, finite=True),
        ]

    def simulator(self) -> list[Service]:
        """Last stage: the floor itself. It remembers how far it came, so a second start goes on."""
        if "simulator" not in self.parts:
            return []
        floor = self.floor
        program = self._program(
            "simulate",
            f"--managers={floor.managers}",
            f"--events-per-second={floor.events_per_second:g}",
            f"--backlog-days={floor.backlog_days}",
            f"--state={self.simulator_state}",
            log="simulator",
        )
        people = f"{floor.managers} managers, {floor.events_per_second:g} events/s"
        return [Service("simulator", program, lambda: program.running, address=people, finite=True)]

    @property
    def simulator_state(self) -> Path:
        """File in which the simulator notes how far it came."""
        return self.folder / "simulator.json"

    def missing(self) -> list[str]:
        """Wanted parts whose binaries are not installed; the stack does without them."""
        binaries = {
            "prometheus": prometheus.binary,
            "past": prometheus.past_tools,
            "alertmanager": alertmanager.binary,
            "grafana": grafana.binary,
        }
        return [name for name, find in binaries.items() if name in self.parts and not find()]

    def warnings(self) -> list[str]:
        """What a person should hear of what Prometheus may take here."""
        asked = "prometheus" in self.parts and prometheus.binary()
        return list(self._allowance.warnings(self.folder / "prometheus" / "data")) if asked else []

    def _own(self, name: str) -> Service:
        url, port = self.url(name, "/healthz"), self.ports[name]
        program = self._program(name)
        return Service(
            name, program, lambda: program.listens(port) and answers_ok(url), timeout=90, address=self.url(name)
        )

    def _program(self, command: str, *arguments: str, log: str | None = None) -> Program:
        """One of our own commands. The addresses of this stack win over what the environment says."""
        argv = [sys.executable, "-m", "deploy.cli", command, *arguments]
        # Without a ledger here, that of another stack must not answer.
        environment = {**os.environ, "SALES_LEDGER_ADDRESS": self._ledger, **self.settings}
        name = log or command
        return Program(name, argv, log=self.logs / f"{name}.log", env=environment, cwd=self.folder.parent)

    def write_settings(self) -> Path:
        """Write `stack.env`, which every command run in the folder above reads. Returns its path."""
        remember(self.folder, self.ports)
        file = self.folder / "stack.env"
        lines = [f"{name}={value}" for name, value in sorted(self.settings.items())]
        note = "# Addresses of the running local stack; written by `sales-pulse up`, removed when it ends."
        file.write_text("\n".join([note, *lines, ""]))
        return file
