"""How one additive number inside a cell is addressed: a code and its label values in one string."""

import re
from functools import lru_cache

_SEPARATOR = "\x1f"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _escape(part: str) -> str:
    return part.replace("\\", "\\\\").replace(_SEPARATOR, "\\u")


def _unescape(part: str) -> str:
    return _ESCAPED.sub(lambda found: _SEPARATOR if found[1] == "u" else found[1], part)


@lru_cache(maxsize=1 << 16)
def key(code: str, *labels: str) -> str:
    """Join a measure's code and label values; any text survives the round trip.

    `code` is a `Family.code` of the catalogue; the labels follow in the order that the catalogue gives,
    then the bin of a histogram (or "s" for its sum), then the currency of money.
    """
    return _SEPARATOR.join((code, *map(_escape, labels)))


@lru_cache(maxsize=1 << 16)
def parts(measure: str) -> tuple[str, ...]:
    """Split what `key` joined: (code, label, label, …)."""
    code, *labels = measure.split(_SEPARATOR)
    return (code, *map(_unescape, labels))
