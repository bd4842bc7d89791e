"""Bodies and headers as clients send them: read right, or refused with what to do."""

import base64
import gzip
import json
import tracemalloc
import zlib
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.errors import Refused
from producers.gateway.limits import ContentTooLarge
from producers.gateway.reading import attributes, content
from tests.support.gateway import BATCH, Setup, event

STRUCTURED = "application/cloudevents+json"
SAFE = "".join(chr(n) for n in range(0x21, 0x7F) if chr(n) not in '"%')


def encoded(text):
    """A header's value as section 3.1.3.2 of the HTTP binding has it."""
    return quote(text, safe=SAFE)


def binary(made, data=None, **more):
    """A request in binary mode."""
    headers = {f"ce_{name}": encoded(value) for name, value in made.items() if name != "data"}
    return json.dumps(made["data"]).encode() if data is None else data, headers | {
        "content_type": "application/json"
    } | more


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('скидка 50% "сегодня" \\ 😀 %41')
def test_what_the_binding_encodes_is_read_back(text):
    """Any text in a header is the same text, once; whether as much as needed is encoded or all of it."""
    assert attributes.read([("ce-subject", encoded(text))]) == {"subject": text}
    everything = "".join(f"%{byte:02x}" for byte in text.encode())
    assert attributes.read([("ce-subject", everything)]) == {"subject": text}
    if text.isprintable() and text.isascii():
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%25") + '"'
        assert attributes.read([("ce-subject", quoted)]) == {"subject": text}


@pytest.mark.parametrize("raw", [b"%C0%A0", b"%ff", b"\xd1", b"\xff\xfe", b"%ED%A0%80"])
async def test_what_is_no_utf_8_is_refused_by_its_header(raw):
    """Bytes that are not text are told with the header that has them; no character is replaced in silence."""
    body, headers = binary(event(), ce_subject=raw)
    answer = await Setup().post(body, **headers)
    (found,) = answer.json()["errors"]
    assert (answer.status_code, found["field"]) == (400, "subject")
    assert "ce-subject is not percent-encoded UTF-8" in found["detail"]


async def test_headers_in_plain_utf_8_are_read_as_such():
    """Some SDKs send them so; they were taken for Latin-1."""
    setup = Setup()
    body, headers = binary(event(), ce_subject="Сделка № 7".encode())
    assert (await setup.post(body, **headers)).status_code == 202
    assert json.loads(setup.publisher.sent[0][2])["subject"] == "Сделка № 7"


async def test_a_source_that_is_not_encoded_for_a_header_is_refused_with_the_remedy():
    """An SDK that does not encode sends %20, which is a space once it is decoded; encoded right it is taken."""
    setup = Setup()
    body, headers = binary(event(source="crm://a/b%20c"))
    assert headers["ce_source"] == "crm://a/b%2520c"
    assert (await setup.post(body, **headers)).status_code == 202
    answer = await setup.post(body, **headers | {"ce_source": "crm://a/b%20c"})
    assert answer.status_code == 400
    assert "write % as %25" in answer.json()["errors"][0]["detail"]
    assert [json.loads(value)["source"] for _, _, value in setup.publisher.sent] == ["crm://a/b%20c"]


@pytest.mark.parametrize("name", ["id", "type", "time", "specversion", "subject"])
async def test_an_attribute_stands_once(name):
    """Of two headers of a name nobody knows which is meant."""
    setup = Setup()
    body, headers = binary(event(subject="s"))
    pairs = [(key.replace("_", "-"), value) for key, value in headers.items()]
    answer = await setup.client.post("/v1/events", content=body, headers=[*pairs, (f"ce-{name}", "other")])
    (found,) = answer.json()["errors"]
    assert (answer.status_code, found["field"]) == (400, name)
    assert "stands twice" in found["detail"]


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "time"])
async def test_binary_mode_without_an_attribute_names_it(missing):
    """Also without specversion, which marks the mode: the body was then said to have no id."""
    body, headers = binary(event())
    del headers[f"ce_{missing}"]
    answer = await Setup().post(body, **headers)
    (found,) = answer.json()["errors"]
    assert (answer.status_code, found["field"]) == (400, missing)
    assert "|" not in found["detail"]


