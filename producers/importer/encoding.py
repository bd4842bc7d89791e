"""Which encoding a file is in: what its byte order mark says, else what the mapping says, else a guess that is told."""

import codecs
from typing import NamedTuple

from charset_normalizer import from_bytes

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LEGACY = ["cp1251", "cp1252", "cp1250", "cp1254", "cp1257", "koi8_r", "cp866", "mac_cyrillic"]
"""What is guessed among; a guess among all encodings finds East Asian ones in short texts."""


class Encoding(NamedTuple):
    """`name`: Python's, never one that handles a mark by itself; `mark`: the bytes of that; `note`: what to say."""

    name: str
    mark: bytes = b""
    note: str = ""

    @property
    def errors(self) -> str:
        """How bytes that do not fit are decoded: kept as they are where the encoding allows it."""
        return "replace" if self.name.startswith("utf-16") else "surrogateescape"


def encoding_of(head: bytes, declared: str | None) -> Encoding:
    """The encoding of a file that begins with `head`."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, mark, _differs(name, declared))
    if declared is not None:
        name = codecs.lookup(declared).name
        return Encoding({"utf-8-sig": "utf-8", "utf-16": _utf16(head) or "utf-16-le"}.get(name, name))
    guessed = _utf16(head)
    if guessed is None:
        if is_utf8(head):
            return Encoding("utf-8")
        guessed = guess(head)
    return Encoding(guessed, b"", f"read as {guessed} (guessed); `encoding` in the mapping overrides it")


def is_utf8(head: bytes) -> bool:
    """Whether the bytes can be the beginning of a text in UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def guess(head: bytes) -> str:
    """The encoding of one byte a character that fits best."""
    best = from_bytes(head, cp_isolation=_LEGACY, threshold=0.5).best()
    return best.encoding if best is not None else "cp1251"


def _utf16(head: bytes) -> str | None:
    """UTF-16 without a mark: of its characters in tables, most have a byte of zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 < len(head) or not head:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _differs(name: str, declared: str | None) -> str:
    if declared is None or codecs.lookup(declared).name.replace("-sig", "") in (name, "utf-16"):
        return ""
    return f"read as {name}, as its byte order mark says, and not as {declared}"
