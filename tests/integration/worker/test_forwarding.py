"""Records on any partition, under any key, in either mode: the running worker counts each once, whatever happens."""

import asyncio
import json
from typing import Any
from zlib import crc32

import pytest
from aiokafka import AIOKafkaProducer
from redis import Redis

from metrics.view import Keys, decode_part, split
from producers.partitioner import partition_for
from producers.simulator.floor import key_of
from streams.plain.kafka import kafka_log
from tests.support.binary import binary
from tests.support.workers import House, floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 3


def spelled(number: int, event: dict[str, Any]) -> tuple[bytes | None, bytes, int, list[tuple[str, bytes]]]:
    """Key, value, partition and headers, as senders of several kinds put an event into the log."""
    key = key_of(event).encode()
    sender = crc32(key) % 4
    value, headers = binary(event) if number % 3 == 0 else (json.dumps(event).encode(), ())
    if sender == 0:
        return None, value, number % COUNT, list(headers)
    if sender == 1:
        return json.dumps(key.decode()).encode(), value, crc32(b'"%b"' % key) % COUNT, list(headers)
    return key, value, crc32(key) % COUNT, list(headers)


async def send(house: House, records: list[Any]) -> None:
    """Send (key, value, partition, headers) as they are."""
    async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as producer:
        for key, value, partition, headers in records:
            await producer.send(house.kafka.events_topic, key=key, value=value, partition=partition, headers=headers)
        await producer.flush()


def parts(house: House) -> dict[Any, Any]:
    """Parts that Redis holds for an application, without their fences; minutes go by themselves, sooner or later."""
    keys = Keys(house.app_id)
    found = {}
    with Redis.from_url(house.redis_url) as redis:
        for key in redis.scan_iter(match=keys.all_cells):
            bucket = keys.bucket(key.decode()) or ("", 0)
            for name, value in redis.hgetall(key).items() if bucket[0] != "m" else ():
                found[bucket, name] = decode_part(split(value)[1])
    return found


async def test_every_record_counts_once_over_kills_replays_and_a_second_application(
    house: House, kafka: str, redis_url: str, app_id: str, tmp_path: Any
) -> None:
    """Killed while it forwards, it loses and doubles nothing; counted again from the start, numbers are the same."""
    events = floor(900, days=20)
    records = [spelled(number, event) for number, event in enumerate(events)]
    lie_wrong = sum(
        partition != partition_for(key_of(event).encode(), COUNT)
        for event, (_, _, partition, _) in zip(events, records, strict=True)
    )
    worker = house.worker(SALES_FLUSH_RECORDS="50")
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    for start in range(0, len(records), 100):
        await send(house, records[start : start + 100])
        if start in (300, 500):
            worker.kill()
            worker.start()
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.outcomes["forwarded"] == lie_wrong > 300
    assert report.compared["forwarded records"] == lie_wrong
    counted = sum(report.outcomes[name] for name in ("folded", "duplicate", "stale"))
    assert (counted, report.refused.total()) == (len(events), 0)
    assert report.records == len(events) + lie_wrong
    first = parts(house)
    await until(lambda: worker.total("sales_worker_lag_records") == 0, 20, "nothing is left to fold")
    reasons = {
        dict(labels)["reason"]
        for (name, labels), value in worker.metrics().items()
        if name == "sales_worker_forwarded_total" and value
    }
    assert reasons == {"no_key", "key_spelling", "other_partitioner"}

    with_same_log = House(kafka, redis_url, house.prefix, f"{app_id}-again", tmp_path / "again")
    again = with_same_log.worker("two")
    try:
        await until(lambda: again.owned() == {0, 1, 2}, 120, "all partitions owned by the second application")
        second = await with_same_log.verdict()
        assert second.is_equal, second.lines()
        assert second.outcomes["folded"] == report.outcomes["folded"]
        assert second.compared["forwarded records"] == lie_wrong
        await asyncio.sleep(2)
        now = await house.verdict()
        assert now.is_equal, now.lines()
        assert now.outcomes["folded"] == report.outcomes["folded"]
        assert now.records == len(events) + 2 * lie_wrong
        assert parts(house) == parts(with_same_log) == first
    finally:
        with_same_log.close()


async def test_a_copy_is_the_record_byte_for_byte(house: House) -> None:
    """Value, headers of any name, number and value, whatever the codec and size; a copy that lies wrong is refused."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    client = next(f"клиент-{n}" for n in range(99) if partition_for(f"клиент-{n}".encode(), COUNT) == 2)
    data = {"meeting_id": "m", "client_id": client, "manager_id": "m-1"}
    event = {"specversion": "1.0", "id": "e", "source": "crm://x", "type": "sales.meeting.held.v1", "data": data}
    sent: list[Any] = []
    for number, size in enumerate((0, 1, 200_000, 100_000, 250_000, 200_000, 10)):
        one = event | {"id": f"e-{number}", "time": "2026-01-05T10:00:00.1234567+03:00"}
        value, headers = (binary(one)) if number % 2 else (json.dumps(one, indent=number or None).encode(), ())
        more = [("", b""), ("ключ", None), ("x", b"\xff\x00"), ("x", b"y" * size), ("forwarded-digest", b"z")]
        sent.append((None, value, number % 2, [*headers, *more]))
    for codec in ("gzip", "zstd"):
        async with AIOKafkaProducer(
            bootstrap_servers=house.kafka_servers, compression_type=codec, max_request_size=1 << 20
        ) as producer:
            for key, value, partition, headers in sent[codec == "zstd" :: 2]:
                await producer.send_and_wait(
                    house.kafka.events_topic, key=key, value=value, partition=partition, headers=headers
                )
    wrong = [("forwarded-partition", b"0"), ("forwarded-offset", b"99")]
    await send(house, [(None, sent[0][1], 1, wrong)])
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.refused == {"wrong_partition": 1}
    assert report.outcomes["forwarded"] == len(sent)
    found: list[Any] = []
    async with kafka_log(house.kafka) as log:
        end = (await log.ends(house.kafka.events_topic))[2]
        async for chunk in log.read(house.kafka.events_topic, 2, 0, end):
            found += chunk
    assert {one.key for one in found} == {client.encode()}
    ours = {"forwarded-partition", "forwarded-offset", "forwarded-partitions", "forwarded-digest"}
    copies = sorted((one.value, repr([h for h in one.headers if h[0] not in ours])) for one in found)
    assert copies == sorted((value, repr([h for h in headers if h[0] not in ours])) for _, value, _, headers in sent)
