"""What a sender may ask for and send, and what it is told: dry runs, parts of batches, rights, limits, slips."""

import asyncio
import base64
import json
import time

import pytest
import structlog

from producers.events.registry import ALL_TYPES, EVENT_TYPES
from producers.gateway.settings import GatewaySettings
from tests.support.gateway import BATCH, SECRET, Setup, event, sign

MANAGER = event(
    id="r-1",
    type="sales.manager.changed.v1",
    data={"manager_id": "m-3", "name": "A", "team_id": "n", "active": True},
)
BAD = event(id="bad", data={"client_id": "cl-7", "manager_id": "m-3", "meetingId": "m-1"})
TOKEN = {"authorization": "Bearer token-one"}
TOKENS = "crm://a=token-one,pbx://b=token-two"


def signed(content, *, prefix="webhook", at=None, **more):
    """Headers of a signed request."""
    stamp = int(time.time()) if at is None else at
    return {
        f"{prefix}_id": "w1",
        f"{prefix}_timestamp": str(stamp),
        f"{prefix}_signature": sign(SECRET, "w1", stamp, content),
    } | more


@pytest.mark.parametrize(
    "flip", [{"ce_type": "sales.payment.refunded.v1"}, {"ce_id": "other"}, {"ce_source": "x://y"}, {}]
)
async def test_a_signature_covers_all_that_counts(flip):
    """In binary mode the attributes were not signed: a payment could be sent again as a refund. It is refused now."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    made = event(type="sales.payment.received.v1")
    body = json.dumps({"payment_id": "w-1", "client_id": "c", "manager_id": "m", "amount": "1", "currency": "RUB"})
    headers = {f"ce_{name}": value for name, value in made.items() if name != "data"} | {
        "content_type": "application/json"
    }
    answer = await setup.post(body.encode(), **signed(body.encode()), **(headers | flip))
    assert answer.status_code == 401
    assert "structured mode" in answer.json()["title"]
    assert setup.publisher.sent == []


async def test_no_header_changes_what_was_signed():
    """Content type, encoding and character set are not signed either: none of them makes another event of a body."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    body = json.dumps(event(subject="Сделка"), ensure_ascii=False).encode()
    kinds = [
        "application/cloudevents+json",
        "application/json",
        BATCH,
        "application/json; charset=cp1251",
        "text/plain",
    ]
    for kind in kinds:
        for more in (
            {},
            {"content_encoding": "gzip"},
            {"ce_type": "sales.payment.received.v1"},
            {"ce_specversion": "1.0"},
        ):
            await setup.post(body, content_type=kind, **signed(body), **more)
    assert {value for _, _, value in setup.publisher.sent} == {body}


@pytest.mark.parametrize("prefix", ["webhook", "svix"])
async def test_signatures_of_other_libraries(prefix):
    """Standard Webhooks by its own names of headers and by those of Svix, with several keys at once, packed or not."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    body = json.dumps(event()).encode()
    headers = signed(body, prefix=prefix)
    headers[f"{prefix}_signature"] = "v1,AAAA " + headers[f"{prefix}_signature"]
    assert (await setup.post(body, content_type="application/json", **headers)).status_code == 202


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        (lambda now: now - 600, " s old"),
        (lambda now: now + 600, "s ahead"),
        (lambda now: now * 1000, "send Unix time in seconds"),
        (lambda now: f"{now}.5", "is not a number"),
        (lambda _: "", "is not a number"),
        (lambda _: "٣", "is not a number"),
        (lambda _: "9" * 5000, "is not a number"),
    ],
)
async def test_a_signature_of_another_time_says_so(stamp, told):
    """A sender whose clock is off, or who sends milliseconds, is told that and not that its secret is wrong."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    body = json.dumps(event()).encode()
    headers = signed(body) | {"webhook_timestamp": str(stamp(int(time.time()))).encode()}
    answer = await setup.post(body, content_type="application/json", **headers)
    assert answer.status_code == 401
    assert told in answer.json()["title"]


