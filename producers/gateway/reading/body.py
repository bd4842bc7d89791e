"""From a request's body to checked records: structured, batched or binary CloudEvents, each problem with its place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from producers.errors import Refused
from producers.events import json_text
from producers.events.binary import STRUCTURED as CLOUDEVENTS
from producers.events.binary import structured
from producers.events.intake import check_partitionkey, check_size
from producers.events.registry import ALL_TYPES
from producers.events.rules import AHEAD_MS, MAX_BYTES
from producers.events.sender import sender
from producers.events.units import us
from producers.events.wire import Event, ReferenceEvent, decode, decode_reference
from producers.gateway.limits import MOST_EVENTS, ContentTooLarge
from producers.gateway.reading import attributes
from producers.gateway.reading.content import UnsupportedMediaType
from producers.publisher import CONTENT_TYPE

STRUCTURED = ("application/cloudevents+json", "application/json")
BATCH = "application/cloudevents-batch+json"
_ATTRIBUTES = ("ce-specversion", "ce-id", "ce-type", "ce-source")
_BASE64 = b'"data_base64"'
_NEAR = MAX_BYTES // 2
"""Bytes of a value beyond which the record is measured to the byte."""

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_base64 = msgspec.json.Decoder(bytes).decode


class SentRecord(NamedTuple):
    """One event, ready for Kafka. `place`: in the request, from 0."""

    place: int
    key: bytes
    value: bytes
    source: str
    id: str
    type: str
    reference: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad event of a request: its place, the field, the rule that it breaks and what to do."""

    index: int
    reason: str
    field: str
    detail: str


@dataclass(slots=True)
class Events:
    """The events of a request, those that can be sent and what is wrong with the others."""

    values: Sequence[bytes]
    records: list[SentRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def source(self, index: int) -> str:
        """Who sent a refused event, as far as it says so."""
        return sender(self.values[index]) if index < len(self.values) else ""


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether attributes are in headers. Content types of CloudEvents say that they are not."""
    return not media_type(headers).startswith(CLOUDEVENTS) and any(name in headers for name in _ATTRIBUTES)


def split(headers: Mapping[str, str], body: bytes, pairs: Iterable[tuple[str, str]] = ()) -> list[bytes]:
    """The events of a request, unread, each as a structured one; `pairs`: all headers, for binary mode.

    Raises UnsupportedMediaType, ContentTooLarge, or Refused when the body as a whole is none.
    """
    media = media_type(headers)
    if media == BATCH:
        return _batch(body)
    if is_binary(headers):
        if media not in {"", "application/json"} and not media.endswith("+json"):
            raise UnsupportedMediaType(f"in binary mode the body is the data as application/json, not {media[:60]}")
        return [structured(attributes.read(pairs), body)]
    if media in STRUCTURED:
        if body[:64].lstrip()[:1] == b"[":
            raise Refused("not_cloudevents", f"the body is an array; send a batch as content-type {BATCH}")
        return [body]
    raise UnsupportedMediaType(
        f"content-type {media[:60] or '(none)'} is not read; send {STRUCTURED[0]}, {BATCH}, or binary mode with "
        f"ce- headers{_WAYS.get(media, '')}"
    )


_WAYS = {
    "application/x-www-form-urlencoded": f" (curl: -H 'content-type: {STRUCTURED[0]}')",
    "application/x-ndjson": f" (lines: as an array, {BATCH})",
    "application/jsonl": f" (lines: as an array, {BATCH})",
}


def _batch(body: bytes) -> list[bytes]:
    try:
        values = _split(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(
            "not_json", f"the body is not a JSON array of events: {error}; one event goes as {STRUCTURED[0]}"
        ) from error
    if len(values) > MOST_EVENTS:
        raise ContentTooLarge(f"more than {MOST_EVENTS} events; send several batches")
    return [bytes(value) for value in values]


def read(values: Sequence[bytes], now_ms: int) -> Events:
    """All that can be sent and all problems. In one request a pair of source and id may stand for one event only."""
    found = Events(values)
    latest = (now_ms + AHEAD_MS) * 1000
    seen: dict[tuple[str, str], SentRecord] = {}
    for index, value in enumerate(values):
        try:
            record = _record(index, value, latest)
            first = seen.setdefault((record.source, record.id), record)
            if first is not record:
                _check_twin(first, record)
        except Refused as refused:
            found.problems.append(problem(index, refused))
        else:
            found.records.append(record)
    return found


def _check_twin(first: SentRecord, record: SentRecord) -> None:
    if first.value != record.value:
        raise Refused(
            "not_cloudevents",
            f"id: {record.id[:60]} is another event's of this batch, at {first.place}; give each its own",
        )


def problem(index: int, refused: Refused) -> Problem:
    """A refusal with its place, and the field that it names."""
    named, _, _ = refused.detail.partition(":")
    return Problem(index, refused.reason, named if named and " " not in named else "", refused.detail)


def _record(index: int, value: bytes, latest: int) -> SentRecord:
    # What is near the limit is measured before it is decoded, and again as the record that it becomes.
    is_large = len(value) > _NEAR
    if is_large:
        check_size(None, value)
    if _BASE64 in value:
        value = _from_base64(value)
    event, reference = _decoded(value)
    key = event.key.encode()
    if is_large:
        check_size(key, value, CONTENT_TYPE)
    if us(event.time) > latest:
        raise Refused("time_out_of_range", "time: is more than 10 minutes ahead of now; send when it happened")
    if event.partitionkey is not None:
        check_partitionkey(event)
    return SentRecord(index, key, value, event.source, event.id, event.type, reference)


def _decoded(value: bytes) -> tuple[Event | ReferenceEvent, bool]:
    try:
        return decode(value), False
    except Refused as refused:
        if refused.reason != "unknown_type":
            raise
    try:
        return decode_reference(value), True
    except Refused as refused:
        if refused.reason != "unknown_type":
            raise
    raise Refused("unknown_type", f"type: is none of the contract; send one of {', '.join(ALL_TYPES)}")


def _from_base64(value: bytes) -> bytes:
    """An event whose data came as bytes, with the data itself. Raises Refused."""
    json_text.check(value)
    try:
        members = json_text.members(value)
    except TypeError:
        return value
    packed = members.pop("data_base64", None)
    if packed is None:
        return value
    if "data" in members:
        raise Refused("not_cloudevents", "data_base64: stands beside data; send one of them")
    try:
        data = _base64(packed)
    except msgspec.DecodeError as error:
        raise Refused("not_cloudevents", "data_base64: is not base64; send data as a JSON object") from error
    return b"{" + b",".join(_members(members, data)) + b"}"


def _members(members: Mapping[str, msgspec.Raw], data: bytes) -> Iterator[bytes]:
    for name, raw in members.items():
        yield msgspec.json.encode(name) + b":" + bytes(raw)
    json_text.check(data)
    json_text.whole(data)
    yield b'"data":' + data
