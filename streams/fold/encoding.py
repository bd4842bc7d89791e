"""Records as bytes and back."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

_encode: Final = msgspec.msgpack.Encoder().encode

R_ = TypeVar("R_")


def encode(record: msgspec.Struct) -> bytes:
    """A record as bytes; integers beyond 64 bits travel as text."""
    try:
        return _encode(record)
    except OverflowError:
        return _encode([_wide(getattr(record, name)) for name in record.__struct_fields__])


def decoder(kind: type[R_]) -> Callable[[bytes], R_]:
    """The inverse of `encode` for one kind of record."""
    return msgspec.msgpack.Decoder(kind, strict=False).decode


def _wide(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)
    if isinstance(value, list | tuple):
        return [_wide(item) for item in value]
    return value
