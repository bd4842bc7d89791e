"""With TLS, passwords and least rights everything works, and what is not allowed does not."""

import asyncio
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from producers.events import CallEnded
from producers.publisher import SalesPublisher
from producers.rights import rights
from tests.integration.security.conftest import command
from tests.integration.security.secured import SecuredKafka, documented_rights

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_topics_are_made_by_the_user_whose_right_that_is(secured: SimpleNamespace) -> None:
    assert secured.topics.returncode == 0, secured.topics.stderr
    assert "created  sales.events" in secured.topics.stdout


async def test_event_reaches_the_exporter(secured: SimpleNamespace, service: SimpleNamespace) -> None:
    """Gateway's user → Kafka → worker → Redis → exporter, and back to the log for the explanation."""
    now = datetime.now(UTC)
    event = CallEnded.of(
        source="pbx://secured", time=now, call_id="call-1", client_id="client-1", manager_id="m-1",
        direction="inbound", outcome="answered", started_at=now, answered_at=now,
    )  # fmt: skip
    async with SalesPublisher(secured.kafka.settings("sales-gateway")) as publisher:
        await publisher.publish(event)
        await publisher.publish_letters([(b"deal 1", None, [])])
    deadline = time.monotonic() + 120
    shown = ""
    async with httpx.AsyncClient(timeout=10) as client:
        while 'sales_calls{manager="m-1"' not in shown:
            assert time.monotonic() < deadline, "\n".join(log.read_text()[-2000:] for log in service.logs.values())
            await asyncio.sleep(0.5)
            try:
                shown = (await client.get(f"{service.url}/metrics")).text
            except httpx.TransportError:
                continue
        answer = await client.get(
            f"{service.url}/api/v1/explain", params={"family": "sales_calls", "manager": "m-1", "window": "day"}
        )
    assert answer.status_code == 200, answer.text
    assert "call-1" in answer.text


async def test_dead_letters_need_no_more_than_the_operator(secured: SimpleNamespace, service: SimpleNamespace) -> None:
    """The worker counts what is open, and the operator closes it."""
    async with SalesPublisher(secured.kafka.settings("sales-gateway")) as publisher:
        await publisher.publish_many_raw([(b"client-1", b"{")])

    async def opened(expected: str) -> None:
        deadline = time.monotonic() + 60
        shown = ""
        async with httpx.AsyncClient(timeout=10) as client:
            while expected not in shown:
                assert time.monotonic() < deadline, shown
                await asyncio.sleep(0.5)
                shown = (await client.get(f"http://127.0.0.1:{service.worker}/metrics")).text

    await opened('sales_worker_open_dead_letters{reason="not_json",source=""} 1.0')
    environment = secured.kafka.environment("sales-operator")
    replayed = await asyncio.to_thread(command, "dead-letters", "replay", **environment)
    assert (replayed.returncode, replayed.stdout.splitlines()[0]) == (0, "sent 0"), replayed.stderr
    done = await asyncio.to_thread(command, "dead-letters", "dismiss", "--yes", **environment)
    assert "dismissed 1" in done.stdout, done.stderr
    await opened('sales_worker_open_dead_letters{reason="not_json",source=""} 0.0')


def test_audit_needs_no_more_than_the_exporter(secured: SimpleNamespace, service: SimpleNamespace) -> None:
    done = command(
        "audit", "--exporter", service.url,
        SALES_REDIS_URL=secured.redis.url, **secured.kafka.environment("sales-ledger"),
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "no difference" in done.stdout


def test_simulator_needs_no_more_than_the_gateway(secured: SimpleNamespace) -> None:
    few = ("--days", "1", "--managers", "2")
    done = command("simulate", *few, **secured.kafka.environment("sales-gateway"))
    assert done.returncode == 0, done.stderr


def test_wrong_password_is_one_clear_line(secured: SimpleNamespace) -> None:
    done = command("topics", "create", **secured.kafka.environment("sales-topics", password="guessed"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "guessed" not in done.stderr


def test_untrusted_broker_is_refused(secured: SimpleNamespace) -> None:
    """A broker that another authority signed may be anybody."""
    done = command("topics", "create", **secured.kafka.environment("sales-topics", cafile=secured.stranger.cert))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


async def _read(kafka: SecuredKafka, user: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(**kafka.settings(user).client_options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.getmany(timeout_ms=10_000)
    finally:
        await consumer.stop()


async def _write(kafka: SecuredKafka, user: str, topic: str) -> None:
    options = kafka.settings(user).client_options()
    async with AIOKafkaProducer(**options, request_timeout_ms=10_000) as producer:
        await producer.send_and_wait(topic, b"forged", partition=0)


async def test_gateway_cannot_read(secured: SimpleNamespace) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await _read(secured.kafka, "sales-gateway", "sales.events")


@pytest.mark.parametrize("topic", ["sales.events", "sales.reference", "sales.dead-letters"])
async def test_ledger_cannot_write(secured: SimpleNamespace, topic: str) -> None:
    with pytest.raises(KafkaError):
        await _write(secured.kafka, "sales-ledger", topic)


@pytest.mark.parametrize("user", ["sales-gateway", "sales-ledger", "sales-topics"])
async def test_only_the_worker_writes_its_changelogs(
    secured: SimpleNamespace, service: SimpleNamespace, user: str
) -> None:
    with pytest.raises(KafkaError):
        await _write(secured.kafka, user, "sales-pulse-cells-changelog")


async def test_worker_writes_events_but_no_reference_data(secured: SimpleNamespace) -> None:
    """It forwards what lies on the wrong partition; roster, plans and rates are not its business."""
    await _write(secured.kafka, "sales-worker", "sales.events")
    with pytest.raises(KafkaError):
        await _write(secured.kafka, "sales-worker", "sales.reference")


def test_redis_wants_its_password(secured: SimpleNamespace) -> None:
    """And nothing listens without TLS."""
    port, ca = secured.redis.port, str(secured.redis.tls.cert)
    with (
        redis.Redis(host="127.0.0.1", port=port, ssl=True, ssl_ca_certs=ca) as nobody,
        pytest.raises(redis.AuthenticationError),
    ):
        nobody.ping()
    with redis.Redis(host="127.0.0.1", port=port) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()


def test_the_page_has_the_rights_that_are_given() -> None:
    assert tuple(documented_rights()) == rights()
