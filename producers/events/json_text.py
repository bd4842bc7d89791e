"""What counts as JSON here: one definition for both decode paths, so that no text is JSON for one only.

msgspec reads the text. What it leaves open is closed here: invalid UTF-8 in what it skips, and nesting whose
fate would hang on how deep the caller's stack is.
"""

import re
from typing import Final

import msgspec

from producers.errors import Refused
from producers.events.rules import MAX_DEPTH

# An unclosed string ends with the text, so that the scan stays linear.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
# What is this small cannot nest too deep: every level takes two bytes.
SHALLOW_BYTES: Final = 2 * MAX_DEPTH
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()


def readable(value: bytes) -> bool:
    """Whether `value` is UTF-8 and nested at most 256 deep; says nothing else about its grammar."""
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            return False
    return len(value) <= SHALLOW_BYTES or value.count(b"[") + value.count(b"{") <= MAX_DEPTH or not _deep(value)


def members(value: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, unread; of a name that stands twice, the last.

    Raises `Refused` (not_json) when `value` is no JSON, `TypeError` when it is another JSON value.
    """
    try:
        return _members.decode(value)
    except msgspec.ValidationError as error:
        # msgspec stops at the wrong type; whether the rest is JSON decides the reason.
        whole(value)
        raise TypeError("expected a JSON object") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("not_json", f"{error}; send one JSON object as UTF-8") from error


def whole(value: bytes | msgspec.Raw) -> object:
    """Any JSON value as Python objects. Raises `Refused` (not_json)."""
    try:
        return _any.decode(value)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Refused("not_json", f"{error}; send one JSON object as UTF-8") from error


def check(value: bytes) -> None:
    """Raise `Refused` (not_json) for what `readable` does not accept."""
    if not value:
        raise Refused("not_json", "the value is empty; send one JSON object as UTF-8")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Refused("not_json", f"invalid UTF-8 at byte {error.start}; encode the text as UTF-8") from error
    if not readable(value):
        raise Refused("not_json", f"nested deeper than {MAX_DEPTH} levels; send a flat object")


def _deep(value: bytes) -> bool:
    depth = 0
    for mark in re.findall(rb"[\[\]{}]", _STRING.sub(b"", value)):
        depth += 1 if mark in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
