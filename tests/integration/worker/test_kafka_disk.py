"""What a real broker says of its disk, and that it is there."""

import pytest

from producers.kafka_requests import disks
from producers.log_ends import LogEnds
from producers.settings import KafkaSettings
from producers.topics import ensure

pytestmark = pytest.mark.integration


async def test_brokers_say_how_much_room_they_have(kafka, topic_prefix):
    """Each its folder, with the size of the disk that it is on, and what is free of it."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    await ensure(settings)
    asking = LogEnds(settings, settings.events_topic, "test")
    try:
        found = await disks(await asking.client(), settings.events_topic)
        heard = await asking.brokers()
    finally:
        await asking.close()
    assert heard
    assert all(heard.values())
    assert {one.broker for one in found} <= set(heard)
    assert found
    for one in found:
        assert one.folder.startswith("/")
        assert 0 < one.free <= one.total
