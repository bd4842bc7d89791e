"""The gateway as a process on a real socket: rude clients get answers, and nothing that it says holds a secret."""

import asyncio
import base64
import gzip
import json
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from deploy.stack.ports import free_port
from metrics.catalogue import gateway
from metrics.catalogue.service import CERTIFICATE
from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.support.exposition import unlike

pytestmark = pytest.mark.integration
BATCH = "Content-Type: application/cloudevents-batch+json"
COMMAND = (sys.executable, "-m", "deploy.cli", "gateway")
TOKEN = "the-token-that-nobody-may-see"
SECRET = "whsec_" + base64.b64encode(b"the secret that nobody may see").decode()
PASSWORD = "the-password-of-kafka"
EVENT = {
    "specversion": "1.0", "id": "m-1", "source": "crm://a", "type": "sales.meeting.held.v1",
    "time": "2026-11-23T09:15:02Z", "data": {"meeting_id": "m-1", "client_id": "cl-7", "manager_id": "m-3"},
}  # fmt: skip
GOOD = {"authorization": f"Bearer {TOKEN}", "content-type": "application/cloudevents+json"}


@pytest.fixture
def environment(kafka, topic_prefix):
    return {name: value for name, value in os.environ.items() if not name.startswith("SALES_")} | {
        "SALES_KAFKA_SERVERS": kafka,
        "SALES_TOPIC_PREFIX": topic_prefix,
        "SALES_KAFKA_SASL_PASSWORD": PASSWORD,
        "SALES_GATEWAY_TOKENS": f"crm://a={TOKEN}",
        "SALES_GATEWAY_SECRETS": f"crm://a={SECRET}",
        "SALES_LOG_LEVEL": "debug",
    }


@asynccontextmanager
async def running(environment, log):
    """A gateway that answers; gives its port."""
    port = free_port()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--listen", f"127.0.0.1:{port}", env=environment, stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.TransportError:
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def raw(port, *pieces):
    """Send bytes as they are; what comes back, and nothing when the connection is just closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        if b"Connection: close" in pieces[0]:
            return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:  # of what is refused before all of it was read TCP may drop the answer
        pass
    finally:
        writer.close()
    return b""


def head(*lines):
    return "\r\n".join(["POST /v1/events HTTP/1.1", "Host: x", *lines, "", ""]).encode()


async def test_rude_clients_and_secrets(environment, kafka, topic_prefix, tmp_path):
    """Torn, huge and senseless requests are refused or dropped; no log, error, metric or help shows a secret."""
    await ensure(KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2))
    log = tmp_path / "gateway.log"
    told = []
    async with (
        running(environment, log) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        body = json.dumps(EVENT).encode()
        login = f"Authorization: Bearer {TOKEN}"
        kind = "Content-Type: application/cloudevents+json"
        close = "Connection: close"
        packed, bomb = gzip.compress(body), gzip.compress(b"[" + b" " * 100_000_000, 1)
        data = json.dumps(EVENT["data"]).encode()
        attributes = [f"ce-{name}: {value}" for name, value in EVENT.items() if name != "data"]
        attributes.append("Content-Type: application/json")
        rude = {
            "no number": (head(login, kind, close, "Content-Length: many") + body,),
            "two lengths": (head(login, kind, close, "Content-Length: 5", "Content-Length: 900") + body,),
            "negative": (head(login, kind, close, "Content-Length: -1"),),
            "both": (head(login, kind, close, "Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",),
            "bad chunk": (head(login, kind, close, "Transfer-Encoding: chunked"), b"zz\r\n" + body),
            "no HTTP": (b"\x16\x03\x01 Connection: close\r\n\r\n",),
            "huge header": (head(login, kind, close, "X: " + "x" * 200_000),),
            "announced": (head(login, kind, close, "Content-Length: 999999999999"),),
            "torn gzip": (head(login, kind, close, "Content-Encoding: gzip", "Content-Length: 20") + packed[:20],),
            "bomb": (head(login, BATCH, close, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb,),
            "bomb in a bomb": (head(login, kind, close, "Content-Encoding: gzip, gzip", "Content-Length: 0"),),
            "two ids": (head(login, *attributes, "ce-id: other", close, f"Content-Length: {len(data)}") + data,),
            "no UTF-8": (head(login, *attributes, "ce-subject: %ff", close, f"Content-Length: {len(data)}") + data,),
            "other method": (head(login, close).replace(b"POST", b"PUT"),),
            "long number": (head(login, kind, close, f"Content-Length: {'9' * 5000}"),),
        }
        for name, pieces in rude.items():
            answer = await raw(port, *pieces)
            assert not answer or answer[9:10] == b"4", (name, answer[:200])
            told.append(answer.decode(errors="replace"))
        for _ in range(20):
            await raw(port, head(login, kind, "Content-Length: 900"), body[:40])
        for authorization in ("Bearer wrong-" + TOKEN, f"Basic {TOKEN}", f"Bearer {SECRET}", ""):
            answer = await client.post("/v1/events", json=EVENT, headers=GOOD | {"authorization": authorization})
            assert answer.status_code == 401
            told.append(answer.text + str(answer.headers))
        other = EVENT | {"source": "pbx://b"}
        told.append((await client.post("/v1/events", json=other, headers=GOOD)).text)
        told.append((await client.post("/v1/events", json=EVENT | {"data": {"client_id": TOKEN}}, headers=GOOD)).text)
        stamp = {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": f"v1,{SECRET}"}
        told.append((await client.post("/v1/events", json=EVENT, headers=stamp)).text)
        answer = await client.post("/v1/events", content=body, headers=GOOD)
        assert (answer.status_code, answer.text) == (202, '{"accepted":1}')
        for path in ("/sources", "/v1/sources", "/v1/sources/crm://a"):  # nor for this machine, where tokens are set
            assert (await client.get(path)).status_code == 401
        told += [(await client.get(path)).text for path in ("/metrics", "/openapi.json", "/readyz")]
        assert 'sales_gateway_requests_total{status="202"} 1.0' in told[-3]
        assert unlike(told[-3], *gateway.FAMILIES, CERTIFICATE) == {}
    for arguments in (["--help"], ["--listen", "nonsense"]):
        done = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told.append((await done.communicate())[0].decode())
    broken = environment | {"SALES_GATEWAY_SECRETS": f"crm://a={SECRET}, {TOKEN}"}
    done = await asyncio.create_subprocess_exec(*COMMAND, env=broken, stderr=asyncio.subprocess.PIPE)
    told.append((await done.communicate())[1].decode())
    assert "pair 2" in told[-1]
    said = log.read_text()
    assert "Traceback" not in said
    assert "not known here" in said
    for secret in (TOKEN, SECRET, SECRET.removeprefix("whsec_"), PASSWORD):
        assert secret not in said
        assert not [text for text in told if secret in text]
