"""The bytes of a request's body as plain UTF-8: unpacked within a bound, whatever was announced about them."""

import re
import zlib
from collections.abc import Mapping

from producers.errors import ProducersError, Refused
from producers.gateway.limits import ContentTooLarge

_BOM = b"\xef\xbb\xbf"
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = zlib.MAX_WBITS | 16
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE).search
_UTF_8 = frozenset({"", "utf-8", "utf8"})
_NO_JSON = frozenset(magic[:1] for magic in (*_PACKED, *_UTF_16))
_LIKE_ASCII = re.compile(r"(us-)?ascii|latin-?1|iso-?8859-\d+|(windows-|cp)125\d|koi8-[ru]").fullmatch
"""Character sets in which ASCII means itself, so that a body of nothing else is UTF-8, too."""


class UnsupportedMediaType(ProducersError):  # noqa: N818 - named as HTTP names it
    """The content type or encoding is none that the gateway reads (415)."""


def encoding(headers: Mapping[str, str]) -> str:
    """The `content-encoding`: "" or "gzip". Raises UnsupportedMediaType."""
    found = headers.get("content-encoding", "").strip().lower()
    if found in {"", "identity"}:
        return ""
    if found in {"gzip", "x-gzip"}:
        return "gzip"
    raise UnsupportedMediaType(f"content-encoding {found[:60]} is not read; send gzip, or the body as it is")


def unpacked(body: bytes, most: int) -> bytes:
    """What was packed with gzip. Raises ContentTooLarge beyond `most` bytes, of which no more are ever unpacked."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        found = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused("not_json", f"the body is not gzip ({error}); pack it, or leave out content-encoding") from error
    if len(found) > most:
        raise ContentTooLarge(f"the unpacked body is larger than {most} bytes; send smaller batches")
    if not unpacking.eof:
        raise Refused("not_json", "the gzip body ends early; send it whole")
    if unpacking.unused_data:
        raise Refused("not_json", "the gzip body goes on after its end; pack it as one stream")
    return found


def text(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body in UTF-8 without a byte order mark. Raises UnsupportedMediaType for what is spelled otherwise.

    Raises Refused where the body shows that it is packed or in UTF-16, and no header says so.
    """
    found = _CHARSET(headers.get("content-type", ""))
    charset = found[1].lower() if found else ""
    if charset not in _UTF_8 and not (_LIKE_ASCII(charset) and body.isascii()):
        raise UnsupportedMediaType(f"charset {charset[:60]} is not read: JSON is UTF-8; encode the body so")
    if body[:1] in _NO_JSON:
        _check_begin(body)
    return body.removeprefix(_BOM)


def _check_begin(body: bytes) -> None:
    packed = next((name for magic, name in _PACKED.items() if body.startswith(magic)), "")
    if packed == "gzip":
        raise Refused(
            "not_json",
            "content-encoding: the body is packed with gzip and no header says so; send content-encoding: gzip",
        )
    if packed:
        raise Refused("not_json", f"the body is packed with {packed}; send it as it is, or packed with gzip")
    if body.startswith(_UTF_16):
        raise Refused("not_json", "the body is in UTF-16: JSON is UTF-8; encode the body so")
