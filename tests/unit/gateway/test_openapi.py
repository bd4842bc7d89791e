"""The gateway keeps what its OpenAPI promises, whatever schemathesis thinks of.

A longer run by hand: HYPOTHESIS_PROFILE=slow pytest tests/unit/gateway/test_openapi.py
"""

import json
import os
from urllib.parse import quote

import httpx
import jsonschema
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from producers.gateway.app import create_app
from producers.gateway.settings import GatewaySettings
from tests.support.strategies import SPAN, START, any_events, encode

SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What the HTTP binding leaves as it is."""
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "slow"


class Keeping:
    """A publisher that takes everything."""

    def __init__(self):
        self.sent = []

    async def publish_many_raw(self, records, *, reference=False):
        self.sent += [value for _, value in records]
        return len(records)


publisher = Keeping()
app = create_app(
    publisher,
    GatewaySettings(_env_file=None, gateway_events_per_second=10**9),
    now=(START + SPAN).timestamp,
)


async def local(scope, receive, send):
    """The application as this machine sees it, where nobody needs a token."""
    await app(scope | {"client": ("127.0.0.1", 4711)}, receive, send)


schema = schemathesis.openapi.from_asgi("/openapi.json", local)
# Every bound of every field of every type is tried by hand only: these are thousands of requests.
schema.config.phases.coverage.enabled = LONG
# A batch of too many events may also be too many bytes: that is a refusal, too.
rejection = schema.config.checks.negative_data_rejection
rejection.expected_statuses = [*rejection.expected_statuses, "413"]


@schema.parametrize()
@settings(max_examples=1_000 if LONG else 40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_documented(case):
    """No 5xx, no status, type or body that is not in the document, and nothing taken that its schemas forbid."""
    # What a schema cannot say (a key that fits, a time that is past) is refused too; the next test sends good events.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


@given(events=st.lists(any_events(), min_size=1, max_size=8, unique_by=lambda made: (made["source"], made["id"])))
async def test_every_good_event_is_taken(events):
    """What the contract allows is 202, alone, in binary mode and in a batch, and fits the document's schema."""
    publisher.sent.clear()
    values = [encode(event) for event in events]
    validator = jsonschema.Draft202012Validator(app.openapi() | {"$ref": "#/components/schemas/Event"})
    assert not [error.message for event in events for error in validator.iter_errors(event)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(local), base_url="http://gateway") as client:

        async def post(content, kind, **more):
            headers = {"content-type": kind, **more}
            return (await client.post("/v1/events", content=content, headers=headers)).status_code

        batch = b"[" + b",".join(values) + b"]"
        assert await post(batch, "application/cloudevents-batch+json") == 202
        assert await post(values[0], "application/cloudevents+json") == 202
        attributes = {f"ce-{name}": quote(value, safe=SAFE) for name, value in events[0].items() if name != "data"}
        assert await post(json.dumps(events[0]["data"]), "application/json", **attributes) == 202
    assert sorted(publisher.sent[: len(values)]) == sorted(values)
    assert publisher.sent[len(values)] == values[0]
    assert json.loads(publisher.sent[-1]) == events[0]


def test_the_committed_document_is_served():
    """What is committed for those who generate clients is what runs."""
    from producers.gateway.document import render

    committed = json.loads(render())
    assert {**app.openapi(), "x-note": committed["x-note"]} == committed
    assert set(committed["paths"]["/v1/events"]["post"]["responses"]) >= {"202", "400", "401", "403", "408", "503"}
