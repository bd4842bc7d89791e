"""The local stack's servers are real: they serve, keep data, come back, and break on request."""

import asyncio
import signal
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.stack.redis import RedisServer
from tests.support.servers import kafka_cluster

pytestmark = pytest.mark.integration


async def _create(servers: str, topic: str, replicas: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, replicas)])
    finally:
        await admin.close()


async def _send(servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, compression_type="lz4", acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def _read(servers: str, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(20):
            return [(await consumer.getone()).value for _ in range(count)]


async def test_kafka_serves(kafka: str, topic_prefix: str) -> None:
    """A compressed record comes back as it was sent."""
    topic = f"{topic_prefix}.events"
    await _create(kafka, topic)
    await _send(kafka, topic, b"hello")
    assert await _read(kafka, topic, 1) == [b"hello"]


def test_redis_serves(redis_url: str, app_id: str) -> None:
    """A value comes back, and scripts run."""
    with redis.Redis.from_url(redis_url) as client:
        client.set(app_id, b"x", ex=10)
        assert client.get(app_id) == b"x"
        assert client.eval("return 7", 0) == 7


async def test_kafka_survives_kill_and_freeze(tmp_path: Path) -> None:
    """What was acknowledged is there after SIGKILL and after a clean stop, on the same port."""
    cluster = kafka_cluster(tmp_path, 1)
    node = cluster.nodes[0]
    try:
        cluster.start()
        await _create(cluster.servers, "t")
        await _send(cluster.servers, "t", b"1")
        node.kill()
        assert node.returncode == -signal.SIGKILL
        cluster.start()
        node.pause()
        assert node.running
        node.resume()
        await _send(cluster.servers, "t", b"2")
        cluster.stop()
        assert not node.running
        cluster.start()
        assert await _read(cluster.servers, "t", 2) == [b"1", b"2"]
    finally:
        cluster.kill()


def test_redis_keeps_data_when_asked(tmp_path: Path) -> None:
    """`persist` brings the data back in the next run, also on another port."""
    with RedisServer(tmp_path, persist=True) as first, redis.Redis.from_url(first.url) as client:
        client.set("a", "1")
    with RedisServer(tmp_path, persist=True) as second, redis.Redis.from_url(second.url) as client:
        assert client.get("a") == b"1"


@pytest.mark.faults
async def test_three_nodes_survive_one(tmp_path: Path) -> None:
    """With three nodes, records stay readable and writable when one is killed."""
    with kafka_cluster(tmp_path, 3) as cluster:
        await _create(cluster.servers, "t", replicas=3)
        await _send(cluster.servers, "t", b"1")
        cluster.nodes[0].kill()
        await _send(cluster.servers, "t", b"2")
        assert await _read(cluster.servers, "t", 2) == [b"1", b"2"]