async def test_no_header_is_data():
    """ce-data and ce-data_base64 are no attributes: they put nothing into the event."""
    setup = Setup()
    packed = base64.b64encode(b'{"client_id": "forged"}').decode()
    made = [("ce-" + name, value) for name, value in event().items() if name != "data"]
    more = [("ce-data", '{"client_id":"forged"}'), ("ce-data_base64", packed), ("content-type", "application/json")]
    answer = await setup.client.post("/v1/events", content=json.dumps(event()["data"]), headers=[*made, *more])
    assert answer.status_code == 202
    assert json.loads(setup.publisher.sent[0][2]) == event()


@pytest.mark.parametrize("kind", [STRUCTURED, "application/json", BATCH])
async def test_data_as_bytes(kind):
    """data_base64 is data: Kafka gets it as JSON, so that every reader knows the event."""
    setup = Setup()
    made = {k: v for k, v in event().items() if k != "data"}
    made["data_base64"] = base64.b64encode(json.dumps(event()["data"]).encode()).decode()
    answer = await setup.post([made] if kind == BATCH else made, content_type=kind)
    assert answer.status_code == 202
    assert [(key, json.loads(value)) for _, key, value in setup.publisher.sent] == [(b"cl-7", event())]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"data_base64": "e30="}, "stands beside data"),
        ({"data": None, "data_base64": "e30="}, "stands beside data"),
        ({"data": ..., "data_base64": "no base64!"}, "is not base64"),
        ({"data": ..., "data_base64": 5}, "is not base64"),
        ({"data": ..., "data_base64": base64.b64encode(b'{}, "id": "other"').decode()}, "not_json"),
        ({"data": ..., "data_base64": base64.b64encode(b"\xff").decode()}, "invalid UTF-8"),
        ({"data": ..., "data_base64": ""}, "empty"),
        ({"data": ..., "data_base64": base64.b64encode(b"[1]").decode()}, "data: is not an object"),
    ],
)
async def test_bad_bytes_are_refused(members, told):
    """What is not data, or not the only data, is named."""
    made = {name: value for name, value in (event() | members).items() if value is not ...}
    answer = await Setup().post(made)
    (found,) = answer.json()["errors"]
    assert answer.status_code == 400
    assert told in f"{found['reason']} {found['detail']}"


@pytest.mark.parametrize("kind", [STRUCTURED, "application/json"])
@pytest.mark.parametrize("start", [b"", b"\n  ", b"\xef\xbb\xbf"])
async def test_an_array_names_the_type_of_a_batch(kind, start):
    """Whoever sends a list of events as one is told how lists go."""
    answer = await Setup().post(start + json.dumps([event()]).encode(), content_type=kind)
    assert answer.status_code == 400
    assert BATCH in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (None, "application/cloudevents+json"),
        ("text/plain;charset=UTF-8", "text/plain is not read"),
        ("application/x-www-form-urlencoded", "curl: -H 'content-type: application/cloudevents+json'"),
        ("application/x-ndjson", "as an array"),
        ("application/cloudevents+json; charset=utf-16", "charset utf-16"),
        ("application/cloudevents+avro", "is not read"),
    ],
)
async def test_other_content_types_are_told_what_to_send(kind, told):
    """415 says what is read, and of common slips how they are mended."""
    answer = await Setup().post(json.dumps(event()).encode(), **({"content_type": kind} if kind else {}))
    assert answer.status_code == 415
    assert told in answer.json()["title"]


@pytest.mark.parametrize("charset", ["windows-1251", '"koi8-r"', "ISO-8859-1", "us-ascii"])
async def test_other_character_sets(charset):
    """A body in ASCII is the same in all of them; others are refused, where bytes might by chance be UTF-8."""
    setup = Setup()
    kind = f"application/json; charset={charset}"
    assert (await setup.post(json.dumps(event(subject="Сделка")).encode(), content_type=kind)).status_code == 202
    other = json.dumps(event(subject="Сделка"), ensure_ascii=False).encode("cp1251")
    answer = await setup.post(other, content_type=kind)
    assert answer.status_code == 415
    assert "encode the body" in answer.json()["title"]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP "])
