"""The gateway over real HTTP semantics: who may send, what is refused and how it is told, what reaches Kafka."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from producers.errors import KafkaUnavailable, ProducersError
from producers.gateway.settings import GatewaySettings
from tests.support.gateway import BATCH, SECRET, Setup, event, sign


async def test_one_structured_event():
    """202 means that Kafka has it: the bytes as they came, under the client's key."""
    setup = Setup()
    answer = await setup.post(event())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert setup.publisher.sent == [(False, b"cl-7", json.dumps(event()).encode())]


async def test_requests_taken_are_logged_where_asked_for():
    """Who sent how much, and nothing of what; refused ones are logged anyway."""
    with structlog.testing.capture_logs() as quiet:
        await Setup().post(event())
    with structlog.testing.capture_logs() as logged:
        setup = Setup(gateway_request_log=True)
        await setup.post([event(), event(id="m-2", source="crm://b")], content_type=BATCH)
        await setup.post(event(time="yesterday"))
    assert not quiet
    taken, refused = logged
    assert (taken["status"], taken["sources"], taken["events"]) == (202, ["crm://a", "crm://b"], 2)
    assert refused["status"] == 400
    assert "cl-7" not in str(logged)


async def test_a_batch_keeps_its_order_and_may_mix_topics():
    """Events and reference records of one batch go to their topics, in order."""
    setup = Setup()
    manager = event(
        type="sales.manager.changed.v1", data={"manager_id": "m-3", "name": "A", "team_id": "n", "active": True}
    )
    answer = await setup.post([event(id="1"), manager, event(id="2")], content_type=BATCH)
    assert answer.status_code == 202
    assert [(reference, key) for reference, key, _ in setup.publisher.sent] == [
        (False, b"cl-7"), (False, b"cl-7"), (True, b"manager:m-3"),
    ]  # fmt: skip


async def test_binary_mode():
    """Attributes in ce- headers and data in the body are the same event."""
    setup = Setup()
    attributes = {f"ce_{k}": v for k, v in event().items() if k != "data"}
    answer = await setup.post(json.dumps(event()["data"]).encode(), content_type="application/json", **attributes)
    assert answer.status_code == 202
    assert json.loads(setup.publisher.sent[0][2]) == event()


async def test_each_bad_event_of_a_batch_is_named_and_none_is_sent():
    """400 names index, field and rule of every bad event; the good ones wait for the repaired batch."""
    setup = Setup()
    bad = event(data={"meeting_id": "", "client_id": "cl-7", "manager_id": "m-3"})
    answer = await setup.post([event(), bad, event(type="sales.none.v1"), {"id": 1}], content_type=BATCH)
    assert answer.status_code == 400
    assert [(e["index"], e["reason"]) for e in answer.json()["errors"]] == [
        (1, "invalid_data"), (2, "unknown_type"), (3, "not_cloudevents"),
    ]  # fmt: skip
    assert answer.json()["errors"][0]["field"] == "data.meeting_id"
    assert setup.publisher.sent == []


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"content_type": "application/cloudevents+json"}, 400),
        (b"", {"content_type": "application/cloudevents+json"}, 400),
        (b"{}", {"content_type": BATCH}, 400),
        (b"[" * 100_000, {"content_type": BATCH}, 400),
        (b'{"a":' * 50_000, {"content_type": "application/cloudevents+json"}, 400),
        (b"\xff\xfe", {"content_type": "application/cloudevents+json"}, 400),
        (b"x", {"content_type": "text/plain"}, 415),
        (b"x", {}, 415),
        (b"\x1f\x8b", {"content_type": "application/cloudevents+json", "content_encoding": "gzip"}, 400),
        (b"\x1f\x8b", {"content_type": "application/cloudevents+json", "content_encoding": "br"}, 415),
        (b"{}", {"content_type": "text/xml", "ce_specversion": "1.0"}, 415),
        (b" " * 5_000_000, {"content_type": "application/cloudevents+json"}, 413),
        (b'{"pad":"' + b"x" * 300_000 + b'"}', {"content_type": "application/cloudevents+json"}, 400),
    ],
)
async def test_hostile_bodies_get_an_answer(content, headers, status):
    """Whatever is sent, the answer is a documented one in problem+json, never a crash."""
    setup = Setup()
    answer = await setup.post(content, **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert setup.publisher.sent == []


async def test_an_event_ahead_of_the_clock_is_refused():
    """A time more than ten minutes ahead is told at the door, not in the dead letters."""
    answer = await Setup().post(event(time="2026-11-23T23:59:00Z"))
    assert answer.json()["errors"][0]["reason"] == "time_out_of_range"


TOKENS = (
    "crm://a=token-one,crm://a=token-two,pbx://b=sha256:"
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ({"authorization": "Bearer token-one"}, 202),
        ({"authorization": "Bearer token-two"}, 202),
        ({"authorization": "Bearer test"}, 403),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic token-one"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({}, 401),
    ],
)
async def test_a_token_sends_only_for_its_source(authorization, status):
    """Missing, wrong and other source's tokens are refused; two tokens of one source rotate; hashes work as tokens."""
    setup = Setup(gateway_tokens=TOKENS)
    assert (await setup.post(event(), **authorization)).status_code == status
    assert bool(setup.publisher.sent) == (status == 202)


