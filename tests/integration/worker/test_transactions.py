"""Transactions of changelogs go through at once: nothing more is asked for while Kafka checks a part of one."""

import asyncio
import logging

import pytest

from producers.topics import ensure
from streams.changelog import Commit, KafkaChangelog
from streams.settings import WorkerSettings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def test_no_batch_is_sent_twice(house, caplog):
    """A broker that still adds something to the transaction refuses a batch of it, which costs a pause of 0.1 s."""
    settings = WorkerSettings(
        _env_file=None,
        kafka_servers=house.kafka_servers,
        topic_prefix=house.prefix,
        app_id=house.app_id,
        partitions=3,
    )
    await ensure(settings, settings.changelogs(3))
    changelogs = [KafkaChangelog(settings, settings.events_topic, number) for number in range(3)]
    for changelog in changelogs:
        await changelog.open()
    with caplog.at_level(logging.WARNING, "aiokafka"):
        for step in range(20):
            pairs = [(b"%d" % number, bytes(200)) for number in range(300)]
            commit = Commit(step + 1, pairs, pairs[:50])
            positions = await asyncio.gather(*(changelog.write(commit) for changelog in changelogs))
            assert [len(found) for found in positions] == [2, 2, 2]
            await asyncio.sleep(0.1)
    for changelog in changelogs:
        await changelog.close()
    assert [record.message for record in caplog.records if "NotEnoughReplicas" in record.message] == []
