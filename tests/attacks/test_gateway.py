"""Attack → what an honest sender and the gateway see of it, with figures: pytest -s -m attack tests/attacks."""

import asyncio
import json
import os
import time
from collections import Counter
from contextlib import suppress

import httpx
import psutil
import pytest

from deploy.connections import most_connections
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.attacks.attackers import attacks
from tests.integration.producers.test_gateway_process import EVENT, GOOD, SECRET, TOKEN, running

pytestmark = pytest.mark.attack
SECONDS = 20
OTHER = "the-token-of-one-that-has-gone-mad"
_MOST_MB = 150
"""That a gateway may grow by."""


async def honest(port, answers, slowest):
    """One event after another, each on a connection of its own, as web hooks come."""
    number = 0
    while True:
        number += 1
        began = time.monotonic()
        try:
            async with httpx.AsyncClient(timeout=10) as client:
                content = json.dumps(EVENT | {"id": f"m-{number}"})
                answer = await client.post(f"http://127.0.0.1:{port}/v1/events", content=content, headers=GOOD)
            answers[answer.status_code] += 1
        except httpx.HTTPError as error:
            answers[type(error).__name__] += 1
        slowest[0] = max(slowest[0], time.monotonic() - began)
        await asyncio.sleep(0.1)


@pytest.fixture
def environment(kafka, topic_prefix):
    most_connections()
    return {name: value for name, value in os.environ.items() if not name.startswith("SALES_")} | {
        "SALES_KAFKA_SERVERS": kafka,
        "SALES_TOPIC_PREFIX": topic_prefix,
        "SALES_GATEWAY_TOKENS": f"crm://a={TOKEN},crm://mad={OTHER}",
        "SALES_GATEWAY_SECRETS": f"crm://a={SECRET}",
    }


@pytest.mark.parametrize("name", attacks(OTHER))
async def test_an_honest_sender_is_served(environment, topic_prefix, kafka, tmp_path, name):
    """While it lasts nearly all is taken, memory stays, little is logged; after it all is as it was."""
    await ensure(KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix))
    log = tmp_path / "log"
    async with running(environment, log) as port:
        process = next(one for one in psutil.Process().children() if f"127.0.0.1:{port}" in one.cmdline())
        answers, slowest = Counter(), [0.0]
        before = process.memory_info().rss
        attacker = asyncio.create_task(attacks(OTHER)[name](port))
        await asyncio.sleep(2)
        sender = asyncio.create_task(honest(port, answers, slowest))
        most, ends = 0, time.monotonic() + SECONDS
        while time.monotonic() < ends:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.2)
        for task in (attacker, sender):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        after, later = Counter(), [0.0]
        sender = asyncio.create_task(honest(port, after, later))
        await asyncio.sleep(3)
        sender.cancel()
        grown = (most - before) / 2**20
        logged = log.stat().st_size / 1000
    print(
        f"\n| {name} | {answers[202]} of {answers.total()} taken, slowest {slowest[0]:.2f} s | +{grown:.0f} MB "
        f"| {logged:.0f} kB logged | {dict(after)} |"
    )
    assert answers[202] >= 0.95 * answers.total() > 0, answers
    assert set(after) == {202}
    assert grown < _MOST_MB
    assert logged < 1000
