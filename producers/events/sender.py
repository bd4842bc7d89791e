"""Who sent a record, as far as that can be read of one that breaks the contract."""

from collections.abc import Iterable

import msgspec

LONGEST = 256
"""Of a source, in characters, by the contract."""
_HEADER = "ce_source"


class _Sent(msgspec.Struct):
    source: str = ""


_decoder = msgspec.json.Decoder(_Sent)


def sender(value: bytes | None, headers: Iterable[tuple[str, bytes | None]] = ()) -> str:
    """The CloudEvents `source`: of the header in binary mode, else of the value; "" where there is none to be read."""
    found = next((raw.decode(errors="replace") for name, raw in headers if name == _HEADER and raw), "")
    if not found and value:
        try:
            found = _decoder.decode(value).source
        except (msgspec.DecodeError, RecursionError):
            return ""
    return found if len(found) <= LONGEST else ""