async def test_without_tokens_only_this_machine_may_send():
    """A gateway that nobody configured is closed to the network."""
    assert (await Setup(host="192.0.2.7").post(event())).status_code == 401
    assert (await Setup(host="::1").post(event())).status_code == 202


async def test_a_token_is_taken_until_its_last_day():
    """Then its owner is told since when; who guesses is told nothing, and another token of the source goes on."""
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    tokens = f"crm://a=old until {yesterday},crm://a=until%s until {today}, pbx://b=x{yesterday} until {yesterday}"
    setup = Setup(gateway_tokens=tokens, gateway_secrets=f"pbx://b={SECRET} until {yesterday}")
    assert (await setup.post(event(), authorization="Bearer until%s")).status_code == 202
    over = await setup.post(event(), authorization="Bearer old")
    assert over.status_code == 401
    assert f"until {yesterday}" in over.text
    assert "until" not in (await setup.post(event(), authorization="Bearer no")).text
    content, now = json.dumps(event()).encode(), int(time.time())
    signed = {"webhook_id": "w", "webhook_timestamp": str(now), "webhook_signature": sign(SECRET, "w", now, content)}
    over = await setup.post(content, content_type="application/cloudevents+json", **signed)
    assert over.status_code == 401
    assert f"until {yesterday}" in over.text
    assert (await setup.client.get("/v1/sources", headers={"authorization": "Bearer old"})).status_code == 401
    midnight = datetime.combine(today, datetime.min.time(), UTC).timestamp()
    shown = (await setup.client.get("/metrics")).text
    for source, ends in (("crm://a", midnight + 86_400), ("pbx://b", midnight)):
        line = next(one for one in shown.splitlines() if f'token_expiry_timestamp_seconds{{source="{source}"}}' in one)
        assert float(line.split()[-1]) == ends


async def test_a_source_with_a_token_for_ever_does_not_run_out():
    """However old its other ones are."""
    setup = Setup(gateway_tokens="crm://a=old until 2020-01-31,crm://a=new")
    assert "token_expiry_timestamp_seconds{" not in (await setup.client.get("/metrics")).text
    assert (await setup.post(event(), authorization="Bearer new")).status_code == 202


@pytest.mark.parametrize("said", ["until", "until tomorrow", "until 2026-13-01", "until 2026-02-30, pbx://b=x"])
def test_a_last_day_that_is_none_is_told_without_the_token(said):
    """At the start: a token that would never run out by a slip of the pen is worse."""
    with pytest.raises(ValueError, match=r"pair 1 \(of crm://a\): after until stands no date") as error:
        GatewaySettings(_env_file=None, gateway_tokens=f"crm://a=averysecrettoken {said}")
    assert "averysecrettoken" not in str(error.value).split("input_value")[0]


async def test_signatures():
    """A Standard Webhooks signature proves the source; another body, time or secret does not."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    content, now = json.dumps(event()).encode(), int(time.time())
    headers = {"webhook_id": "w1", "webhook_timestamp": str(now), "content_type": "application/cloudevents+json"}
    good = sign(SECRET, "w1", now, content)
    assert (await setup.post(content, webhook_signature=good, **headers)).status_code == 202
    other = json.dumps(event(id="forged")).encode()
    assert (await setup.post(other, webhook_signature=good, **headers)).status_code == 401
    assert (await setup.post(content, webhook_signature=good, **headers | {"webhook_id": "w2"})).status_code == 401
    late = sign(SECRET, "w1", now - 3600, content)
    old = await setup.post(content, webhook_signature=late, **headers | {"webhook_timestamp": str(now - 3600)})
    assert old.status_code == 401
    garbled = await setup.post(content, webhook_signature="v1,???", **headers)
    assert garbled.status_code == 401


async def test_a_replayed_request_counts_once():
    """A captured request sent again is the same events, which count once; it cannot be made into others, nor kept."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    content, now = json.dumps(event()).encode(), int(time.time())
    headers = {"webhook_id": "w1", "webhook_timestamp": str(now), "content_type": "application/cloudevents+json"}
    headers["webhook_signature"] = sign(SECRET, "w1", now, content)
    assert [(await setup.post(content, **headers)).status_code for _ in range(3)] == [202] * 3
    assert len({value for _, _, value in setup.publisher.sent}) == 1
    for change in ({"webhook_timestamp": str(now + 1)}, {"webhook_id": "w2"}):
        assert (await setup.post(content, **headers | change)).status_code == 401


