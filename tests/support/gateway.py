"""A gateway over real HTTP semantics, with a publisher that keeps what it is given."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from producers.gateway.app import create_app
from producers.gateway.settings import GatewaySettings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
SECRET = "whsec_" + base64.b64encode(b"a secret of the pbx in spb").decode()


def event(**changes):
    """A good event."""
    base = {
        "specversion": "1.0", "id": "m-1", "source": "crm://a", "type": "sales.meeting.held.v1",
        "time": "2026-11-23T09:15:02Z", "data": {"meeting_id": "m-1", "client_id": "cl-7", "manager_id": "m-3"},
    }  # fmt: skip
    return base | changes


class DelayedPublisher:
    """Takes everything after `delay` seconds, or raises `failure`."""

    def __init__(self):
        self.sent, self.failure, self.delay = [], None, 0.0

    async def publish_many_raw(self, records, *, reference=False):
        await asyncio.sleep(self.delay)
        if self.failure:
            raise self.failure
        self.sent += [(reference, *record) for record in records]
        return len(records)


class Setup:
    """A gateway and its client, whose address is `host`."""

    def __init__(self, host="127.0.0.1", shared=None, identities=None, **settings):
        self.publisher = DelayedPublisher()
        self.settings = GatewaySettings(_env_file=None, **settings)
        self.app = create_app(self.publisher, self.settings, now=lambda: NOW, shared=shared, identities=identities)
        transport = httpx.ASGITransport(self.app, client=(host, 1234))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def post(self, content, ask="", **headers):
        """Send an event, a batch, or bytes; underscores in names of headers are hyphens."""
        if not isinstance(content, bytes):
            headers.setdefault("content_type", "application/cloudevents+json")
            content = json.dumps(content).encode()
        return await self.client.post(
            f"/v1/events{ask}", content=content, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


BATCH = "application/cloudevents-batch+json"


def sign(secret, message_id, timestamp, body):
    """The header that a sender makes by the library of Standard Webhooks."""
    return Webhook(secret).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body.decode())
