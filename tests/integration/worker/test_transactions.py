"""Transactions of changelogs go through at once, and those that the broker aborts are written again."""

import asyncio
import logging
import os
import time

import pytest

from producers.topics import ensure, specs
from streams.durable.changelog import Commit, KafkaChangelog
from streams.durable.restore import KafkaRestorer, RestoreProgress
from streams.durable.rewriting import RewritingChangelog
from streams.letters.index import Filter
from streams.letters.letter import Letter
from streams.letters.topic import everything
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
    await ensure(settings, [*specs(settings), *settings.changelogs(3)])
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


class _Slow(list):
    """Pairs of which the process is frozen for so long that the broker aborts the transaction, once."""

    frozen = False

    def __iter__(self):
        for number, pair in enumerate(super().__iter__()):
            if number == len(self) - 1 and not self.frozen:
                self.frozen = True
                time.sleep(25)  # the time that a transaction may take, and the pause between two looks of the broker
            yield pair


async def test_what_the_broker_aborted_is_written_again(house, caplog):
    """Frozen in a transaction for longer than brokers allow: all of it is there in the end, once, and it goes on."""
    settings = WorkerSettings(
        _env_file=None, kafka_servers=house.kafka_servers, topic_prefix=house.prefix, app_id=house.app_id, partitions=3
    )
    await ensure(settings, [*specs(settings), *settings.changelogs(3)])
    restorer, seconds = KafkaRestorer(settings, {}), []

    def make(allowed):
        seconds.append(allowed)
        return KafkaChangelog(settings, settings.events_topic, 1, transaction_seconds=allowed)

    async def is_ours():
        return True

    changelog = RewritingChangelog(1, make, restorer, is_ours)
    await changelog.open()
    changelog.known(dict.fromkeys((settings.cells_topic, settings.clients_topic), 0))
    pairs = _Slow((b"%d" % number, os.urandom(100_000)) for number in range(60))
    place = {"source_topic": settings.events_topic, "source_partition": "1", "source_offset": "6"}
    headers = [(name, text.encode()) for name, text in {"reason": "not_json", **place}.items()]
    letters = [Letter(b"k", b"v", headers)]
    with caplog.at_level(logging.WARNING):
        await changelog.write(Commit(7, pairs, [(b"p", b"first")], letters))
    assert pairs.frozen
    assert seconds == [10, 20]
    await changelog.write(Commit(8, [(b"0", b"then")], [(b"p", b"second")]))
    await changelog.close()

    found = {settings.cells_topic: [], settings.clients_topic: []}
    restored = await restorer.restore(1, {}, {topic: kept.extend for topic, kept in found.items()}, RestoreProgress(1))
    assert found[settings.cells_topic] == [*pairs, (b"0", b"then")]
    assert found[settings.clients_topic] == [(b"p", b"first"), (b"p", b"second")]
    assert restored.source.end == 0
    async with everything(settings) as index:
        assert index.counts(Filter()) == {("not_json", ""): 1}