@pytest.mark.parametrize(
    ("rights", "kinds"),
    [
        ("", [*EVENT_TYPES]),
        ("crm://a=sales.*", [*ALL_TYPES]),
        ("crm://a=sales.call.*, sales.plan.set.v1 ; pbx://b=sales.chat.*", [
            "sales.call.started.v1", "sales.call.answered.v1", "sales.call.ended.v1", "sales.plan.set.v1",
        ]),
        ("pbx://b=sales.chat.*", [*EVENT_TYPES]),
    ],
)  # fmt: skip
async def test_rights(rights, kinds):
    """A source sends the types that its rights name; without any, all events and no reference data."""
    from producers.gateway.reading.body import SentRecord
    from producers.gateway.rights import Rights

    judge = Rights(GatewaySettings(_env_file=None, gateway_rights=rights)).judge
    may = [kind for kind in ALL_TYPES if judge("crm://a", SentRecord(0, b"", b"", "crm://a", "1", kind, False)) is None]
    assert may == [kind for kind in ALL_TYPES if kind in kinds]


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ("crm://a=sales.calls.*", "fits no type"),
        ("crm://a", "is not source=types"),
        ("=sales.*", "is not source=types"),
        ("crm://a=", "is not source=types"),
        ("crm://a=sales.deal.chnged.v1", "write one like sales.deal.changed.v1"),
    ],
)
def test_rights_that_cannot_be_meant(rights, told):
    """A slip in the rights ends the start, and does not close or open anything in silence."""
    with pytest.raises(ValueError, match="gateway_rights") as error:
        GatewaySettings(_env_file=None, gateway_rights=rights)
    assert told in str(error.value)


async def test_what_rights_do_not_name_is_403():
    """It says which type and which setting; on this machine without tokens everything may be sent."""
    answer = await Setup(gateway_tokens=TOKENS).post(MANAGER, **TOKEN)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["field"] == "type"
    assert "SALES_GATEWAY_RIGHTS" in answer.json()["title"]
    given = Setup(gateway_tokens=TOKENS, gateway_rights="crm://a=sales.*")
    assert (await given.post(MANAGER, **TOKEN)).status_code == 202
    assert (await Setup().post(MANAGER)).status_code == 202


async def test_a_token_in_the_address():
    """CloudEvents' web hooks have it for senders that can set no header; answers are private then, logs without it."""
    setup = Setup(gateway_tokens=TOKENS)
    with structlog.testing.capture_logs() as logged:
        answer = await setup.post(event(), "?access_token=token-one")
        wrong = await setup.post(event(), "?access_token=token-wrong")
        other = await setup.post(event(source="x://y"), "?access_token=token-one")
    assert [answer.status_code, wrong.status_code, other.status_code] == [202, 401, 403]
    assert answer.headers["cache-control"] == "private"
    assert "token-" not in str(logged) + wrong.text + other.text


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        ("?dryrun=true", "did you mean dry_run?"),
        ("?dry_run=yes", "neither true nor false"),
        ("?dry_run=true&dry_run=false", "stands twice"),
        ("?dry_run", "neither true nor false"),
        ("?x=1", "is unknown"),
        ("?" + "&".join(f"p{n}=" for n in range(99)), "cannot be read"),
        ("?partial=%ff", "neither"),
    ],
)
async def test_a_slip_in_the_address_is_refused(ask, told):
    """A misspelt dry run would send for real."""
    setup = Setup()
    answer = await setup.post(event(), ask)
    assert answer.status_code == 400
    assert told in answer.json()["title"]
    assert setup.publisher.sent == []