async def test_who_signs_is_told_what_is_wrong():
    """A signed request is treated as one with a token: bad events are named, other sources forbidden."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    now = int(time.time())

    async def signed(made):
        content = json.dumps(made).encode()
        headers = {
            "webhook_id": "w1",
            "webhook_timestamp": str(now),
            "webhook_signature": sign(SECRET, "w1", now, content),
        }
        return await setup.post(content, content_type="application/cloudevents+json", **headers)

    assert (await signed(event(data={}))).json()["errors"][0]["reason"] == "invalid_data"
    assert (await signed(event(source="pbx://b"))).status_code == 403
    assert setup.publisher.sent == []


async def test_a_body_that_does_not_come_is_given_up():
    """Who sends a body drop by drop gets 408, and holds no more memory than what came."""
    setup = Setup(gateway_timeout=0.2, gateway_in_flight_bytes=1024)

    async def drops():
        yield b"[" + b" " * 1000
        await asyncio.sleep(30)

    headers = {"content-type": BATCH}
    slow = asyncio.create_task(setup.client.post("/v1/events", content=drops(), headers=headers))
    await asyncio.sleep(0.05)
    other = await setup.post(event())
    assert other.status_code == 503
    assert "retry-after" in other.headers
    assert (await slow).status_code == 408
    assert (await setup.post(event())).status_code == 202


async def test_a_batch_that_never_fits_is_told_so():
    """More events than a second allows are not asked to come back later."""
    answer = await Setup(gateway_events_per_second=2).post([event()] * 3, content_type=BATCH)
    assert answer.status_code == 413
    assert "2 events a second" in answer.json()["title"]


async def test_structured_mode_wins_over_stray_headers():
    """application/cloudevents+json is an event as a whole, also where a proxy added ce- headers."""
    setup = Setup()
    answer = await setup.post(event(), ce_specversion="1.0", ce_id="other")
    assert answer.status_code == 202
    assert json.loads(setup.publisher.sent[0][2]) == event()


async def test_rate_limit_names_the_source_and_when_to_come_back():
    """Beyond its rate a source gets 429 with Retry-After."""
    setup = Setup(gateway_events_per_second=2)
    answers = [await setup.post([event(), event()], content_type=BATCH) for _ in range(4)]
    assert 429 in {answer.status_code for answer in answers}
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.headers["retry-after"]
    assert "crm://a" in limited.json()["title"]


async def test_kafka_away_is_503_and_readiness_says_so():
    """No 202 without Kafka: 503 with Retry-After, and ready again at once after the next success."""
    setup = Setup()
    setup.publisher.failure = KafkaUnavailable("Kafka at x cannot be reached")
    answer = await setup.post(event())
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert (await setup.client.get("/readyz")).status_code == 503
    setup.publisher.failure = None
    assert (await setup.post(event())).status_code == 202
    assert (await setup.client.get("/readyz")).status_code == 200


async def test_a_slow_broker_bounds_what_waits():
    """Requests beyond the bytes that may wait get 503 at once; the ones that wait too long get 503 later."""
    setup = Setup(gateway_in_flight_bytes=1024, gateway_timeout=0.3)
    setup.publisher.delay = 5
    answers = await asyncio.gather(*(setup.post(event(id=str(n))) for n in range(12)))
    assert {answer.status_code for answer in answers} == {503}
    assert any("too much waits" in answer.json()["title"] for answer in answers)


@pytest.mark.parametrize("secret", ["whsec_!!!", "whsec_", "not base64 at all", "whsec_c2hvcnQ="])
def test_a_key_that_anybody_could_guess_is_refused(secret):
    """A secret that is not base64, or a short one, does not start a gateway, and is not repeated."""
    with pytest.raises(ProducersError, match="crm://a is not base64 of 16 bytes") as error:
        Setup(gateway_secrets=f"crm://a={secret}")
    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(error.value)


async def test_secrets_never_show():
    """Neither settings, nor answers, nor metrics carry a token or a secret."""
    setup = Setup(gateway_tokens=TOKENS, gateway_secrets=f"crm://a={SECRET}")
    texts = [repr(setup.settings), (await setup.post(event(), authorization="Bearer nope")).text]
    texts += [(await setup.client.get(path)).text for path in ("/metrics", "/openapi.json")]
    for secret in ("token-one", "token-two", SECRET):
        assert not any(secret in text for text in texts)
    with pytest.raises(ValueError, match="pair 1") as error:
        GatewaySettings(_env_file=None, gateway_tokens="averysecrettoken")
    assert "averysecrettoken" not in str(error.value).split("input_value")[0]


async def test_the_contract_is_served():
    """OpenAPI, schemas and AsyncAPI are there for people and machines."""
    client = Setup().client
    names = (await client.get("/v1/schemas")).json()
    assert "sales.call.ended.v1.json" in names
    assert (await client.get("/v1/schemas/sales.call.ended.v1")).json()["type"] == "object"
    assert (await client.get("/v1/schemas/../secrets")).status_code == 404
    assert (await client.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
    assert "/v1/events" in (await client.get("/openapi.json")).json()["paths"]
