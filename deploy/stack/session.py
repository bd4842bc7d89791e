"""One run of the local stack, as a person sees it: what starts, how long it took, where to look, how it ends."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from deploy.stack import kafka
from deploy.stack.folder import note
from deploy.stack.http import answers_ok
from deploy.stack.local import LocalStack
from deploy.stack.supervisor import Service, Stopped, Supervisor

_PATIENCE = 600.0
"""So long (s) the wall may take to fill before we say so and go on."""


class Session:
    """Starts the stack, tells about it, and keeps it until a signal. `began` is the monotonic time of the start."""

    def __init__(self, stack: LocalStack, *, began: float, console: Console | None = None) -> None:
        self.stack = stack
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.began = began
        self.supervisor = Supervisor(self._tell)

    def run(self) -> None:
        """Run until a signal comes. Raises StartError when a part does not start; then all are ended first."""
        self.supervisor.handle_signals()
        try:
            with self.console.status("Starting …") as status:
                self._start(status)
                self._fill(status)
            self._summary()
            self.supervisor.run()
        except Stopped:
            self.console.print("Stopping …")
        finally:
            ended = time.monotonic()
            self.supervisor.stop()
            self.console.print(
                f"Stopped in {time.monotonic() - ended:.1f} s; data stays in {self._short(self.stack.folder)}"
            )

    def _start(self, status: Status) -> None:
        for name in self.stack.missing():
            self.console.print(f"  [yellow]–[/] {name:<13} is not installed; going on without")
        for text in self.stack.warnings():
            self.console.print(f"  [yellow]![/] prometheus    {text}")
        if "kafka" in self.stack.parts and not kafka.downloaded():
            self.console.print(f"  [dim]·[/] kafka         downloading Kafka {kafka.VERSION} (once)")
            kafka.classpath()
        status.update("Starting Kafka and Redis …")
        self.supervisor.start(self.stack.servers())
        self.stack.write_settings()
        note(self.stack.folder, self.stack.wall if "exporter" in self.stack.parts else "")
        if "kafka" in self.stack.parts:
            self._topics()
        status.update("Starting the pipeline …")
        self.supervisor.start(self.stack.processes())
        self.supervisor.start(self.stack.walls())
        self.supervisor.start(self.stack.simulator())

    def _topics(self) -> None:
        from producers.clock import mend
        from producers.settings import KafkaSettings
        from producers.topics import ensure

        settings = KafkaSettings(kafka_servers=self.stack.settings["SALES_KAFKA_SERVERS"])
        if asyncio.run(ensure(settings)).clocks:
            for line in asyncio.run(mend(settings)):  # topics of before senders' clocks were refused
                self.console.print(f"  [dim]·[/] topics        {line}")
        for difference in asyncio.run(ensure(settings)).differences:
            self.console.print(f"  [yellow]![/] topics        {difference}")

    def _fill(self, status: Status) -> None:
        """Wait until the wall shows the whole past. It can be opened before; so it is named at once."""
        if "exporter" not in self.stack.parts:
            return
        self.console.print(f"  [dim]·[/] the wall fills {self.stack.wall}")
        began, wall_clock = time.monotonic(), time.time()
        while not self._filled(wall_clock, status):
            if time.monotonic() - began > _PATIENCE:
                self.console.print("  [yellow]![/] the wall is still not full; see the logs. Going on.")
                return
            self.supervisor.watch()
            time.sleep(0.2)

    def _filled(self, since: float, status: Status) -> bool:
        """Whether the simulator has sent all up to `since` (Unix s), and the exporter vouches for its view."""
        if "simulator" in self.stack.parts:
            sent = _sent_until(self.stack.simulator_state)
            if sent is None or sent < since - 2:
                day = "…" if sent is None else datetime.fromtimestamp(sent, UTC).date().isoformat()
                status.update(f"Filling the wall: {day}")
                return False
        if "worker" in self.stack.parts:
            behind = _behind(self.stack.url("worker", "/metrics"))
            if behind is None or behind > max(100, 2 * self.stack.floor.events_per_second):
                status.update(f"Filling the wall: {behind or 0:,.0f} events to fold")
                return False
        status.update("Waiting for the exporter …")
        return answers_ok(self.stack.url("exporter", "/readyz"))

    def _summary(self) -> None:
        """Say where everything is, the wall first."""
        table = Table.grid(padding=(0, 2))
        if "exporter" in self.stack.parts:
            table.add_row("[bold]Wall[/]", f"[bold cyan]{self.stack.wall}[/]")
            table.add_row("Metrics", self.stack.url("exporter", "/metrics"))
        if "gateway" in self.stack.parts:
            table.add_row("Gateway", self.stack.url("gateway", "/docs"))
        for service in self.supervisor.services:
            if service.name in ("grafana", "prometheus", "alertmanager", "kafka", "redis"):
                table.add_row(service.name.capitalize(), service.address)
        table.add_row("Logs", self._short(self.stack.logs))
        self.console.print()
        self.console.print(f"Ready in {time.monotonic() - self.began:.0f} s. Ctrl-C stops everything.")
        self.console.print(table)

    def _tell(self, service: Service | None, text: str) -> None:
        if service is None:
            self.console.print(f"  [yellow]![/] {text}")
        elif text == "ready":
            self.console.print(f"  [green]✓[/] {service.name:<13} {service.address:<28} [dim]{service.took:.1f} s[/]")
        else:
            self.console.print(f"  [red]✗[/] {service.name:<13} {escape(text)}")

    def _short(self, path: Path) -> str:
        """The path as the person would type it."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _sent_until(state: Path) -> float | None:
    """Unix time (s) up to which the simulator has sent; None before its first note."""
    try:
        return float(json.loads(state.read_bytes())["until_us"]) / 1e6
    except (OSError, ValueError, KeyError):
        return None


def _behind(metrics: str) -> float | None:
    """Events that the worker has not folded yet, over all partitions; None while it does not say."""
    from prometheus_client.parser import text_string_to_metric_families

    from metrics.catalogue import service

    try:
        text = httpx.get(metrics, timeout=2, trust_env=False).raise_for_status().text
    except httpx.HTTPError:
        return None
    lags = [
        sample.value
        for family in text_string_to_metric_families(text)
        if family.name == service.LAG.name
        for sample in family.samples
    ]
    return sum(lags) if lags else None
