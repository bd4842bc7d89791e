"""How one additive number inside a cell is addressed: a code and its label values in one string.

A cell has dozens of them, and there are millions of cells, so the contract's own words are a single character each.
"""

import re
from functools import lru_cache

_SEPARATOR = "\x1f"
_WORDS = (
    "inbound", "outbound", "answered", "missed", "abandoned", "busy", "failed", "call", "chat", "first", "next",
    "cold", "warm", "hot", "won", "lost", "s", *map(str, range(13)),
)  # fmt: skip
"""Label values that stand for themselves as the characters from U+0001 on. Stored cells depend on the order."""

_SHORT = {word: chr(number) for number, word in enumerate(_WORDS, 1)}
_LONG = {short: word for word, short in _SHORT.items()}
_RESERVED = re.compile(r"[\x01-\x1f\\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LABEL = re.compile(r"[\x01-\x1e]|\x1f[^\x01-\x1f]*")
_SHIFT = 0x60
"""From a control character to a letter that can stand behind a backslash; a backslash stands for itself."""


def _escape(label: str) -> str:
    return _RESERVED.sub(lambda found: "\\" + (found[0] if found[0] == "\\" else chr(ord(found[0]) + _SHIFT)), label)


def _unescape(label: str) -> str:
    return _ESCAPED.sub(lambda found: found[1] if found[1] == "\\" else chr(ord(found[1]) - _SHIFT), label)


@lru_cache(maxsize=1 << 16)
def key(code: str, *labels: str) -> str:
    """Join a measure's code and label values; any text survives the round trip.

    `code` is a `Family.code` of the catalogue; the labels follow in the order that the catalogue gives,
    then the bin of a histogram (or "s" for its sum), then the currency of money.
    """
    return code + "".join(_SHORT.get(label) or _SEPARATOR + _escape(label) for label in labels)


@lru_cache(maxsize=1 << 16)
def parts(measure: str) -> tuple[str, ...]:
    """Split what `key` joined: (code, label, label, …)."""
    first = _RESERVED.search(measure)
    code = measure if first is None else measure[: first.start()]
    return (code, *(_LONG.get(label) or _unescape(label[1:]) for label in _LABEL.findall(measure, len(code))))
