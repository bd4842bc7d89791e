"""Topics whose records bear their senders' time: refused at start with the way to mend it, and record by record."""

import json
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from producers.partitioner import partition_for
from producers.topics import ensure
from streams.letters.index import Filter
from streams.letters.topic import everything
from tests.support.workers import floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
FAR = "9998-06-01T00:00:00Z"
FAR_MS = 253_000_000_000_000


async def clock_of(house, topic, kind):
    """Let brokers or senders set the time, as somebody who does not know better may."""
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_servers)
    await admin.start()
    # By default brokers refuse what senders date more than an hour ahead, but not what they do not date.
    configs = {"message.timestamp.type": kind, "message.timestamp.after.max.ms": str((1 << 63) - 1)}
    try:
        (answer,) = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
        assert [code for code, *_ in answer.resources] == [0]
    finally:
        await admin.close()


def now(ahead=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))


def meeting(client, when):
    return client.encode(), json.dumps({
        "specversion": "1.0", "id": client, "source": "crm://clock", "type": "sales.meeting.held.v1", "time": when,
        "data": {"meeting_id": client, "client_id": client, "manager_id": "m-1"},
    }).encode()  # fmt: skip


def manager(number, when):
    return f"manager:m-{number}".encode(), json.dumps({
        "specversion": "1.0", "id": f"{number}", "source": "hr://clock", "type": "sales.manager.changed.v1",
        "time": when,
        "data": {"manager_id": f"m-{number}", "name": f"Name {number}", "team_id": "t-1", "active": True},
    }).encode()  # fmt: skip


@pytest.mark.parametrize("which", ["events_topic", "reference_topic"])
async def test_a_worker_does_not_start(house, which):
    """A topic that was made by hand, or by a broker, with the clock of senders: one line names it and the command."""
    topic = getattr(house.kafka, which)
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    worker = house.worker()
    assert worker.wait(90) == 1
    last = worker.log.splitlines()[-1]
    wanted = f"--alter --entity-type topics --entity-name {topic} --add-config message.timestamp.type=LogAppendTime"
    assert last.count(topic) >= 2
    assert wanted in last
    assert "Traceback" not in worker.log
    (told,) = (await ensure(house.kafka)).clocks
    assert told in last, "`topics create` says the same"
    await clock_of(house, topic, "LogAppendTime")
    again = house.worker("again")
    await until(lambda: len(again.owned()) == 3, 90, "mended, it starts")


async def test_records_without_a_brokers_time(house):
    """Of senders that slip in, with any codec, a date or none: dead letters, and no number moves; the rest counts."""
    await ensure(house.kafka)
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    await house.publish(floor(300))
    await clock_of(house, house.kafka.events_topic, "CreateTime")
    await clock_of(house, house.kafka.reference_topic, "CreateTime")
    bad = 0
    for codec in CODECS:
        producer = AIOKafkaProducer(bootstrap_servers=house.kafka_servers, compression_type=codec)
        await producer.start()
        for stamp, when in ((-1, FAR), (FAR_MS, FAR), (-1, now(-60)), (None, now(-60))):
            for partition in range(3):
                client = next(
                    name
                    for name in (f"c-{codec}-{bad}-{n}" for n in range(100))
                    if partition_for(name.encode(), 3) == partition
                )
                key, value = meeting(client, when)
                topic = house.kafka.events_topic
                await producer.send_and_wait(topic, value, key, partition=partition, timestamp_ms=stamp)
                bad += 1
            key, value = manager(bad, when)
            await producer.send_and_wait(house.kafka.reference_topic, value, key, timestamp_ms=stamp)
        await producer.stop()
    await clock_of(house, house.kafka.events_topic, "LogAppendTime")
    await clock_of(house, house.kafka.reference_topic, "LogAppendTime")
    await house.publish(floor(350)[300:])
    letters = bad + 4 * len(CODECS)
    await until(
        lambda: worker.metrics().get(("sales_worker_dead_letters_total", (("reason", "no_broker_time"),))) == letters,
        30, "each has its letter",
    )  # fmt: skip
    ahead = [v for (name, _), v in worker.metrics().items() if name == "sales_worker_partition_time_seconds"]
    assert max(ahead) < time.time() + 600
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.outcomes.total() == 350
    async with everything(house.kafka) as index:
        assert sum(index.counts(Filter()).values()) == letters
