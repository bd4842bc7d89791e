"""The SDK against a real Kafka: what is published lies there, in order, once, where the contract says."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.client import AIOKafkaClient

from deploy.stack.ports import free_port
from producers import topics
from producers.errors import EventRefused, EventTooLarge, KafkaRejected, KafkaUnavailable, PublisherClosed
from producers.events import ChatMessage, CostBooked, ManagerChanged, intake, wire
from producers.events.intake import record_size
from producers.letters import Unusable, closing
from producers.partitioner import partition_for
from producers.publisher import CONTENT_TYPE, SalesPublisher
from producers.settings import KafkaSettings
from tests.support.servers import kafka_cluster


@pytest.fixture
async def settings(kafka: str, topic_prefix: str) -> KafkaSettings:
    made = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix, partitions=4)
    await topics.ensure(made)
    return made


def message(n: int, **changes: Any) -> ChatMessage:
    fields: dict[str, Any] = {
        "source": "widget://site",
        "time": "2026-11-23T09:16:00Z",
        "id": f"e-{n}",
        "chat_id": f"ch-{n % 7}",
        "client_id": f"cl-{n % 7}",
        "author": "client",
    }
    return ChatMessage.of(**{**fields, **changes})


async def everything(settings: KafkaSettings, topic: str, count: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(topic, **settings.client_options(), auto_offset_reset="earliest")
    async with asyncio.timeout(30), consumer:
        return [await consumer.getone() for _ in range(count)]


@pytest.mark.integration
async def test_published_events_count(settings: KafkaSettings):
    """One, many, and many from an async source: all pass the intake, in order per client, headers set."""

    async def source() -> AsyncIterator[ChatMessage]:
        for n in range(2001, 3001):
            await asyncio.sleep(0)
            yield message(n)

    async with SalesPublisher(settings) as publisher:
        receipt = await publisher.publish(message(0))
        assert await publisher.publish_many(message(n) for n in range(1, 2001)) == 2000
        assert await publisher.publish_many(source()) == 1000
    records = await everything(settings, settings.events_topic, 3001)
    for record in records:
        event = intake.check(record)
        assert record.partition == partition_for(record.key, 4)
        assert dict(record.headers) == {"content-type": b"application/cloudevents+json"}
        if event.id == "e-0":
            assert (record.topic, record.partition, record.offset) == receipt
    for client in range(7):
        numbers = [int(wire.decode(r.value).id[2:]) for r in records if r.key == f"cl-{client}".encode()]
        assert numbers == sorted(numbers)
        assert len(numbers) == len(set(numbers))


@pytest.mark.integration
async def test_topics_and_keys(settings: KafkaSettings):
    """Reference events go to their topic under their key, costs under their id, structs like models."""
    common: dict[str, Any] = {"source": "crm://x", "time": "2026-11-23T09:16:00Z"}
    async with SalesPublisher(settings) as publisher:
        manager = ManagerChanged.of(**common, manager_id="m", name="Анна", team_id="t", active=True)
        assert (await publisher.publish(manager)).topic == settings.reference_topic
        cost = CostBooked.of(**common, cost_id="k-1", amount="5", currency="RUB", category="ads")
        await publisher.publish(wire.decode(cost.to_json()))
    (record,) = await everything(settings, settings.reference_topic, 1)
    assert intake.check_reference(record).data.name == "Анна"
    (record,) = await everything(settings, settings.events_topic, 1)
    assert record.key == b"k-1"


@pytest.mark.integration
async def test_dead_letters(settings: KafkaSettings):
    """A connector's letter and the mark that closes it arrive in order, with their headers, on one partition."""
    what = Unusable.of("bitrix24", "bitrix24://p", "deal 1", b"{}", "deal 1: amount is not an amount")
    async with SalesPublisher(settings) as publisher:
        mark = closing("bitrix24", what.number)
        await publisher.publish_letters([(what.key, what.value, what.headers(5)), (what.key, None, mark)])
    letter, closed = await everything(settings, settings.dead_letters_topic, 2)
    assert (letter.key, letter.value, closed.value) == (b"deal 1", b"{}", None)
    assert letter.partition == closed.partition
    assert dict(letter.headers)["detail"] == b"deal 1: amount is not an amount"
    assert dict(letter.headers)["source_offset"] == dict(closed.headers)["source_offset"]
    assert dict(closed.headers)["closed"] == b"replayed"


@pytest.mark.integration
async def test_many_at_once_share_a_small_budget(settings: KafkaSettings):
    """With room for a few records only, concurrent publishers wait, none is lost, offsets are all different."""
    async with SalesPublisher(settings, in_flight_bytes=2_000) as publisher:
        receipts = await asyncio.gather(*(publisher.publish(message(n)) for n in range(500)))
    assert len({(r.partition, r.offset) for r in receipts}) == 500


