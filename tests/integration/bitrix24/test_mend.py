"""A portal that was published under two names counts once again, as far as the contract can take back."""

from collections import Counter
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from producers.connectors.bitrix24.connecting.connector import Connector
from producers.connectors.bitrix24.errors import PortalUnknown
from producers.connectors.bitrix24.portal.rest import Portal
from producers.connectors.bitrix24.sync.backfill import Backfill
from producers.connectors.bitrix24.sync.strays import mending
from producers.events import wire
from producers.importer.entities import KINDS, item
from producers.importer.withdrawing import Missing
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import Silent, settings

pytestmark = pytest.mark.integration


async def standing(kafka):
    """What still counts in the log: kinds of entities by the source that said the last of them."""
    consumer = AIOKafkaConsumer(**kafka.client_options(), group_id=None, isolation_level="read_committed")
    latest = {}
    async with consumer:
        consumer.assign([TopicPartition(kafka.events_topic, number) for number in range(2)])
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(consumer.assignment())
        while [tp for tp in ends if await consumer.position(tp) < ends[tp]]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for event in (wire.decode(record.value) for record in records):
                    if event.type in KINDS:
                        what = item(event)
                        held = latest.get(what.key)
                        if held is None or what.version > item(held).version:
                            latest[what.key] = event
    return Counter(
        (event.source, KINDS[event.type][0])
        for event in latest.values()
        if not event.type.endswith("deleted.v1")
        and getattr(event.data, "status", "") != "cancelled"
        and getattr(event.data, "amount", "1").strip("0.")
    )


async def test_counted_once_again(kafka, topic_prefix, tmp_path):
    """Deals, leads, invoices and payments of the old name and of the old member_id are taken back, and nothing else."""
    portal = StandIn(Life(7), burst=1e9)
    portal.life.live(900)
    portal.life.finish()
    place = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2)
    await ensure(place)

    def now():
        return portal.life.now.timestamp()

    @asynccontextmanager
    async def connected(identity, spool):
        made = settings(
            portal, tmp_path, kafka_servers=kafka, topic_prefix=topic_prefix, bitrix24_identity=identity,
            bitrix24_spool=tmp_path / spool,
        )  # fmt: skip
        async with (
            SalesPublisher(made) as publisher,
            Connector(made, publisher, portal=Portal(made), now=now) as connector,
        ):
            yield connector

    async def mended(connector, names, *, really):
        missing = Missing()
        sent = await mending(connector.parts, place, names, missing, really=really, advance=lambda _: None)
        return sent, missing.counts, missing.kept

    async def filled(identity, spool):
        async with connected(identity, spool) as connector:
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())

    async with serve_portal(portal):
        await filled("old.example", "a")
        once = {kind: count for (_, kind), count in (await standing(place)).items()}
        assert once.keys() >= {"deal", "lead", "invoice", "payment", "call"}
        async with connected("new.example", "b") as connector:
            with pytest.raises(PortalUnknown, match="backfill"):
                await mended(connector, ["old.example"], really=True)
        await filled("new.example", "b")
        async with connected("new.example", "b") as connector:
            before = await standing(place)
            sent, counts, kept = await mended(connector, ["old.example"], really=False)
            assert sent == 0
            assert await standing(place) == before
            assert counts == {kind: once[kind] for kind in ("deal", "lead", "invoice", "payment")}
            assert kept["call"] == once["call"]
            assert (await mended(connector, ["old.example"], really=True))[0] == sum(counts.values())
            assert (await mended(connector, ["old.example"], really=True))[0] == 0
        after = await standing(place)
        assert {kind for source, kind in after if source.endswith("old.example")} <= {"call", "meeting", "rating"}
        assert {kind: n for (source, kind), n in after.items() if source.endswith("new.example")} == once

        await filled("another-member@new.example", "c")
        async with connected("another-member@new.example", "c") as connector:
            assert (await mended(connector, [], really=True))[0] == sum(counts.values())
        after = await standing(place)
        for kind in counts:
            assert after["bitrix24://new.example", kind] == once[kind]
