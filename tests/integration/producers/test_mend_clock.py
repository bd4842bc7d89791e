"""`topics create --mend-clock`: brokers set the time from now on, and reference data of before goes on to count."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from producers.events import ManagerChanged
from producers.reference.topic import current
from producers.settings import KafkaSettings

pytestmark = pytest.mark.integration


def _command(kafka, topic_prefix, *more):
    command = (sys.executable, "-m", "deploy.cli", "topics", "create", "--servers", kafka, "--prefix", topic_prefix)
    done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def admin(kafka):
    """Closed whatever becomes of the test: what it left open would fail the test after it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    yield admin
    await admin.close()


async def test_mended(kafka, topic_prefix, admin):
    """As an earlier version made it: other settings stay, records count again, a second run does nothing."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix)
    topic = settings.reference_topic
    await admin.create_topics(
        [NewTopic(topic, 1, 1, topic_configs={"cleanup.policy": "compact", "max.message.bytes": "1048576"})]
    )
    time = datetime(2026, 11, 1, tzinfo=UTC)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for team in ("t-1", "t-2"):
            event = ManagerChanged.of(
                source="hr://a", time=time, manager_id="m-1", name="A", team_id=team, active=True, sequence=team
            )
            await producer.send_and_wait(topic, event.to_json(), event.key.encode(), headers=[("a", b"b")])
        await producer.send_and_wait(topic, b"{", b"bad")
    assert await current(settings) == {}, "refused: it bears no broker's time"
    assert f"{topic} has message.timestamp.type=CreateTime" in _command(kafka, topic_prefix)

    said = _command(kafka, topic_prefix, "--mend-clock")
    assert f"mended   {topic} has message.timestamp.type=LogAppendTime now" in said
    assert f"mended   1 records of {topic} were sent again" in said
    assert "CreateTime" not in said
    (held,) = (await current(settings)).values()
    assert held.data.team_id == "t-2"
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((*_, entries),) = [resource[:5] for resource in answer.resources]
    configs = {entry[0]: entry[1] for entry in entries}
    assert (configs["cleanup.policy"], configs["max.message.bytes"]) == ("compact", "1048576")
    assert "mended" not in _command(kafka, topic_prefix, "--mend-clock")
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        records = [await consumer.getone() for _ in range(4)]
        while records[-1].timestamp_type == 0:  # sent once more where the leader was late to take the setting up
            records.append(await consumer.getone())
    assert [record.timestamp_type for record in records[:3]] == [0, 0, 0]
    assert {record.headers for record in records[3:]} == {(("a", b"b"),)}
