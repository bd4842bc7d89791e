"""One client, whichever system tells: a list, a table and the gateway, with the real commands and a real Kafka."""

import asyncio
import os
import subprocess
import sys

import httpx
import pytest

from deploy.stack.ports import free_port
from metrics.catalogue import gateway as gateway_families
from producers.events import wire
from producers.identities import IdentitySettings
from producers.identities.topic import opened
from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.plain.kafka import kafka_log
from tests.support.exposition import unlike
from tests.support.workers import until

pytestmark = pytest.mark.integration
KEY = "a secret of the house"
MAPPING = """
source: crm://desk
timezone: UTC
events:
  - type: {constant: sales.meeting.held.v1}
    time: Day
    data:
      meeting_id: ID
      manager_id: {constant: m-1}
      client_id: {column: Client, prefix: "crm-", phone: Phone}
"""


async def clients(settings):
    """Meeting → client, of all that is in the log; the record's key is the client."""
    found = {}
    async with kafka_log(settings) as log:
        for partition, end in (await log.ends(settings.events_topic)).items():
            async for chunk in log.read(settings.events_topic, partition, 0, end):
                for record in chunk:
                    data = wire.decode(record.value).data
                    assert record.key.decode() == data.client_id
                    found[data.meeting_id] = data.client_id
    return found


def meeting(name, client):
    return {
        "specversion": "1.0", "id": name, "source": "pbx://x", "type": "sales.meeting.held.v1",
        "time": "2026-11-01T10:00:00Z", "data": {"meeting_id": name, "client_id": client, "manager_id": "m-1"},
    }  # fmt: skip


def told_right(page):
    """What two imports of a table wrote for Prometheus: three events, of which two had met their client, then none."""
    assert unlike(page, *gateway_families.IMPORT_FAMILIES) == {}
    assert 'sales_import_events_total{format="table",source="crm://desk"} 3.0' in page
    assert 'sales_import_clients_total{format="table",outcome="known",source="crm://desk"} 5.0' in page


@pytest.mark.timeout(240)
async def test_one_client(kafka, topic_prefix, tmp_path):
    """Who called first stays the caller when he is listed; who was listed first is the list's client when he calls."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    await ensure(settings)
    port = free_port()
    environment = os.environ | {
        "SALES_KAFKA_SERVERS": kafka, "SALES_TOPIC_PREFIX": topic_prefix, "SALES_IDENTITY_KEY": KEY,
        "SALES_GATEWAY_LISTEN": f"127.0.0.1:{port}",
    }  # fmt: skip
    command = [sys.executable, "-m", "deploy.cli"]

    def run(*arguments):
        done = subprocess.run(
            [*command, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with (tmp_path / "gateway.log").open("wb") as log:
        gateway = await asyncio.create_subprocess_exec(
            *command, "gateway", env=environment, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

            def is_ready():
                assert gateway.returncode is None, (tmp_path / "gateway.log").read_text()
                try:
                    return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_ready, 90, "gateway ready")

            async def send(name, client):
                headers = {"content-type": "application/cloudevents+json"}
                answer = await http.post("/v1/events", json=meeting(name, client), headers=headers)
                assert answer.status_code == 202, answer.text

            await send("called-1", "tel:+7 921 000-00-01")
            (tmp_path / "clients.csv").write_text(
                "client_id,phone,email\ncrm-1,8 921 000 00 01,anna@example.com\ncrm-2,+79210000002,\n"
            )
            said = run("import", "clients.csv")
            assert "2 taken, 0 left out, 0 refused" in said
            assert "1 had called or written before" in said
            await send("called-2", "tel:8 (921) 000-00-02")
            await send("wrote-1", "mailto:Anna@Example.com")
            (tmp_path / "meetings.yaml").write_text(MAPPING)
            (tmp_path / "meetings.csv").write_text(
                "ID,Client,Phone,Day\nheld-1,1,9210000001,2026-11-02T10:00:00Z\nheld-2,2,9210000002,2026-11-02T10:00:00Z\n"
                "held-3,3,9210000003,2026-11-02T10:00:00Z\n"
            )
            told = ("--mapping", "meetings.yaml", "--metrics", "import.prom")
            said = run("import", "meetings.csv", *told)
            assert "2 of 3 clients that were looked up were known" in said
            said = run("import", "meetings.csv", *told)
            assert "0 events sent, 3 known already" in said
            told_right((tmp_path / "import.prom").read_text())
            await send("called-3", "tel:+79210000003")
            assert "crm-2: 2 claims removed" in run("forget", "crm-2")
            metrics = (await http.get("/metrics")).text
    finally:
        gateway.terminate()
        await gateway.wait()
    async with opened(settings, IdentitySettings(identity_key=KEY)) as resolver:
        caller = resolver.hashes(["+79210000001"])[0]
        assert not resolver.client(phone="+79210000002").known
    assert await clients(settings) == {
        "called-1": caller, "wrote-1": caller, "held-1": caller, "called-2": "crm-2", "held-2": "crm-2",
        "held-3": "crm-3", "called-3": "crm-3",
    }  # fmt: skip
    assert 'sales_gateway_clients_total{outcome="known",source="pbx://x"} 3.0' in metrics
    assert 'sales_gateway_clients_total{outcome="new",source="pbx://x"} 1.0' in metrics
