"""What the fast path does not take, judged by the models: their reason, or their event in the wire's form."""

from typing import Any, get_type_hints

import msgspec

from producers.events.parsing import parse
from producers.events.wire.envelope import Envelope
from producers.events.wire.structs import Event, ReferenceEvent

_STRUCTS: dict[str, Any] = {struct.type: struct for struct in (*Event.__args__, *ReferenceEvent.__args__)}
_ATTRIBUTES = ("specversion", "id", "source", "time", "subject", "partitionkey", "sequence")


def judge(value: bytes | None, *, reference: bool) -> Envelope:
    """The event as the models read it. Raises `Refused` with their reason."""
    model = parse(value, reference=reference)
    struct = _STRUCTS[model.type]
    data = msgspec.convert(model.data, get_type_hints(struct)["data"], from_attributes=True)
    event: Envelope = struct(data=data, **{name: getattr(model, name) for name in _ATTRIBUTES})
    return event
