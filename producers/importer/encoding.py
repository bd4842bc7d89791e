"""Which encoding a file is in: what its byte order mark says, else what the mapping says, else a guess that is told."""

import codecs
import re
from collections.abc import Iterable
from typing import NamedTuple

from charset_normalizer import from_bytes

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LEGACY = ["cp1251", "cp1252", "cp1250", "cp1254", "cp1257", "koi8_r", "cp866", "mac_cyrillic"]
"""What is guessed among; a guess among all encodings finds East Asian ones in short texts."""
_MAC = re.compile(rb"[\x80-\x9f][\xe0-\xfe]").search
"""A capital and a small letter, as no other encoding among them has Russian ones."""


class Encoding(NamedTuple):
    """`name`: Python's, never one that handles a mark by itself; `mark`: the bytes of that; `note`: what to say."""

    name: str
    mark: bytes = b""
    note: str = ""

    @property
    def errors(self) -> str:
        """How bytes that do not fit are decoded: kept as they are where the encoding allows it."""
        return "replace" if self.name.startswith("utf-16") else "surrogateescape"


def encoding_of(head: bytes, declared: str | None, names: Iterable[str] = ()) -> Encoding:
    """The encoding of a file that begins with `head`. names: columns, of which its header has some."""
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
        if is_nearly_utf8(head):
            return Encoding(
                "utf-8", b"", "read as utf-8, in which some of its bytes are not text: rows that need them are refused"
            )
        guessed = guess(head, names)
    return Encoding(guessed, b"", f"read as {guessed} (guessed); `encoding` in the mapping overrides it")


def is_utf8(head: bytes) -> bool:
    """Whether the bytes can be the beginning of a text in UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def is_nearly_utf8(head: bytes) -> bool:
    """Whether most of what is not ASCII can be nothing else: a program cut a text, or put two files together."""
    text = head.decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in text)
    return sum(char > "\x7f" for char in text) > 4 * bad


def guess(head: bytes, names: Iterable[str] = ()) -> str:
    """The encoding of one byte a character that fits best: one in which the columns' names are there, if any is."""
    wanted = [name for name in names if not name.isascii()]
    there = [one for one in _LEGACY if any(_written(name, one) in head for name in wanted)]
    best = from_bytes(head, cp_isolation=there or _LEGACY, threshold=0.5).best()
    found = best.encoding if best is not None else (there or ["cp1251"])[0]
    # Both have the small letters at the same places, and short texts show no more.
    return "cp1251" if found == "mac_cyrillic" and not there and not _MAC(head) else found


def _written(name: str, encoding: str) -> bytes:
    try:
        return name.encode(encoding)
    except UnicodeEncodeError:
        return b"\0\0\0"  # no header has that


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