@pytest.mark.integration
async def test_what_consumers_would_refuse_is_not_sent(settings: KafkaSettings):
    """Events against the contract raise before anything is sent."""
    good = message(1)
    broken = wire.ChatMessage(
        specversion="1.0", id="x", source="a b", time=good.time, data=wire.decode(good.to_json()).data
    )
    async with SalesPublisher(settings) as publisher:
        with pytest.raises(EventRefused, match="source"):
            await publisher.publish(broken)
        with pytest.raises(EventRefused, match="wrong_key"):
            await publisher.publish(good.model_copy(update={"partitionkey": "other"}))
        with pytest.raises(EventTooLarge):
            await publisher.publish_raw(b"cl-1", b"x" * (256 * 1024 + 1))
        assert (await publisher.publish(good)).offset == 0
    with pytest.raises(PublisherClosed):
        await publisher.publish(good)


@pytest.mark.integration
async def test_the_largest_event_arrives(settings: KafkaSettings):
    """256 KiB that no codec makes smaller are within every limit on the way: key and header count."""
    value = random.Random(1).randbytes(256 * 1024 - len(b"cl-1") - record_size(None, None, CONTENT_TYPE))
    async with SalesPublisher(settings, compression=None) as publisher:
        assert (await publisher.publish_raw(b"cl-1", value)).offset == 0
        with pytest.raises(EventTooLarge):
            await publisher.publish_raw(b"cl-1", value + b"x")
    (record,) = await everything(settings, settings.events_topic, 1)
    assert record.value == value


@pytest.mark.integration
async def test_topics_are_compared(settings: KafkaSettings):
    """A second run creates nothing and tells differences in words."""
    again = await topics.ensure(settings)
    assert again.created == ()
    assert again.differences == ()
    extra = topics.TopicSpec(f"{settings.topic_prefix}-cells-changelog", 4, 1, {"cleanup.policy": "compact"})
    more = settings.model_copy(update={"partitions": 5})
    other = await topics.ensure(more, [*topics.specs(more), extra])
    assert other.created == (extra.name,)
    assert any("has 4 partitions, the settings say 5" in line for line in other.differences)
    wrong = topics.TopicSpec(extra.name, 4, 1, {"cleanup.policy": "delete"})
    assert (await topics.ensure(settings, [wrong])).differences == (
        f"{extra.name} has cleanup.policy=compact, the contract needs delete",
    )


@pytest.mark.integration
async def test_a_missing_topic_is_told(kafka: str, topic_prefix: str):
    """Without topics the error says which command makes them."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    async with SalesPublisher(settings, timeout_seconds=2) as publisher:
        with pytest.raises(KafkaRejected, match="topics create"):
            await publisher.publish(message(1))


async def test_no_kafka_is_told():
    """Where nobody listens the error is typed and names the address."""
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(KafkaUnavailable, match=address):
        async with SalesPublisher(servers=address, timeout_seconds=2):
            pass


async def test_a_start_that_is_cancelled_leaves_nothing_open(monkeypatch):
    """A process that is ended while it connects: its producer is closed, and no connection complains of that later."""
    began, closed = asyncio.Event(), []

    async def starting(_: AIOKafkaProducer) -> None:
        began.set()
        await asyncio.Event().wait()

    async def close(client: AIOKafkaClient) -> None:
        closed.append(client)

    monkeypatch.setattr(AIOKafkaProducer, "start", starting)
    monkeypatch.setattr(AIOKafkaClient, "close", close)
    task = asyncio.create_task(SalesPublisher(servers="127.0.0.1:1").start())
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert closed


@pytest.mark.integration
async def test_a_broker_that_falls_silent_is_told_in_time(tmp_path: Path):
    """When the broker stops answering, publishers hear it within their time, memory stays bounded, closing ends."""
    with kafka_cluster(tmp_path, 1) as cluster:
        settings = KafkaSettings(kafka_servers=cluster.servers, topic_prefix="silent")
        await topics.ensure(settings)
        publisher = SalesPublisher(settings, timeout_seconds=1.5, in_flight_bytes=50_000)
        await publisher.start()
        await publisher.publish(message(0))
        cluster.nodes[0].pause()
        try:
            with pytest.raises(KafkaUnavailable, match="no acknowledgement"):
                await publisher.publish_many(message(n) for n in range(1, 100_000))
            async with asyncio.timeout(15):
                await publisher.close()
        finally:
            cluster.nodes[0].resume()
        async with SalesPublisher(settings) as again:
            assert (await again.publish(message(0))).partition == (await again.publish(message(7))).partition
