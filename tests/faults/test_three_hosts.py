"""Three hosts by the shipped systemd units: each dies, and each is cut off and comes back; numbers stay right."""

import asyncio
import contextlib
import itertools
import os
import threading
import time
import urllib.error
import urllib.request

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from metrics.settings import BusinessSettings
from producers.settings import KafkaSettings
from tests.faults import verdict
from tests.faults.load import Load
from tests.faults.machines import READER, Machines, missing
from tests.faults.mixture import mixture

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(4800),
    pytest.mark.flaky(reruns=0),  # of a run this long what went wrong is told at once
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
]
EVERYTHING = ("kafka", "redis", "sentinel", "worker", "ledger", "exporter", "gateway")
UNITS = [EVERYTHING, EVERYTHING, ("kafka", "sentinel", "exporter", "gateway")]
"""Two workers, Redis with a replica, three of everything else."""
RATE = 40
_PORTS = {"exporter": 9808, "gateway": 8080}


class Probe(threading.Thread):
    """Asks a process whether it is ready, four times a second, from another machine."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True)
        self._url = f"http://{address}:{port}/readyz"
        self.samples: list[tuple[float, bool]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        """In the thread."""
        while not self.ended.wait(0.25):
            began = time.monotonic()
            try:
                with urllib.request.urlopen(self._url, timeout=2) as answer:  # noqa: S310 - its own address
                    self.samples.append((began, answer.status == 200))
            except OSError:
                self.samples.append((began, False))

    def is_ready(self, seconds: float = 2.0) -> bool:
        """Whether it has been for so long."""
        last = [ready for at, ready in self.samples[-20:] if at > time.monotonic() - seconds]
        return len(last) >= 3 and all(last)

    def away(self, since: float) -> float:
        """Seconds from then on in which it was not ready."""
        return sum(
            b[0] - a[0] for a, b in zip(self.samples, self.samples[1:], strict=False) if a[0] >= since and not a[1]
        )


class HostsFloor:
    """The three hosts, a load that goes on, and who watches."""

    def __init__(self, machines: Machines, load: Load, kafka: KafkaSettings, business: BusinessSettings) -> None:
        self.machines, self.load, self.kafka, self.business = machines.all, load, kafka, business
        self.probes = {
            (one.name, what): Probe(one.address, port) for one in self.machines for what, port in _PORTS.items()
        }
        for probe in self.probes.values():
            probe.start()
        self.acknowledged: list[tuple[float, int]] = []
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while self.load.is_on:
            self.acknowledged.append((time.monotonic(), self.load.sent))
            time.sleep(0.05)

    def standstill(self, since: float) -> float:
        """The longest time since then in which no event was acknowledged."""
        moved = [since]
        samples = [one for one in self.acknowledged if one[0] >= since]
        moved += [b[0] for a, b in itertools.pairwise(samples) if b[1] > a[1]]
        moved.append(time.monotonic())
        return max(b - a for a, b in itertools.pairwise(moved))

    def until(self, condition, seconds: float, what: str) -> float:
        """How long it took (s)."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                words = "\n".join(one.words() for one in self.machines)
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{words}")
            time.sleep(0.2)
        return time.monotonic() - began

    def ready(self, machines) -> bool:
        """Whether exporter and gateway of these are."""
        return all(self.probes[one.name, what].is_ready() for one in machines for what in _PORTS)

    def in_sync(self) -> bool:
        """Whether every copy of every partition is."""

        async def described():
            admin = AIOKafkaAdminClient(**self.kafka.client_options(), request_timeout_ms=5000)
            try:
                await admin.start()
                topics = await admin.describe_topics(list(await admin.list_topics()))
            finally:
                await admin.close()
            return all(len(one["isr"]) == len(one["replicas"]) == 3 for topic in topics for one in topic["partitions"])

        with contextlib.suppress(Exception):
            return asyncio.run(described())
        return False

    def right(self, machines) -> int:
        """Each of these exporters shows what the log says, to the digit; numbers compared."""
        compared = 0
        for one in machines:
            report = asyncio.run(
                verdict.judge(self.kafka, self.business, 90.0, exporter=f"http://{one.address}:{_PORTS['exporter']}")
            )
            assert report.is_equal, f"{one.name}: " + "\n".join(report.lines())
            compared += report.compared.total()
        return compared


