"""What the log says when the dust has settled: every record accounted for, and no number that differs."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from metrics.redis_client import connect
from metrics.settings import BusinessSettings
from metrics.view import Keys
from producers.settings import KafkaSettings
from streams.audit import AuditError, AuditReport, audit
from streams.audit.shown_parts import heartbeats
from streams.plain.kafka import kafka_log

_FRESH_MS = 2_500
"""Of a heartbeat."""


@dataclass
class Logged:
    """What lies in Kafka. `values`: distinct values of events; `letters`: how often each source was dead-lettered."""

    ends: dict[int, int] = field(default_factory=dict)
    records: int = 0
    values: set[bytes] = field(default_factory=set)
    letters: Counter[tuple[int, int]] = field(default_factory=Counter)


async def logged(kafka: KafkaSettings) -> Logged:
    """Read the events and the committed dead letters."""
    found = Logged()
    async with kafka_log(kafka) as log:
        found.ends = await log.ends(kafka.events_topic)
        for partition, end in found.ends.items():
            async for chunk in log.read(kafka.events_topic, partition, 0, end):
                found.records += len(chunk)
                found.values.update(record.value or b"" for record in chunk)
        for partition, end in (await log.ends(kafka.dead_letters_topic)).items():
            async for chunk in log.read(kafka.dead_letters_topic, partition, 0, end):
                for record in chunk:
                    headers = dict(record.headers)
                    found.letters[int(headers["source_partition"]), int(headers["source_offset"])] += 1
    return found


async def ends(kafka: KafkaSettings) -> dict[int, int]:
    """Partition → offset after its last record."""
    async with kafka_log(kafka) as log:
        return await log.ends(kafka.events_topic)


async def is_whole(business: BusinessSettings, partitions: int) -> bool:
    """Whether every partition's owner says now that all it holds is in the view."""
    redis = connect(business.redis_url.get_secret_value())
    try:
        _, beats = await heartbeats(redis, Keys(business.app_id))
    except (RedisError, OSError):
        return False
    finally:
        await redis.aclose()
    now = time.time() * 1000
    return len(beats) == partitions and all(beat["whole"] and now - beat["at"] < _FRESH_MS for beat in beats.values())


async def caught_up(business: BusinessSettings, wanted: dict[int, int], patience: float) -> float:
    """Wait until the view is whole and stands at the ends of the log; how long that took (s)."""
    began = time.monotonic()
    redis = connect(business.redis_url.get_secret_value())
    behind: dict[int, object] = {}
    try:
        while time.monotonic() - began < patience:
            try:
                held, beats = await heartbeats(redis, Keys(business.app_id))
            except (RedisError, OSError) as error:
                behind = {0: error}
            else:
                behind = {
                    number: (held.get(number), end, beats.get(number))
                    for number, end in wanted.items()
                    if end and (held.get(number, -1) < end - 1 or not beats[number]["whole"])
                }
                if not behind:
                    return time.monotonic() - began
            await asyncio.sleep(0.25)
    finally:
        await redis.aclose()
    raise AssertionError(f"lag is not 0 after {patience:.0f} s: {behind}")


async def judge(
    kafka: KafkaSettings, business: BusinessSettings, patience: float = 30.0, exporter: str | None = None
) -> AuditReport:
    """The audit; tried again while servers that were just broken do not answer yet."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return await audit(kafka, business, patience=15, exporter=exporter)
        except (AuditError, KafkaError, RedisError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)
