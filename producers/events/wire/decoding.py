"""From a record's value to an event: one msgspec decode and the checks that it cannot express.

What this fast path refuses goes to the pydantic models, which say why; should they accept it, that counts.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from producers.events.json_text import SHALLOW_BYTES, readable
from producers.events.rules import EARLIEST, LATEST
from producers.events.units import us
from producers.events.wire.envelope import Envelope
from producers.events.wire.known import SOURCES, in_range, known_source
from producers.events.wire.structs import MOMENTS, Event, ReferenceEvent
from producers.events.wire.structs.checks import CHECKS

E_ = TypeVar("E_", Event, ReferenceEvent)

_events: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)
_many: Final[msgspec.json.Decoder[list[Event]]] = msgspec.json.Decoder(list[Event])
_references: Final[msgspec.json.Decoder[ReferenceEvent]] = msgspec.json.Decoder(ReferenceEvent)
_encoder: Final = msgspec.json.Encoder()
_EARLIEST: Final = us(EARLIEST)
_LATEST: Final = us(LATEST)

# msgspec rounds fractions beyond microseconds, the contract cuts them (a moment stays on its day).
_rounded: Final = re.compile(rb"\.[0-9]{6}[5-9]").search
_cut: Final = re.compile(
    rb'("(?:%s)"[ \t\r\n]*:[ \t\r\n]*"[^"]{19}\.[0-9]{6})[0-9]+' % "|".join(MOMENTS).encode(),
).sub


def decode(value: bytes | None) -> Event:
    """The event of a record on the events topic. Raises `Refused`, naming the reason and the field.

    The reasons are `not_json`, `not_cloudevents`, `unknown_type` (also for reference types), `invalid_data`
    and `time_out_of_range` (before 2000); key, partition, size and the broker's clock are `intake`'s.
    """
    return fast(value, _events) or _judge(value, reference=False)  # type: ignore[return-value]


def decode_reference(value: bytes | None) -> ReferenceEvent:
    """The same for the reference topic, where event types are the unknown ones."""
    return fast(value, _references) or _judge(value, reference=True)  # type: ignore[return-value]


def encode(event: Envelope) -> bytes:
    """The event as structured JSON, the inverse of decoding; absent fields are left out."""
    return _encoder.encode(event)


def fast(value: bytes | None, decoder: "msgspec.json.Decoder[E_]") -> E_ | None:
    """The event when the fast path is sure of it, else None."""
    if not value or not _is_text(value):
        return None
    if _rounded(value):
        value = _cut(rb"\1", value)
        if _rounded(value):
            return None
    try:
        event = decoder.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    return event if _is_sound(event) else None


def decode_each(values: Sequence[bytes | None]) -> tuple[list[Event | None], list[int]]:
    """The event of each value and its time (us), where the fast path is sure of it.

    None and 0 of the others, which `decode` has to judge. What can be asked of all values at once is: a look for
    fractions costs as much for many as for one.
    """
    texts = [value or b"" for value in values]
    joined = b"".join(texts)
    if _rounded(joined):
        judged = [fast(text, _events) for text in texts]
        return judged, [0 if event is None else us(event.time) for event in judged]
    is_plain = joined.isascii() and max(map(len, texts), default=0) <= SHALLOW_BYTES
    events: list[Event | None] = []
    times: list[int] = []
    decode_one, checks, sources, earliest, latest = _events.decode, CHECKS, SOURCES, _EARLIEST, _LATEST
    for text in texts:
        event, at = None, 0
        if is_plain or _is_text(text):
            try:
                event = decode_one(text)
            except (msgspec.DecodeError, RecursionError):
                pass
            else:
                at, check = us(event.time), checks.get(type(event))
                if not (
                    earliest <= at < latest
                    and (check is None or check(event))
                    and (event.source in sources or known_source(event.source))
                ):
                    event, at = None, 0
        events.append(event)
        times.append(at)
    return events, times


def _is_text(value: bytes) -> bool:
    """Whether it is nothing that only msgspec takes for JSON."""
    # Most events are small and ASCII, and need no closer look.
    return (len(value) <= SHALLOW_BYTES and value.isascii()) or readable(value)


def _is_sound(event: Event | ReferenceEvent) -> bool:
    """Whether the checks beyond the types hold."""
    check = CHECKS.get(type(event))
    return (check is None or check(event)) and known_source(event.source) and in_range(event.time)


def decode_made(values: Sequence[bytes]) -> list[Event] | None:
    """The events of many values at once, for half; None where the fast path is not sure of each of them.

    Each has to be one JSON object that we made: what is joined here could else be parted otherwise.
    """
    if not values or max(map(len, values)) > SHALLOW_BYTES:
        return None
    joined = b"[%b]" % b",".join(values)
    if _rounded(joined):
        return None
    try:
        joined.decode()
        events = _many.decode(joined)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    if len(events) != len(values) or not all(map(known_source, {event.source for event in events})):
        return None
    times = [event.time for event in events]
    if not in_range(min(times)) or not in_range(max(times)):
        return None
    are_sound = (check(event) for event in events if (check := CHECKS.get(type(event))) is not None)
    return events if all(are_sound) else None


def _judge(value: bytes | None, *, reference: bool) -> Envelope:
    # Bad input is rare; a worker that never sees any never loads the models.
    from producers.events.wire.judging import judge  # noqa: PLC0415

    return judge(value, reference=reference)