def settings(machines: Machines) -> tuple[KafkaSettings, BusinessSettings]:
    """As the hosts have them."""
    lines = (machines.all[0].upper / "etc/sales-pulse/common.env").read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    kafka = KafkaSettings(kafka_servers=said["SALES_KAFKA_SERVERS"], replication=3, _env_file=None)
    return kafka, BusinessSettings(redis_url=said["SALES_REDIS_URL"], _env_file=None)


@pytest.fixture
def floor(tmp_path, monkeypatch):
    """All of it, ready."""
    monkeypatch.setenv("SALES_WEB_USER", "prometheus")
    monkeypatch.setenv("SALES_WEB_PASSWORD", READER)
    with Machines(tmp_path / "hosts", UNITS) as machines:
        for one in machines.all:
            one.boot()
        kafka, business = settings(machines)
        create = "set -a; . /etc/sales-pulse/common.env; exec /opt/sales-pulse/.venv/bin/sales-pulse topics create"
        deadline = time.monotonic() + 120
        while "differs" not in (said := machines.all[0].do("sh", "-c", create, check=False)) and "created" not in said:
            assert time.monotonic() < deadline, said
            time.sleep(1)
        load = Load(kafka, mixture(1), RATE)
        load.start()
        watched = HostsFloor(machines, load, kafka, business)
        try:
            watched.until(lambda: watched.ready(machines.all), 180, "all are ready")
            yield watched
        finally:
            load._stopping.set()
            for probe in watched.probes.values():
                probe.ended.set()


def test_each_host_dies_and_each_is_cut_off(floor: HostsFloor) -> None:
    """Three hosts: each is cut off for half a minute or more and comes back, then each dies and is started again."""
    lines = []
    for how in ("cut off", "dies"):
        for one in floor.machines:
            others = [other for other in floor.machines if other is not one]
            floor.until(floor.in_sync, 180, "all copies are in sync")
            began = time.monotonic()
            one.die() if how == "dies" else one.cut()
            time.sleep(12)
            floor.until(lambda others=others: floor.ready(others), 180, "the other two are ready")
            standstill = floor.standstill(began)
            away = {what: max(floor.probes[other.name, what].away(began) for other in others) for what in _PORTS}
            compared = floor.right(others)
            if how == "cut off":
                time.sleep(max(0.0, began + 30 - time.monotonic()))
                inside = {what: one.asked(port, "/readyz") for what, port in _PORTS.items()}
                assert inside == dict.fromkeys(_PORTS, "503"), inside
            back = time.monotonic()
            one.boot() if how == "dies" else one.heal()
            floor.until(lambda: floor.ready(floor.machines), 180, "all three are ready again")
            returned = time.monotonic() - back - 2.0
            compared += floor.right([one])
            lines.append(
                f"{time.strftime('%H:%M:%S')} (load {os.getloadavg()[0]:.0f}) {one.name} {how}: no event acknowledged "
                f"for {standstill:.1f} s; not ready on the others: exporter {away['exporter']:.1f} s, gateway "
                f"{away['gateway']:.1f} s; back after {returned:.1f} s; {compared:,} numbers compared, none differs"
            )
            print(f"\n{lines[-1]}", flush=True)
    floor.load.stop()
    log = asyncio.run(verdict.logged(floor.kafka))
    lost = floor.load.values - log.values
    assert not lost, f"{len(lost)} acknowledged events are not in the log"
    assert not [source for source, times in log.letters.items() if times > 1]
    asyncio.run(verdict.caught_up(floor.business, log.ends, 90))
    floor.right(floor.machines)
    print(f"\n{floor.load.sent:,} events acknowledged, {log.records:,} in the log, none lost", flush=True)
