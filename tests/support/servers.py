"""Real servers for tests: one named by environment, else a container, else the local stack; it says which.

For fault tests, `kafka_cluster(folder, n)` and `redis_server(folder)` are the stack's own classes with all their
handles (`start`, `stop`, `kill`, `pause`, `resume`), each on free ports and in its own folder.
"""

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.kafka import VERSION, KafkaCluster
from deploy.stack.ports import free_port
from deploy.stack.redis import RedisServer

KAFKA_IMAGE = f"apache/kafka:{VERSION}"
REDIS_IMAGE = "redis:7"


@dataclass(frozen=True)
class Service:
    """A running server: its address and how it came to be, for the person who reads the test's output."""

    address: str
    origin: str


def kafka_cluster(folder: Path, nodes: int = 3) -> KafkaCluster:
    """A Kafka cluster to break, not started: use it as a context manager or call `start` and `stop`."""
    return KafkaCluster(folder / "kafka", nodes)


def redis_server(folder: Path) -> RedisServer:
    """A Redis to break, not started, in memory only."""
    return RedisServer(folder / "redis")


def image_at_hand(image: str) -> bool:
    """Whether a docker engine answers and has the image already (a test never pulls one)."""
    if not (docker := shutil.which("docker")):
        return False
    try:
        asked = subprocess.run([docker, "image", "inspect", image], capture_output=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@contextmanager
def kafka_service(folder: Path) -> Iterator[Service]:
    """A Kafka to use as it is; shared by all tests of a session."""
    if servers := os.environ.get("TEST_KAFKA_SERVERS"):
        yield Service(servers, "TEST_KAFKA_SERVERS")
    elif image_at_hand(KAFKA_IMAGE):
        with _kafka_container() as address:
            yield Service(address, f"container {KAFKA_IMAGE}")
    else:
        with KafkaCluster(folder / "kafka") as cluster:
            yield Service(cluster.servers, f"local stack, Kafka {VERSION}")


@contextmanager
def redis_service(folder: Path) -> Iterator[Service]:
    """A Redis to use as it is; shared by all tests of a session."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield Service(url, "TEST_REDIS_URL")
    elif image_at_hand(REDIS_IMAGE):
        with _redis_container() as address:
            yield Service(address, f"container {REDIS_IMAGE}")
    else:
        with RedisServer(folder / "redis") as server:
            yield Service(server.url, f"local stack, {Path(server.argv[0]).name}")


@contextmanager
def _kafka_container() -> Iterator[str]:
    """Kafka in a container; a fixed host port, since the broker must advertise the port that clients see."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    }
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in settings.items():
        container = container.with_env(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        container.start()
        wait_for_logs(container, "Kafka Server started", timeout=60)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()


@contextmanager
def _redis_container() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from testcontainers.redis import RedisContainer

        container = RedisContainer(REDIS_IMAGE)
        container.start()
    try:
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
    finally:
        container.stop()
