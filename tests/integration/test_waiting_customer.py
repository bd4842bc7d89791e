"""One alert from end to end: a customer writes and nobody answers, until a webhook is told; nothing is stood in for."""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grafana import alerting
from grafana.alerting.sales import PATIENCE
from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from grafana.look import Look
from producers.events import CallEnded, CallStarted, ChatMessage, ManagerChanged
from producers.publisher import SalesPublisher
from tests.browser.stage import ExporterProcess
from tests.integration.test_alerts import NOON, configured, told
from tests.support.monitoring import alertmanager, prometheus, serving
from tests.support.workers import house, until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
SOURCE = "test://floor"
OVERHEAD = 45
"""Seconds that an alert may take besides the limit that it allows and its own `for`: 30 of them Alertmanager's."""


def allowed(channel: str) -> tuple[float, float]:
    """Seconds: how long a customer may wait, and how long the alert waits besides."""
    alert = next(one for one in alerting.alerts(Look()) if one.name == f"{channel.capitalize()}WaitingTooLong")
    return PATIENCE * Look().targets[channel], float(alert.wait.removesuffix("s"))


async def test_a_customer_who_waits_is_told_of(kafka: str, redis_url: str, tmp_path: Path) -> None:
    """A call that rings and a chat message, published with the SDK: the time from each to its notification.

    Another customer, answered at once, is not told of. Kafka, worker, Redis, exporter, Prometheus with the generated
    rules, and Alertmanager with the webhook example are real.
    """
    name = f"test-{uuid.uuid4().hex[:12]}"
    received: list[dict[str, object]] = []
    with house(kafka, redis_url, name, name, tmp_path / "floor") as floor:
        worker = floor.worker()
        await until(lambda: worker.owned() == {0, 1, 2}, 90, "all partitions owned")
        exporter = ExporterProcess(tmp_path / "exporter", {**floor.environment, "SALES_TIMEZONE": "Europe/Moscow"})
        exporter.start().wait()
        try:
            with (
                serving(bytes, received) as webhook,
                alertmanager(tmp_path / "am", configured(tmp_path / "am", webhook, NOON)) as alerts,
                prometheus(
                    tmp_path / "prometheus",
                    {
                        EXPORTER_JOB: f"127.0.0.1:{exporter.port}",
                        WORKER_JOB: f"127.0.0.1:{worker.port}",
                        "alertmanager": alerts.removeprefix("http://"),
                    },
                ),
            ):
                async with SalesPublisher(floor.kafka) as publisher:
                    began = await _come(publisher)
                for channel in ("call", "chat"):
                    limit, wait = allowed(channel)
                    wanted = f"{channel.capitalize()}WaitingTooLong"
                    left = began + limit + wait + OVERHEAD - time.time()
                    await until(lambda one=wanted: one in told(received), left, wanted)
                    took = time.time() - began
                    print(
                        f"{channel}: from the event to the message {took:.1f} s = {limit:g} s that are allowed, "
                        f"{wait:g} s of the alert's own, {took - limit - wait:.1f} s of everything else"
                    )
                    assert took >= limit + wait
                await asyncio.sleep(2)
            sent = [alert["labels"] for message in received for alert in message["alerts"]]  # type: ignore[attr-defined]
            assert {(one["alertname"], one["team"]) for one in sent} == {
                ("CallWaitingTooLong", "east"), ("ChatWaitingTooLong", "unknown"),
            }  # fmt: skip
        finally:
            exporter.kill()


async def _come(publisher: SalesPublisher) -> float:
    """A manager's phone rings, somebody writes, and a third customer is answered at once. Unix seconds of the first."""
    now = datetime.now(UTC)
    about = {"source": SOURCE, "time": now}
    person = {"manager_id": "m-7", "name": "Vera Lind", "team_id": "east", "active": True}
    await publisher.publish(ManagerChanged.of(**about, **person))
    ringing = {"direction": "inbound", "manager_id": "m-7"}
    await publisher.publish(CallStarted.of(**about, call_id="c-1", client_id="one", **ringing))
    await publisher.publish(ChatMessage.of(**about, chat_id="t-2", client_id="two", author="client"))
    await publisher.publish(
        CallStarted.of(**about, call_id="c-3", client_id="three", direction="inbound", manager_id="m-8")
    )
    ended = {"direction": "inbound", "outcome": "answered", "started_at": now, "answered_at": now}
    await publisher.publish(CallEnded.of(**about, call_id="c-3", client_id="three", manager_id="m-8", **ended))
    return now.timestamp()
