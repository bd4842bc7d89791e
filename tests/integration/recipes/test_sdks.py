"""The CloudEvents SDKs of JavaScript and Python over HTTP, at their defaults: what they send arrives as it was meant.

`pytest -m slow tests/integration/recipes`; a client that cannot be had is told.
"""

import asyncio
import os
import shutil
import subprocess
import sys

import pytest

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.integration.producers.test_gateway_process import running
from tests.integration.recipes.blocks import arrived

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
TOKEN = "token-of-shop"
JAVASCRIPT = """
const { CloudEvent, HTTP } = require("cloudevents");
const event = (id, more) => new CloudEvent({ id, source: "crm://shop", type: "sales.meeting.held.v1",
  time: "2026-11-02T10:00:00+03:00", data: { meeting_id: id, client_id: "клиент-7", manager_id: "m-1" }, ...more });
const messages = {
  binary: HTTP.binary(event("binary")),
  structured: HTTP.structured(event("structured", { subject: "Сделка № 4" })),
  percent: HTTP.structured(event("percent-50%")),
  extensions: HTTP.binary(event("extensions", { sequence: "0001", n: 5 })),
  bytes: HTTP.structured(event("bytes", { data: new TextEncoder().encode(
    '{"meeting_id": "bytes", "client_id": "клиент-7", "manager_id": "m-1"}') })),
};
(async () => {
  for (const [name, message] of Object.entries(messages)) {
    const headers = { ...message.headers, authorization: `Bearer ${process.env.TOKEN}` };
    const answer = await fetch(process.env.EVENTS, { method: "POST", headers, body: message.body });
    if (answer.status !== 202) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  }
})().catch((error) => { console.error(error); process.exit(1); });
"""
PYTHON = """
import json, os, urllib.request
try:
    from cloudevents.v1.http import CloudEvent, to_binary, to_json, to_structured
except ImportError:
    from cloudevents.http import CloudEvent, to_binary, to_json, to_structured

def event(id, data=None, **more):
    meant = {"meeting_id": id, "client_id": "клиент-7", "manager_id": "m-1"}
    about = {"id": id, "source": "crm://shop", "type": "sales.meeting.held.v1", "time": "2026-11-02T10:00:00+03:00"}
    return CloudEvent(about | more, data(meant) if data else meant)

def send(headers, body):
    headers = dict(headers) | {"authorization": "Bearer " + os.environ["TOKEN"]}
    if not {name.lower() for name in headers} & {"content-type"}:
        headers["content-type"] = "application/json"  # urllib says it is a form
    with urllib.request.urlopen(urllib.request.Request(os.environ["EVENTS"], body, headers)) as answer:
        assert answer.status == 202

send(*to_binary(event("binary")))
send(*to_structured(event("structured", subject="Сделка № 4")))
send(*to_structured(event("percent-50%")))
send(*to_binary(event("extensions", sequence="0001")))
send(*to_structured(event("bytes", lambda data: json.dumps(data).encode())))
batch = b"[" + to_json(event("batch-1")) + b"," + to_json(event("batch-2")) + b"]"
send({"content-type": "application/cloudevents-batch+json"}, batch)
"""
MEANT = {"binary", "structured", "percent-50%", "extensions", "bytes"}


def had(folder, *command):
    """Bring a client from its registry; skip, and say why, where it cannot be had."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)}: {(done.stdout + done.stderr)[-300:]}")


async def meetings(kafka, topic_prefix, folder, *program):
    """What is in Kafka once a program has sent what it has to a gateway."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=4)
    await ensure(settings)
    own = {"SALES_KAFKA_SERVERS": kafka, "SALES_TOPIC_PREFIX": topic_prefix}
    environment = os.environ | own | {"SALES_GATEWAY_TOKENS": f"crm://shop={TOKEN}"}
    async with running(environment, folder / "gateway.log") as port:
        said = {"TOKEN": TOKEN, "EVENTS": f"http://127.0.0.1:{port}/v1/events"}
        pipe = asyncio.subprocess.PIPE
        sent = await asyncio.create_subprocess_exec(*program, cwd=folder, env=os.environ | said, stderr=pipe)
        _, problem = await sent.communicate()
        assert sent.returncode == 0, problem.decode()[-2000:]
    found = await arrived(settings)
    assert set(found.values()) == {("клиент-7", True)}
    return set(found)


async def test_javascript(kafka, topic_prefix, tmp_path):
    """Npm's cloudevents: binary and structured mode, texts beyond ASCII, percent signs, extensions, bytes."""
    had(tmp_path, "npm", "install", "--no-audit", "--no-fund", "cloudevents@10.0.0")
    (tmp_path / "send.js").write_text(JAVASCRIPT)
    assert await meetings(kafka, topic_prefix, tmp_path, "node", "send.js") == MEANT


async def test_python(kafka, topic_prefix, tmp_path):
    """PyPI's cloudevents: the same, and a batch of its JSON."""
    packages = tmp_path / "packages"
    had(tmp_path, sys.executable, "-m", "pip", "install", "-q", "--target", str(packages), "cloudevents")
    (packages / "send.py").write_text(PYTHON)  # beside them: what lies beside a script is found
    program = (sys.executable, str(packages / "send.py"))
    assert await meetings(kafka, topic_prefix, tmp_path, *program) == MEANT | {"batch-1", "batch-2"}
