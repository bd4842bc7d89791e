"""Recipes that need no build, as they stand in the docs: what they send is in Kafka, on the partition of its client."""

import asyncio
import json
import os
import sys

import httpx
import pytest

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.integration.producers.test_gateway_process import running
from tests.integration.recipes.blocks import Servers, arrived, block

pytestmark = pytest.mark.integration


async def done(*command, cwd):
    """Run a program; what it said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


@pytest.mark.timeout(90)
async def test_without_a_build(kafka, topic_prefix, tmp_path):
    """confluent-kafka in Python, curl, and the body that web-hook tools send, with a header and without."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=4)
    await ensure(settings)
    tokens = {"SALES_GATEWAY_TOKENS": "crm://shop=token-of-shop"}
    environment = os.environ | {"SALES_KAFKA_SERVERS": kafka, "SALES_TOPIC_PREFIX": topic_prefix} | tokens
    async with running(environment, tmp_path / "gateway.log") as port:
        servers = Servers(kafka, settings.events_topic, port)
        (tmp_path / "recipe.py").write_text(servers.put(block("librdkafka", "python")))
        await done(sys.executable, "recipe.py", cwd=tmp_path)
        (tmp_path / "recipe.sh").write_text(servers.put(block("http", "sh", "curl")))
        assert (await done("sh", "-e", "recipe.sh", cwd=tmp_path)).endswith("202\n")
        body = block("http", "json")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            types = {"content-type": "application/cloudevents+json", "authorization": "Bearer token-of-shop"}
            assert (await client.post("/v1/events", content=body, headers=types)).status_code == 202
            again = json.loads(body) | {"id": "meeting-9-held"}
            again["data"]["meeting_id"] = "meeting-9"
            address = "/v1/events?access_token=token-of-shop"
            answer = await client.post(address, json=again)  # content-type: application/json
            assert answer.status_code == 202, answer.text
    found = await arrived(settings)
    assert found == {f"meeting-{number}": ("клиент-7", True) for number in (1, 7, 8, 9)}
