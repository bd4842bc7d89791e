"""CloudEvents in binary mode: attributes in headers and data in the value, put together as the structured event.

So both modes are read by one decoder, are refused for the same reasons, and mean the same.
"""

from collections.abc import Mapping, Sequence

import msgspec

from producers.errors import Refused
from producers.events.wire.envelope import Envelope

MARK = "ce_specversion"
"""The header whose presence says that a Kafka record is in binary mode."""
STRUCTURED = "application/cloudevents"
"""What the content type of structured mode begins with; by the Kafka binding it decides."""
_PREFIX = "ce_"
_ATTRIBUTES = frozenset(("type", *Envelope.__struct_fields__))

_encode = msgspec.json.encode
_is_json = msgspec.json.Decoder(msgspec.Raw).decode

Headers = Sequence[tuple[str, bytes | None]]


def is_binary(headers: Headers) -> bool:
    """Whether a Kafka record with these headers is in binary mode."""
    marked = False
    for name, value in headers:
        if name == MARK:
            marked = True
        elif name == "content-type" and (value or b"").lower().startswith(STRUCTURED.encode()):
            return False
    return marked


def from_kafka(headers: Headers, value: bytes | None) -> bytes:
    """The structured event of a Kafka record in binary mode. Raises `Refused` for what no event can be read of."""
    attributes: dict[str, str] = {}
    for name, raw in headers:
        attribute = name.removeprefix(_PREFIX)
        if raw is not None and name.startswith(_PREFIX) and attribute in _ATTRIBUTES:
            try:
                attributes[attribute] = raw.decode()
            except UnicodeDecodeError as error:
                raise Refused("not_cloudevents", f"{attribute}: header {name} is not UTF-8; encode it so") from error
    return structured(attributes, value)


def structured(attributes: Mapping[str, str], data: bytes | None) -> bytes:
    """One JSON object of attributes and data. Raises `Refused` (not_json) when data is no single JSON value."""
    members = [_member(name, _encode(value)) for name, value in attributes.items() if name != "data"]
    if data:
        members.append(_member("data", _checked(data)))
    return b"{" + b",".join(members) + b"}"


def _checked(data: bytes) -> bytes:
    # Put between braces unread, `{}, "id": "other"` would be members of the event.
    try:
        _is_json(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("not_json", f"{error}; in binary mode send data as one JSON object in UTF-8") from error
    return data


def _member(name: str, value: bytes) -> bytes:
    return _encode(name) + b":" + value
