"""From a request's body to checked records: structured, batched or binary CloudEvents, each problem with its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from producers.errors import ProducersError, Refused
from producers.events.binary import structured
from producers.events.intake import check_size
from producers.events.registry import ALL_TYPES
from producers.events.rules import AHEAD_MS
from producers.events.units import us
from producers.events.wire import Event, ReferenceEvent, decode, decode_reference
from producers.gateway.openapi import MOST_EVENTS
from producers.publisher import CONTENT_TYPE

STRUCTURED = ("application/cloudevents+json", "application/json")
BATCH = "application/cloudevents-batch+json"

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class UnsupportedMediaType(ProducersError):  # noqa: N818 - named as HTTP names it
    """The content type or encoding is none that the gateway reads (415)."""


class Record(NamedTuple):
    """One event, ready for Kafka."""

    key: bytes
    value: bytes
    source: str
    reference: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad event of a request: its place, the field, the rule that it breaks and what to do."""

    index: int
    reason: str
    field: str
    detail: str


def read(headers: Mapping[str, str], body: bytes, now_ms: int) -> tuple[list[Record], list[Problem]]:
    """All good events and all problems of a request. Raises UnsupportedMediaType.

    Nothing is sent unless there is no problem at all: a sender repairs the batch and sends it whole again.
    """
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("compressed bodies are not read; send the body as it is")
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == BATCH:
        return _batch(body, now_ms)
    if "ce-specversion" in headers and media != STRUCTURED[0]:
        try:
            value = _binary(headers, body, media)
        except Refused as refused:
            return [], [_problem(0, refused)]
        return _collect([value], now_ms)
    if media in STRUCTURED:
        return _collect([body], now_ms)
    raise UnsupportedMediaType(
        f"content-type {media or '(none)'} is not read; send {STRUCTURED[0]}, {BATCH}, or binary mode with ce- headers"
    )


def _batch(body: bytes, now_ms: int) -> tuple[list[Record], list[Problem]]:
    try:
        values = _split(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return [], [Problem(0, "not_json", "", f"the body is no JSON array of events: {error}")]
    if len(values) > MOST_EVENTS:
        return [], [Problem(MOST_EVENTS, "too_large", "", f"more than {MOST_EVENTS} events; send several batches")]
    return _collect([bytes(value) for value in values], now_ms)


def _collect(values: list[bytes], now_ms: int) -> tuple[list[Record], list[Problem]]:
    records, problems = [], []
    for index, value in enumerate(values):
        try:
            records.append(_record(value, now_ms))
        except Refused as refused:
            problems.append(_problem(index, refused))
    return records, problems


def _problem(index: int, refused: Refused) -> Problem:
    field, _, _ = refused.detail.partition(":")
    return Problem(index, refused.reason, field if field and " " not in field else "", refused.detail)


def _record(value: bytes, now_ms: int) -> Record:
    check_size(None, value)
    event, reference = _decoded(value)
    key = event.key.encode()
    check_size(key, value, CONTENT_TYPE)
    if us(event.time) > (now_ms + AHEAD_MS) * 1000:
        raise Refused("time_out_of_range", "time: is more than 10 minutes ahead of now; send when it happened")
    if event.partitionkey is not None and event.partitionkey != event.key:
        raise Refused("wrong_key", "partitionkey: differs from the key of the type; leave it out")
    return Record(key, value, event.source, reference)


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


def _binary(headers: Mapping[str, str], body: bytes, media: str) -> bytes:
    if media not in {"", "application/json"} and not media.endswith("+json"):
        raise UnsupportedMediaType(f"in binary mode the body is the data as application/json, not {media}")
    attributes = {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    return structured(attributes, body)
