"""Real clients of Kafka at their defaults: all that they send counts once, and chats and leads to the second.

confluent-kafka runs in CI; those of other languages are built when the test runs, which takes their package registries:
`pytest -m slow tests/integration/clients`.
"""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from redis import Redis

from metrics.view import Keys, decode_part, split
from producers.events import wire
from streams.plain import PlainRules, recompute
from streams.plain.parts import parts
from tests.support.workers import House, house, until

HERE = Path(__file__).parent
COUNT = 6
MEETINGS, CHATS = 40, 20
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)

Line = dict[str, str | None]
Send = Callable[[list[Line], str, str], None]
"""Sends lines to a topic of servers."""


def confluent(lines: list[Line], servers: str, topic: str) -> None:
    """As librdkafka sends."""
    producer = Producer({"bootstrap.servers": servers})
    for line in lines:
        producer.produce(topic, key=line["key"], value=line["value"])
    assert producer.flush(30) == 0


def program(*command: str, cwd: Path) -> Send:
    """Another language's client, which reads lines from stdin."""

    def send(lines: list[Line], servers: str, topic: str) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run(
            [*command, servers, topic], input=text, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    return send


def built(name: str, folder: Path, *steps: list[str]) -> Path:
    """A client's folder, built."""
    if shutil.which(steps[0][0]) is None:
        pytest.skip(f"{steps[0][0]} is not on this machine")
    made = folder / name
    shutil.copytree(HERE / name, made)
    for step in steps:
        subprocess.run(step, cwd=made, check=True, capture_output=True, timeout=600)
    return made


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("go", tmp_path_factory.mktemp("go"), ["go", "build", "-o", "clients", "."])


@pytest.fixture(scope="module")
def kafkajs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("kafkajs", tmp_path_factory.mktemp("js"), ["npm", "install", "--no-audit", "--no-fund"])


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(
        "java", tmp_path_factory.mktemp("java"), ["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"]
    )


def event(source: str, kind: str, number: str, time: datetime, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": source,
        "type": f"sales.{kind}.v1",
        "time": time.isoformat(),
        "data": data,
    }


def events(source: str) -> Iterator[dict[str, Any]]:
    """Meetings, chats with a response every 30 s, and leads that are answered in their chat."""
    for n in range(MEETINGS):
        yield event(source, "meeting.held", f"{n}", START, meeting_id=f"m-{n}", client_id=f"cl-{n}", manager_id="m-1")
    for n in range(CHATS):
        client = {"client_id": f"клиент-{n}"}
        lead = {"lead_id": f"l-{n}", **client, "manager_id": "m-1", "temperature": "hot"}
        yield event(source, "lead.changed", f"{n}", START, **lead, created_at=START.isoformat())
        for k, author in enumerate(("client", "manager", "client", "manager")):
            staff = {"manager_id": "m-1"} if author == "manager" else {}
            time = START + timedelta(seconds=30 * k + 1)
            yield event(source, "chat.message", f"{n}-{k}", time, chat_id=f"ch-{n}", **client, author=author, **staff)


def line(one: dict[str, Any], key: Callable[[str], str | None] = str) -> Line:
    return {"key": key(one["data"]["client_id"]), "value": json.dumps(one)}


def shown(house: House) -> Counter[str]:
    """Sums of the days that Redis holds, over all partitions."""
    keys, found = Keys(house.app_id), Counter[str]()
    with Redis.from_url(house.redis_url) as redis:
        for key in redis.scan_iter(match=keys.cells("d", 0, 0).removesuffix("0:0") + "*"):
            for value in redis.hgetall(key).values():
                found.update(decode_part(split(value)[1]))
    return found


def expected(sent: list[dict[str, Any]], house: House) -> Counter[str]:
    """What they amount to in the order in which they were sent."""
    found = Counter[str]()
    plain = recompute((wire.decode(json.dumps(one).encode()) for one in sent), PlainRules.of(house.business))
    for (kind, *_), part in parts(plain).items():
        if kind == "d":
            found.update(part)
    return found


async def counted(house: House, send: Send, name: str, *, in_order: bool = True) -> None:
    """Send half, kill the worker, send the rest; everything counts once, and in order where a client's lies in one."""
    worker = house.worker()
    await until(lambda: len(worker.owned()) == COUNT, 120, "all partitions owned")
    sent = list(events(f"crm://{name}"))
    half = len(sent) // 2
    send([line(one) for one in sent[:half]], house.kafka_servers, house.kafka.events_topic)
    await until(lambda: worker.total("sales_worker_events_total") > 0, 60, "the worker counts")
    worker.kill()
    worker.start()
    send([line(one) for one in sent[half:]], house.kafka_servers, house.kafka.events_topic)
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.outcomes["folded"] == len(sent)
    assert report.refused.total() == 0
    if in_order:
        assert shown(house) == expected(sent, house)
    print(f"{name}: {report.outcomes['folded']} of {len(sent)} count, {report.outcomes['forwarded']} were forwarded")


@pytest.fixture
def many(kafka: str, redis_url: str, topic_prefix: str, app_id: str, tmp_path: Path) -> Iterator[House]:
    with house(kafka, redis_url, topic_prefix, app_id, tmp_path, partitions=COUNT) as found:
        yield found


@pytest.mark.integration
@pytest.mark.timeout(300)
async def test_librdkafka_at_its_defaults(many: House) -> None:
    """Its partitioner is another than Java's."""
    await counted(many, confluent, "confluent-kafka")


KEYS: dict[str, Callable[[str], str | None]] = {
    "none": lambda _: None,
    "quoted": json.dumps,
    "struct": lambda client: json.dumps({"client_id": client}),
}


@pytest.mark.integration
@pytest.mark.timeout(300)
async def test_keys_that_are_missing_or_dressed(many: House) -> None:
    """Meetings count, whatever the key; three senders at once, and what each has to set is told."""
    worker = many.worker()
    await until(lambda: len(worker.owned()) == COUNT, 120, "all partitions owned")
    for name, key in KEYS.items():
        meetings = [one for one in events(f"crm://{name}") if one["type"] == "sales.meeting.held.v1"]
        for one in meetings:
            one["data"]["meeting_id"] += name
        confluent([line(one, key) for one in meetings], many.kafka_servers, many.kafka.events_topic)
    report = await many.verdict()
    assert report.is_equal, report.lines()
    assert report.outcomes["folded"] == len(KEYS) * MEETINGS
    told = {
        (dict(labels)["source"], dict(labels)["reason"])
        for (name, labels), value in worker.metrics().items()
        if name == "sales_worker_forwarded_total" and value
    }
    assert told == {("crm://none", "no_key"), ("crm://quoted", "key_spelling"), ("crm://struct", "key_spelling")}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("client", ["sarama", "kafka-go", "franz-go"])
async def test_clients_in_go(many: House, go: Path, client: str) -> None:
    """By FNV-1a, by round robin whatever the key, and by murmur2."""
    await counted(many, program(str(go / "clients"), client, cwd=go), client, in_order=client != "kafka-go")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("partitioner", ["default", "legacy"])
async def test_kafkajs(many: House, kafkajs: Path, partitioner: str) -> None:
    """The legacy partitioner is that of version 1."""
    await counted(many, program("node", "main.js", partitioner, cwd=kafkajs), f"kafkajs-{partitioner}")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_cloudevents_sdk_for_java(many: House, java: Path, mode: str) -> None:
    """Binary mode is its default."""
    path = "target/classes:target/dependency/*"
    await counted(many, program("java", "-cp", path, "Clients", mode, cwd=java), f"java-{mode}")
