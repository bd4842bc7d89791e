"""What a portal is called in ids and in the source of its events: settled once, whatever its address is later.

Under another name everything would be published, and counted, again.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.brokers import whole_topic
from producers.connectors.bitrix24.errors import PortalUnknown
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.connectors.bitrix24.spool.store import Spool
from producers.errors import KafkaUnavailable
from producers.settings import KafkaSettings

_CURSOR: Final = "portal"
_LOOKED_AT: Final = 1000
"""Events at each end of a partition that are looked at for portals."""
_TIMEOUT: Final = 30.0
_PORTAL: Final = re.compile(rb'"source"\s*:\s*"bitrix24://([^"]+)"')
Published = Callable[[], Awaitable[set[str]]]


class Name(NamedTuple):
    """`name`: in the source of events; `seed`: what ids are derived from."""

    name: str
    seed: str


def named(store: Spool, settings: Bitrix24Settings) -> Name:
    """The portal's name: as the spool has it, else as settings or the address say. Raises PortalUnknown."""
    seed, _, name = (settings.bitrix24_identity or "").rpartition("@")
    held = store.cursor(_CURSOR)
    if held is None:
        # Spools of before names were kept in them took the member_id, where it was set.
        before = "" if store.is_empty else settings.bitrix24_member_id
        return Name(name, seed or name) if name else Name(settings.domain, before or settings.domain)
    found = Name(*json.loads(held))
    if name not in ("", found.name):
        raise PortalUnknown(
            f"SALES_BITRIX24_IDENTITY is {settings.bitrix24_identity}, and the spool is of the portal {found.name}; "
            "take the setting away, or another SALES_BITRIX24_SPOOL for another portal"
        )
    return found


async def settle(name: Name, store: Spool, settings: Bitrix24Settings, published: Published) -> None:
    """Keep the name for good. Raises PortalUnknown where the log has a portal, and not this one."""
    if store.cursor(_CURSOR) is not None:
        return
    if store.is_empty and settings.bitrix24_identity is None:
        others = await published()
        if name.name in others and settings.bitrix24_member_id is not None:
            raise PortalUnknown(
                f"the log has events of the portal {name.name}, and the spool in {settings.spool} is empty: set "
                f"SALES_BITRIX24_IDENTITY to {settings.bitrix24_member_id}@{name.name} where SALES_BITRIX24_MEMBER_ID "
                f"was set when the portal was first connected, to {name.name} where it was set later"
            )
        if others and name.name not in others:
            raise PortalUnknown(
                f"the log has events of the portal {', '.join(sorted(others))}, and the spool in {settings.spool} is "
                f"empty: as {name.name} all would be counted again. Set SALES_BITRIX24_IDENTITY to the name in the log "
                f"where it is the same portal, to {name.name} where it is another one"
            )
    store.save((), {_CURSOR: json.dumps(name)})


async def published(settings: KafkaSettings) -> set[str]:
    """The names of portals among the first and the last events of each partition. Raises KafkaUnavailable."""
    consumer = AIOKafkaConsumer(
        **settings.client_options(), group_id=None, enable_auto_commit=False, isolation_level="read_committed"
    )
    found: set[str] = set()
    try:
        async with asyncio.timeout(_TIMEOUT):
            await consumer.start()
            if settings.events_topic not in await consumer.topics():
                return found
            partitions = await whole_topic(consumer, settings.events_topic)
            first, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            for tp in partitions:
                for begin in {first[tp], max(first[tp], ends[tp] - _LOOKED_AT)}:
                    found |= await _read(consumer, tp, begin, min(ends[tp], begin + _LOOKED_AT))
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(f"Kafka at {settings.kafka_servers} cannot be read: {error}") from error
    finally:
        await consumer.stop()
    return found


async def _read(consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int) -> set[str]:
    consumer.seek(tp, begin)
    found: set[str] = set()
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, ()):
            if (portal := _PORTAL.search(record.value or b"")) is not None:
                found.add(portal[1].decode(errors="replace"))
    return found
