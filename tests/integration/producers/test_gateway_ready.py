"""The gateway's readiness follows a real Kafka that is killed or frozen, without a single request for events."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.integration.producers.test_gateway_process import EVENT, GOOD, running
from tests.support.servers import kafka_cluster
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.mark.parametrize("how", ["killed", pytest.param("frozen", marks=pytest.mark.slow)])
async def test_kafka_is_gone_and_back(how, tmp_path, topic_prefix, monkeypatch):
    """503 within ten seconds though nobody sent anything, and 200 by itself; what is sent then is taken."""
    with kafka_cluster(tmp_path, 1) as cluster:
        (broker,) = cluster.nodes
        await ensure(KafkaSettings(_env_file=None, kafka_servers=broker.server, topic_prefix=topic_prefix))
        environment = {
            "SALES_KAFKA_SERVERS": broker.server,
            "SALES_TOPIC_PREFIX": topic_prefix,
            "SALES_GATEWAY_TOKENS": f"crm://a={GOOD['authorization'].removeprefix('Bearer ')}",
        }
        async with running(environment, tmp_path / "gateway.log") as port:

            def get(path):
                with suppress(httpx.TransportError):
                    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2)
                return httpx.Response(0)

            def ready():
                return get("/readyz").status_code

            await until(lambda: ready() == 200, 10, "ready")
            await asyncio.sleep(10)  # longer than its patience: an idle gateway stays ready
            assert ready() == 200
            (broker.kill if how == "killed" else broker.pause)()
            await until(lambda: ready() == 503, 10, "not ready")
            assert "Kafka has not answered for" in get("/readyz").json()["status"]
            assert get("/healthz").status_code == 200
            if how == "killed":
                broker.start()
            else:
                broker.resume()
            await until(lambda: ready() == 200, 20, "ready again")
            async with httpx.AsyncClient(timeout=20) as client:
                answer = await client.post(f"http://127.0.0.1:{port}/v1/events", json=EVENT, headers=GOOD)
            assert answer.status_code == 202