async def test_a_dry_run_has_the_same_verdicts_and_sends_nothing():
    """Good is 200, bad is what it would be; unknown fields are looked for in every event."""
    setup = Setup(gateway_tokens=TOKENS)
    many = [event(id=str(n), data=event()["data"] | {"teamId": "t"}) for n in range(15)]
    answer = await setup.post(many, "?dry_run=true", content_type=BATCH, **TOKEN)
    said = answer.json()
    assert (answer.status_code, said["accepted"], said["good"], len(said["warnings"])) == (200, 0, 15, 15)
    assert said["warnings"][14]["detail"].endswith("did you mean data.team_id?")
    for made in ([event(), BAD], [MANAGER], [event(source="x://y")], [1]):
        dry = await setup.post(made, "?dry_run=true", content_type=BATCH, **TOKEN)
        assert setup.publisher.sent == []
        real = await setup.post(made, content_type=BATCH, **TOKEN)
        assert (dry.status_code, dry.json()) == (real.status_code, real.json())
    setup.publisher.sent.clear()
    parts = await setup.post([event(), BAD], "?dry_run=1&partial=1", content_type=BATCH, **TOKEN)
    assert (parts.status_code, [one["status"] for one in parts.json()["results"]]) == (207, [200, 400])
    assert setup.publisher.sent == []


async def test_the_good_part_of_a_batch():
    """207 has a verdict for every event, in order; what is good is sent, in order, and nothing else."""
    setup = Setup(gateway_tokens=TOKENS)
    batch = [event(), BAD, event(id="2"), MANAGER, event(source="x://y"), 5, event(id="3")]
    answer = await setup.post(batch, "?partial=true", content_type=BATCH, **TOKEN)
    said = answer.json()
    assert (answer.status_code, said["accepted"], said["refused"]) == (207, 3, 4)
    assert [(one["index"], one["status"]) for one in said["results"]] == [
        (0, 202), (1, 400), (2, 202), (3, 403), (4, 403), (5, 400), (6, 202),
    ]  # fmt: skip
    assert said["results"][1]["field"] == "data.meeting_id"
    assert [json.loads(value)["id"] for _, _, value in setup.publisher.sent] == ["m-1", "2", "3"]
    none = await setup.post([BAD, MANAGER], "?partial=true", content_type=BATCH, **TOKEN)
    assert none.status_code == 400
    alone = await setup.post(event(), "?partial=true", **TOKEN)
    assert (alone.status_code, alone.json()["results"]) == (207, [{"index": 0, "status": 202}])


@pytest.mark.parametrize(
    ("made", "field", "near"),
    [
        (event(data=event()["data"] | {"teamId": "t"}), "data.teamId", "data.team_id"),
        (event(data=event()["data"] | {"team_di": "t"}), "data.team_di", "data.team_id"),
        (event(partitionKey="cl-7"), "partitionKey", "partitionkey"),
        (event(sequense="1"), "sequense", "sequence"),
        (event(data=event()["data"] | {"colour": "t"}), "data.colour", ""),
    ],
)
async def test_slips_are_told(made, field, near):
    """An unknown field is ignored, and told with the near one."""
    answer = await Setup().post(made)
    (found,) = answer.json()["warnings"]
    assert (answer.status_code, found["index"], found["field"]) == (202, 0, field)
    assert f"did you mean {near}?" in found["detail"] if near else "leave it out" in found["detail"]


async def test_slips_are_told_with_what_is_refused():
    """A required field under a wrong name is missing: the answer says both, wherever in the batch it is."""
    answer = await Setup().post([event(id=str(n)) for n in range(40)] + [BAD], content_type=BATCH)
    assert answer.json()["errors"][0]["field"] == "data.meeting_id"
    assert answer.json()["warnings"] == [
        {"index": 40, "field": "data.meetingId", "detail": "is unknown and ignored; did you mean data.meeting_id?"}
    ]


async def test_extensions_are_no_slips():
    """CloudEvents has attributes of everybody's own: traceparent is none of ours and no mistake."""
    answer = await Setup().post(event(traceparent="00-4bf9-01", dataschema="x", datacontenttype="application/json"))
    assert answer.json() == {"accepted": 1}


@pytest.mark.parametrize("settings", [{}, {"gateway_tokens": TOKENS}])
async def test_what_is_refused_counts_towards_the_limit(settings):
    """Who sends rubbish is slowed down as well: judging it is the work."""
    setup = Setup(gateway_events_per_second=50, **settings)
    answers = [await setup.post([BAD] * 20, content_type=BATCH, **TOKEN) for _ in range(12)]
    assert 429 in {answer.status_code for answer in answers}
    broken = [await setup.post(b"[", content_type=BATCH, **TOKEN) for _ in range(120)]
    assert not settings or 429 in {answer.status_code for answer in broken}


