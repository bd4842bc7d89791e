"""Bad input never stops a partition: it arrives in the dead letters byte for byte, once, with its reason."""

import json
import subprocess
import sys
import time

import pytest
from aiokafka import AIOKafkaProducer

from producers.partitioner import partition_for
from streams.letters.index import Filter
from streams.letters.topic import everything
from tests.support.workers import ROOT, floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 3


def event(**changes):
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "crm://test",
        "type": "sales.meeting.held.v1",
        "time": "2026-01-05T10:00:00Z",
        "data": {"meeting_id": "x-1", "client_id": "c-1", "manager_id": "m-1"},
        **changes,
    }


def raw(value) -> bytes:
    return json.dumps(value).encode()


RIGHT = partition_for(b"c-1", COUNT)
AHEAD = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
BAD = {
    "not_json": [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a": NaN}'],
    "not_cloudevents": [b"[]", b"null", raw({"hello": 1}), raw(event(specversion="0.3"))],
    "unknown_type": [raw(event(type="sales.unheard.of.v9"))],
    "invalid_data": [raw(event(data={"meeting_id": "x"})), raw(event(data={"meeting_id": 7, "client_id": "c-1"}))],
    "wrong_key": [raw(event(partitionkey="c-2"))],
    "too_large": [raw(event(subject="x" * 300_000))],
    "time_out_of_range": [raw(event(time=AHEAD)), raw(event(time="1999-12-31T00:00:00Z"))],
}


async def send(house, records):
    """Send (key, value, partition, headers) as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=house.kafka_servers, max_request_size=2 << 20)
    await producer.start()
    try:
        for key, value, partition, headers in records:
            await producer.send_and_wait(
                house.kafka.events_topic, key=key, value=value, partition=partition, headers=headers
            )
    finally:
        await producer.stop()


async def letters(house):
    async with everything(house.kafka) as index:
        return list(index.in_log_order(Filter(closed_too=True)))


async def test_every_reason_byte_for_byte(house):
    """Each reason, tombstones and null keys too: once each, also over a SIGKILL, while good events go on counting."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    sent = [(b"c-1", value, RIGHT, [("content-type", b"x")]) for values in BAD.values() for value in values]
    sent += [
        (b"c-1", None, RIGHT, []),
        (None, raw(event(partitionkey="c-2")), RIGHT, []),
        (
            b"c-1",
            raw(event()),
            (RIGHT + 1) % COUNT,
            [("forwarded-partition", b"%d" % RIGHT), ("forwarded-offset", b"7")],
        ),
    ]
    await send(house, sent)
    good = floor(500)
    await house.publish(good)
    await until(lambda: worker.total("sales_worker_dead_letters_total") == len(sent), 30, "all refused")
    worker.kill()
    again = house.worker()
    await until(lambda: again.owned() == {0, 1, 2}, 120, "owned again")
    report = await house.verdict()
    assert report.is_equal, report.lines()
    found = await letters(house)
    assert sorted((one.key or b"", one.value or b"") for one in found) == sorted(
        (key or b"", value or b"") for key, value, *_ in sent
    )
    assert {one.source for one in found}.__len__() == len(sent)
    by_value = {one.value: one for one in found if one.key is not None}
    for reason, values in BAD.items():
        for value in values:
            assert by_value[value].reason == reason
            assert ("content-type", b"x") in by_value[value].headers
            assert by_value[value].detail
    assert "wrong_partition" in {one.reason for one in found}


def command(house, *arguments) -> list[str]:
    """Lines that `sales-pulse dead-letters …` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "dead-letters", *arguments],
        env=house.environment,
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()
