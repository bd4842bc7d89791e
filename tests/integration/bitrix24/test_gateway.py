"""The connector as it is run: a gateway process, a real Kafka, a portal over HTTP, and a kill in the middle."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from metrics.catalogue import gateway as families
from metrics.catalogue.service import CERTIFICATE
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import SECRET, TOKEN, StandIn, serve_portal
from tests.support.exposition import exposed, unlike

pytestmark = pytest.mark.integration
ROOT = str(Path(__file__).resolve().parents[3])
KEY = "a long and random key of clients"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def process(folder: Path, environment: dict[str, str], *arguments: str):
    """A `sales-pulse` command; what it says goes to a file."""
    with (folder / "output.txt").open("ab") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli", *arguments, cwd=folder, stdout=output, stderr=output,
            env=os.environ | environment | {"PYTHONPATH": ROOT},
        )  # fmt: skip
        try:
            yield running
        finally:
            if running.returncode is None:
                running.send_signal(signal.SIGTERM)
                await running.wait()


async def answering(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/healthz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def test_hooks_survive_a_kill_and_commands_find_nothing_left(kafka, topic_prefix, tmp_path):
    """What was answered 200 reaches Kafka after SIGKILL; then backfill has nothing to add, and no output a secret."""
    life = Life(8)
    portal = StandIn(life, burst=1e9)
    await ensure(KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2))
    port = free_port()
    async with serve_portal(portal), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        environment = {
            "SALES_KAFKA_SERVERS": kafka, "SALES_TOPIC_PREFIX": topic_prefix, "SALES_LOG_LEVEL": "debug",
            "SALES_GATEWAY_LISTEN": f"127.0.0.1:{port}", "SALES_BITRIX24_WEBHOOK_URL": portal.url,
            "SALES_BITRIX24_APPLICATION_TOKEN": TOKEN, "SALES_BITRIX24_CLIENT_KEY": KEY,
            "SALES_BITRIX24_REQUESTS_PER_SECOND": "500", "SALES_BITRIX24_BURST": "500",
            "SALES_BITRIX24_COALESCE_SECONDS": "5", "SALES_BITRIX24_SPOOL": "spool",
            "SALES_IDENTITY_KEY": "a secret of the house",
        }  # fmt: skip
        async with process(tmp_path, environment, "gateway") as gateway:
            await answering(client)
            # Anna called another system before; Boris is in the portal and calls another system then.
            await call(client, "called-1", "tel:8 921 000-00-01")
            for number in range(20):
                life.new_deal()
                life.tables["deal"][number + 1] |= {"companyId": 0, "leadId": 0, "contactId": number + 1}
            life.party("contact", 1, ["+7 921 000 00 01"])
            life.party("contact", 2, ["89210000002"])
            headers = {"content-type": "application/x-www-form-urlencoded"}
            for hook in life.hooks:
                answer = await client.post("/v1/bitrix24", content=portal.form(hook), headers=headers)
                assert answer.status_code == 200
            gateway.kill()
            await gateway.wait()
        async with process(tmp_path, environment, "gateway"):
            await answering(client)
            deals = [one for one in await read(kafka, f"{topic_prefix}.events", 21) if "deal_id" in one["data"]]
            assert {deal["type"] for deal in deals} == {"sales.deal.changed.v1"}
            assert len({deal["data"]["deal_id"] for deal in deals}) == 20
            whose = {deal["data"]["deal_id"].partition("-")[0]: deal["data"]["client_id"] for deal in deals}
            await call(client, "called-2", "tel:+79210000002")
            told = [one["data"] for one in await read(kafka, f"{topic_prefix}.events", 22)]
            called = {one["call_id"]: one["client_id"] for one in told if "call_id" in one}
            assert called == {"called-1": whose["1"], "called-2": whose["2"]}
            assert unlike(await page(client), *families.FAMILIES, *families.BITRIX24_FAMILIES, CERTIFICATE) == {}
        for command in ("reconcile", "backfill"):
            async with process(tmp_path, environment, "bitrix24", command) as running:
                assert await running.wait() == 0
        elsewhere = environment | {
            "SALES_BITRIX24_SPOOL": "lost", "SALES_BITRIX24_WEBHOOK_URL": portal.url.replace("127.0.0.1", "localhost"),
        }  # fmt: skip
        async with process(tmp_path, elsewhere, "bitrix24", "backfill") as running:
            assert await running.wait() == 1, "another name, and a spool that knows nothing: asked before it sends"
    said = (tmp_path / "output.txt").read_text()
    assert f"the log has events of the portal {portal.url.split('/')[2]}" in said
    assert "\n0 events published" in said
    for secret in (SECRET, TOKEN, KEY, "Secret Client"):
        assert secret not in said


async def call(client: httpx.AsyncClient, name: str, number: str) -> None:
    """A telephone system tells the gateway of a call."""
    event = {
        "specversion": "1.0", "id": name, "source": "pbx://x", "type": "sales.call.started.v1",
        "time": "2026-11-02T09:00:00Z", "data": {"call_id": name, "client_id": number, "direction": "inbound"},
    }  # fmt: skip
    headers = {"content-type": "application/cloudevents+json"}
    async with asyncio.timeout(30):
        while (await client.post("/v1/events", json=event, headers=headers)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def page(client: httpx.AsyncClient) -> str:
    """What the gateway exposes, once it has counted what Kafka has."""
    async with asyncio.timeout(20):
        while True:
            found = (await client.get("/metrics")).text
            if exposed(found)[families.BITRIX24_EVENTS.name]:
                return found
            await asyncio.sleep(0.1)


async def read(servers: str, topic: str, count: int) -> list[dict]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(60):
            return [json.loads((await consumer.getone()).value) for _ in range(count)]