async def test_log_lines_name_source_and_field():
    """Whoever reads the log knows whom to call and what about; values are not in it."""
    setup = Setup(gateway_tokens=TOKENS)
    with structlog.testing.capture_logs() as logged:
        await setup.post([event(), BAD, MANAGER], content_type=BATCH, **TOKEN)
        await setup.post(b"x", content_type="text/plain", **TOKEN)
        await setup.post(event(data=event()["data"] | {"teamId": "secret"}), **TOKEN)
        await setup.post(event(data=event()["data"] | {"teamId": "secret"}), **TOKEN)
    slip, bad, kind, second = logged
    assert (bad["source"], bad["field"], bad["reason"]) == ("crm://a", "data.meeting_id type", "invalid_data forbidden")
    assert (bad["status"], bad["events"], bad["of"]) == (400, 2, 3)
    assert (kind["source"], kind["status"]) == ("crm://a", 415)
    assert (slip["source"], slip["field"]) == ("crm://a", "data.meetingId")
    assert second["field"] == "data.teamId"
    assert "cl-7" not in str(logged)
    assert "secret" not in str(logged)


async def test_the_handshake_of_web_hooks():
    """A sender that asks is permitted, at its rate or the limit; without its question there is no permission."""
    setup = Setup(gateway_events_per_second=2)

    async def options(**headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await setup.client.options("/v1/events", headers=sent)
        assert answer.headers["allow"] == "OPTIONS, POST"
        return (
            answer.status_code,
            answer.headers.get("webhook-allowed-origin"),
            answer.headers.get("webhook-allowed-rate"),
        )

    origin = "eventemitter.example.com"
    assert await options(webhook_request_origin=origin) == (200, origin, "120")
    assert await options(webhook_request_origin=origin, webhook_request_rate="100") == (200, origin, "100")
    assert await options(webhook_request_origin=origin, webhook_request_rate="9000") == (200, origin, "120")
    for rate in ("0", "-1", "many", "9" * 5000, "1.5"):
        assert await options(webhook_request_origin=origin, webhook_request_rate=rate) == (200, origin, "120")
    assert await options() == (204, None, None)
    assert await options(webhook_request_origin="<script>") == (200, None, None)
    setup = Setup(host="192.0.2.7")
    assert await options(webhook_request_origin=origin) == (200, None, None)
    setup = Setup(host="192.0.2.7", gateway_tokens=TOKENS, gateway_events_per_second=2)
    assert await options(webhook_request_origin=origin) == (200, origin, "120")


def basic(password):
    """As a browser sends it."""
    return {"authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}


@pytest.mark.parametrize(("held", "most"), [(1000, 3), (0, 128)], ids=["bytes", "requests"])
async def test_who_only_says_that_he_signed_holds_no_room(held, most):
    """Bodies that never end, from nobody knows whom: senders with a token or a true signature are served."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}", gateway_tokens=TOKENS, gateway_in_flight_bytes=12_000)
    never = asyncio.Event()

    async def body():
        yield b" " * held
        await never.wait()

    claim = {"content-type": BATCH, "webhook-signature": "v1,AAAA", "webhook-id": "a", "webhook-timestamp": "1"}
    posts = [setup.client.post("/v1/events", content=body(), headers=claim) for _ in range(200)]
    waiting = [asyncio.ensure_future(post) for post in posts]
    await asyncio.sleep(0.5)
    content = json.dumps(event(id="signed")).encode()
    answers = [
        await setup.post(event(), **TOKEN),
        await setup.post(content, content_type="application/json", **signed(content)),
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    await asyncio.sleep(0)
    assert sum(not one.done() for one in waiting) <= most
    assert {one.result().status_code for one in waiting if one.done()} == {408}
    never.set()
    await asyncio.gather(*waiting)
