"""The alert of clients nobody answered, end to end: told of before the target is over, unless somebody called back."""

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from grafana.look import Look
from producers.events import CallEnded, LeadChanged, ManagerChanged
from producers.publisher import SalesPublisher
from tests.browser.stage import ExporterProcess
from tests.integration.test_alerts import NOON, configured, told
from tests.support.monitoring import alertmanager, prometheus, serving
from tests.support.workers import house, until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
TARGET = 240.0
"""Seconds of working time, all of the day being worked; the alert comes when half of it is left."""
ALWAYS = {"hours": {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
ABOUT = {"source": "test://floor"}


async def test_nobody_calls_back(kafka: str, redis_url: str, tmp_path: Path) -> None:
    """One client missed and one lead left alone are told of while time is left; one called back, one touched are not.

    What an import brought from yesterday is not told of either. Kafka, worker, Redis, exporter, Prometheus with the
    generated rules, and Alertmanager with the web hook are real.
    """
    calendar = tmp_path / "calendar.yaml"
    calendar.write_text(yaml.safe_dump(ALWAYS))
    settings = {
        "SALES_TIMEZONE": "UTC",
        "SALES_CALENDAR": str(calendar),
        "SALES_CALLBACK_TARGET_SECONDS": f"{TARGET:g}",
        "SALES_LEAD_TARGET_SECONDS": f"{TARGET:g}",
    }
    look = Look(callback_target=TARGET, lead_target=TARGET)
    name, received = f"test-{uuid.uuid4().hex[:12]}", list[dict[str, object]]()
    with house(kafka, redis_url, name, name, tmp_path / "floor") as floor:
        floor.environment.update(settings)
        worker = floor.worker()
        await until(lambda: worker.owned() == {0, 1, 2}, 90, "all partitions owned")
        exporter = ExporterProcess(tmp_path / "exporter", floor.environment)
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
                    look,
                ),
            ):
                async with SalesPublisher(floor.kafka) as publisher:
                    began = await _come(publisher)
                for wanted in ("MissedClientNotCalledBack", "LeadUntouched"):
                    await until(lambda one=wanted: one in told(received), began + TARGET - time.time(), wanted)
                took = time.time() - began
                print(f"from the missed call to both messages {took:.1f} s, of {TARGET:g} s that there are")
                assert TARGET / 2 <= took < TARGET
                await asyncio.sleep(5)
            sent = [alert["labels"] for message in received for alert in message["alerts"]]  # type: ignore[attr-defined]
            assert {(one["alertname"], one["team"]) for one in sent} == {
                ("MissedClientNotCalledBack", "east"), ("LeadUntouched", "east"),
            }  # fmt: skip
        finally:
            exporter.kill()


async def _come(publisher: SalesPublisher) -> float:
    """Calls missed and leads opened in two teams; the west calls back. Gives Unix seconds of the missed calls."""
    now = datetime.now(UTC)
    for manager, team in (("m-7", "east"), ("m-8", "west")):
        person = {"manager_id": manager, "name": manager, "team_id": team, "active": True}
        await publisher.publish(ManagerChanged.of(**ABOUT, time=now, **person))
    await _missed(publisher, "imported", "m-8", now - timedelta(hours=20))
    await _missed(publisher, "one", "m-7", now)
    await _missed(publisher, "two", "m-8", now)
    await _lead(publisher, "three", "m-7", now)
    await _lead(publisher, "four", "m-8", now)
    called = {"direction": "outbound", "outcome": "missed", "started_at": now, "manager_id": "m-8"}
    for client in ("two", "four"):
        await publisher.publish(CallEnded.of(**ABOUT, time=now + timedelta(seconds=1), call_id=f"back-{client}",
                                             client_id=client, **called))  # fmt: skip
    return now.timestamp()


async def _missed(publisher: SalesPublisher, client: str, manager: str, time: datetime) -> None:
    rang = {"direction": "inbound", "outcome": "missed", "started_at": time - timedelta(seconds=30)}
    call = {"call_id": f"c-{client}", "client_id": client, "manager_id": manager}
    await publisher.publish(CallEnded.of(**ABOUT, time=time, **call, **rang))


async def _lead(publisher: SalesPublisher, client: str, manager: str, time: datetime) -> None:
    lead = {"lead_id": f"l-{client}", "client_id": client, "manager_id": manager, "temperature": "warm"}
    await publisher.publish(LeadChanged.of(**ABOUT, time=time, created_at=time, **lead))
