"""What the contract allows at most goes through real topics; what is larger leaves a letter and stops nothing."""

import json
import random
import signal
import zlib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiokafka import AIOKafkaProducer

from producers import topics
from producers.partitioner import partition_for
from streams.durable.changelog import BATCH_BYTES, Commit, KafkaChangelog
from streams.durable.restore import KafkaRestorer, RestoreProgress
from streams.letters import letter
from streams.plain.kafka import kafka_log
from streams.settings import WorkerSettings
from streams.state.partition import Partition
from tests.integration.producers.test_odd_batches import produce
from tests.laws.replay import fold_rules
from tests.support.folding import everything
from tests.support.greatest import DRIVES, Greatest, categories, invoices, owners, pipelines
from tests.support.raw_batches import batch, record, varint
from tests.support.stored import StoredPartition
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ZONE = ZoneInfo("UTC")
COUNTS = {categories: 3000, pipelines: 600, owners: 600, invoices: 800}
MIB = 1 << 20


@pytest.mark.parametrize("drive", DRIVES, ids=lambda drive: drive.__name__)
async def test_every_flush_fits_the_topics(drive, kafka, topic_prefix, app_id, tmp_path) -> None:
    """All that is driven far, in few flushes as large as they get: the broker takes each, and it is read back whole."""
    settings = WorkerSettings(kafka_servers=kafka, topic_prefix=topic_prefix, app_id=app_id, partitions=1)
    await topics.ensure(settings, [*topics.specs(settings), *settings.changelogs(1)])
    make = Greatest(11)
    drive(make, COUNTS.get(drive, 200))
    held = StoredPartition("memory", tmp_path, fold_rules(ZONE))
    changelog = KafkaChangelog(settings, settings.events_topic, 0)
    await changelog.open()
    try:
        half = len(make.records) // 2
        for records in (make.records[:half], make.records[half:]):
            held.fold(records)
            cut = held.partition.cut()
            await changelog.write(Commit(cut.fence + 1, cut.cells, cut.clients))
    finally:
        await changelog.close()
    restored = Partition(0, 1, fold_rules(ZONE))
    take = {settings.cells_topic: restored.restore_cells, settings.clients_topic: restored.restore_clients}
    await KafkaRestorer(settings, {}).restore(0, {}, take, RestoreProgress(0))
    assert everything(restored) == everything(held.partition)
    assert restored.fence == len(make.records) - 1


async def test_batches_of_noise_fit(kafka, topic_prefix, app_id) -> None:
    """Records as large as a flush ever has, that no codec makes smaller, one by one and together."""
    settings = WorkerSettings(kafka_servers=kafka, topic_prefix=topic_prefix, app_id=app_id, partitions=1)
    await topics.ensure(settings, [*topics.specs(settings), *settings.changelogs(1)])
    noise = random.Random(12)
    changelog = KafkaChangelog(settings, settings.events_topic, 0)
    await changelog.open()
    sizes = [BATCH_BYTES - 200, 600_000, 600_000, *(1000,) * 3000, 524_288, 400_000, 299_000]
    pairs = [(b"c%d" % n, noise.randbytes(size)) for n, size in enumerate(sizes)]
    try:
        await changelog.write(Commit(1, pairs, pairs))
    finally:
        await changelog.close()


def meeting(client: str, **more) -> bytes:
    data = {"meeting_id": f"x-{client}", "client_id": client, "manager_id": "m-1", **more}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"e-{client}",
            "source": "crm://test",
            "type": "sales.meeting.held.v1",
            "time": "2026-01-05T10:00:00Z",
            "data": data,
        }
    ).encode()


def memory(pid: int, what: str) -> int:
    """MB of a process, by a line of its status: VmRSS now, VmHWM at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(what))


def half_a_gigabyte(key: bytes, behind: bytes) -> bytes:
    """A batch of half a megabyte: a record of 512 MiB, and behind it one of the value `behind`."""
    head = b"\0\0\0" + varint(len(key)) + key + varint(512 * MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(varint(len(head) + 512 * MIB + 1) + head)]
    packed += [packer.compress(bytes(MIB)) for _ in range(512)]
    packed += [packer.compress(b"\0" + record(1, key, behind)), packer.flush()]
    return batch(0, [b"", b""], 1, 1, packed=b"".join(packed))


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
async def test_what_is_small_only_while_compressed(house, codec: str) -> None:
    """64 MiB and more out of a few KB, an attachment of 1.3 MB, and just too large ones: letters, and no end."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    before = memory(worker.process.pid, "VmRSS")
    producer = AIOKafkaProducer(
        bootstrap_servers=house.kafka_servers,
        compression_type=codec,
        max_request_size=1 << 30,
        max_batch_size=1 << 30,
    )
    await producer.start()
    partition, key = partition_for(b"c-1", 3), b"c-1"
    photo = {"photo": random.Random(1).randbytes(600_000).hex()}
    large = [
        b" " * (64 * MIB),
        b"x" * (64 * MIB),
        meeting("c-1", **photo),
        meeting("c-1", pad="x" * 300_000),
        b" " * (20 * MIB),
    ]
    try:
        offsets = []
        for value in large:
            sent = await producer.send_and_wait(house.kafka.events_topic, key=key, value=value, partition=partition)
            offsets.append(sent.offset)
        sent = await producer.send_and_wait(
            house.kafka.events_topic, key=key, value=meeting("c-1"), partition=partition,
            headers=[("a", b"x" * (3 * MIB)), ("b" * 10, b"y")],
        )  # fmt: skip
        offsets.append(sent.offset)
        offsets.append(
            await produce(producer, house.kafka.events_topic, half_a_gigabyte(key, meeting("c-1")), partition)
        )
    finally:
        await producer.stop()
    await until(lambda: worker.total("sales_worker_events_total") >= 1, 60, "the event behind them is counted")
    peak = memory(worker.process.pid, "VmHWM")
    print(f"{codec}: worker {before} MB before, {peak} MB at most with records of 64 and 512 MiB")
    assert peak - before < 160
    worker.signal(signal.SIGTERM)
    worker.wait(30)
    found = await letters_of(house)
    assert [found[partition, offset][0] for offset in offsets] == ["too_large"] * len(offsets)
    sizes = [found[partition, offset][1] for offset in offsets]
    for size, value, kept in zip(sizes, large, [found[partition, o][2] for o in offsets], strict=False):
        if len(value) < MIB - 1000:
            assert (size, kept) == ("", value)
        else:
            assert (size, kept) == (str(len(value) + len(key)), value[: len(kept)])
    assert int(sizes[-2]) > 3 * MIB
    assert sizes[-1] == str(512 * MIB + len(key))


async def letters_of(house) -> dict[tuple[int, int], tuple[str, str, bytes]]:
    """(partition, offset) → reason, size where the letter is cut, and value."""
    found = {}
    async with kafka_log(house.kafka) as log:
        for number, end in (await log.ends(house.kafka.dead_letters_topic)).items():
            async for chunk in log.read(house.kafka.dead_letters_topic, number, 0, end):
                for record in chunk:
                    place = letter.place_of(record.headers)
                    assert (place.partition, place.offset) not in found
                    said = letter.text(record.headers, letter.REASON), letter.text(record.headers, letter.CUT)
                    found[place.partition, place.offset] = (*said, record.value)
    return found