async def test_gzip(encoding):
    """A packed body is the same events; the limit is of what it holds."""
    setup = Setup()
    packed = gzip.compress(json.dumps([event(id=str(n)) for n in range(50)]).encode())
    answer = await setup.post(packed, content_type=BATCH, content_encoding=encoding)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 50})
    body, headers = binary(event())
    assert (await setup.post(gzip.compress(body), content_encoding="gzip", **headers)).status_code == 202


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(b"{}", mtime=0), "send content-encoding: gzip"),
        (b"PK\x03\x04", "is packed with zip; send it as it is"),
        (b"\x28\xb5\x2f\xfd", "is packed with zstd; send it as it is"),
        ("{}".encode("utf-16"), "is in UTF-16"),
    ],
    ids=["gzip", "zip", "zstd", "utf-16"],
)
async def test_packed_without_a_word(body, said):
    """A body that is packed, and no header says so, is told which one to send."""
    for headers in ({"content_type": BATCH}, {"content_type": STRUCTURED}, binary(event())[1]):
        answer = await Setup().post(body, **headers)
        assert answer.status_code == 400
        assert said in json.dumps(answer.json())
    answer = await Setup().post(gzip.compress(body), content_type=STRUCTURED, content_encoding="gzip")
    assert said in json.dumps(answer.json())


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "identity, gzip", "gzip, gzip"])
async def test_other_encodings_are_refused_unread(encoding):
    """415 says which one is read."""
    bomb = gzip.compress(b"0" * 10_000_000, 1)
    answer = await Setup().post(bomb, content_type=STRUCTURED, content_encoding=encoding)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")


async def test_a_bomb_costs_no_memory():
    """Of 1 GB packed into 1 MB no more than the limit is ever unpacked."""
    bomb = b"".join(_bomb(1_000_000_000))
    setup = Setup(gateway_body_bytes=2_000_000)
    tracemalloc.start()
    answer = await setup.post(bomb, content_type=BATCH, content_encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert "unpacked" in answer.json()["title"]
    assert peak < len(bomb) * 4 + 3 * 2_000_000


def _bomb(size):
    packing = zlib.compressobj(9, wbits=31)
    for _ in range(size // 1_000_000):
        yield packing.compress(b" " * 1_000_000)
    yield packing.flush()


@given(st.binary(max_size=300), st.integers(0, 320), st.integers(1, 400))
def test_gzip_gives_back_all_or_nothing(plain, cut, most):
    """What is whole and small enough comes back; what is torn, followed by more or larger is refused."""
    packed = gzip.compress(plain)
    if len(plain) > most:
        with pytest.raises(ContentTooLarge):
            content.unpacked(packed, most)
        return
    assert content.unpacked(packed, most) == plain
    if cut < len(packed):
        with pytest.raises(Refused, match="ends early"):
            content.unpacked(packed[:cut], most)
    with pytest.raises(Refused, match="one stream"):
        content.unpacked(packed + gzip.compress(b"more"), most)


async def test_a_byte_order_mark_is_no_part_of_the_event():
    """As PowerShell and .NET write it."""
    setup = Setup()
    assert (
        await setup.post(b"\xef\xbb\xbf" + json.dumps(event()).encode(), content_type=STRUCTURED)
    ).status_code == 202
    assert json.loads(setup.publisher.sent[0][2]) == event()


async def test_one_id_is_one_event():
    """The same event twice is one; another one under its id would be lost in silence, and is refused."""
    setup = Setup()
    assert (await setup.post([event(), event()], content_type=BATCH)).status_code == 202
    other = event(data=event()["data"] | {"meeting_id": "m-2"})
    answer = await setup.post([event(), event(id="2"), other], content_type=BATCH)
    (found,) = answer.json()["errors"]
    assert (found["index"], found["field"]) == (2, "id")
    assert "another event's of this batch, at 0" in found["detail"]
    elsewhere = event(source="crm://b", data=event()["data"] | {"meeting_id": "m-2"})
    assert (await setup.post([event(), elsewhere], content_type=BATCH)).status_code == 202
