"""Attack → what an honest sender and the gateway see of it, with figures: pytest -s -m attack tests/attacks."""

import itertools
import json
import os

import httpx
import psutil
import pytest

from deploy.connections import most_connections
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.attacks.attackers import attacks
from tests.attacks.watching import MOST_LOGGED, watched
from tests.integration.producers.test_gateway_process import EVENT, GOOD, SECRET, TOKEN, running

pytestmark = pytest.mark.attack
OTHER = "the-token-of-one-that-has-gone-mad"
_PAUSE = 0.1
_MOST_MB = 150
"""That a gateway may grow by."""


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
    log, numbers = tmp_path / "log", itertools.count(1)
    async with running(environment, log) as port:
        process = next(one for one in psutil.Process().children() if f"127.0.0.1:{port}" in one.cmdline())

        async def ask():
            """One event, on a connection of its own, as web hooks come."""
            async with httpx.AsyncClient(timeout=10) as client:
                content = json.dumps(EVENT | {"id": f"m-{next(numbers)}"})
                url = f"http://127.0.0.1:{port}/v1/events"
                return (await client.post(url, content=content, headers=GOOD)).status_code

        seen = await watched(attacks(OTHER)[name](port), ask, _PAUSE, process, log)
    print(seen.row(name, 202))
    answers = seen.meanwhile.answers
    assert answers[202] >= 0.95 * answers.total() > 0, answers
    assert set(seen.after.answers) == {202}
    assert seen.grown < _MOST_MB
    assert seen.logged < MOST_LOGGED
