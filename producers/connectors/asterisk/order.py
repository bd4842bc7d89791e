"""The order of an exchange's files: rotated ones may be named in any, and a call may lie in two of them."""

import re
from collections.abc import Sequence

from producers.importer.source import SourceFile

_TIME = re.compile(rb"\b(\d{9,10})[|.]|\b(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)")
_LINES = 100


def oldest_first(sources: Sequence[SourceFile]) -> list[SourceFile]:
    """Return the files by the first time that stands in each; as they were named, where one is standard input."""
    if any(source.path is None for source in sources):
        return list(sources)
    dated = [(_begin(source), number, source) for number, source in enumerate(sources)]
    if len({kind for (kind, _), _, _ in dated}) > 1:
        return list(sources)
    return [source for _, _, source in sorted(dated)]


def _begin(source: SourceFile) -> tuple[int, bytes]:
    with source.lines() as lines:
        for number, raw, _ in lines:
            if found := _TIME.search(raw):
                return (1, found[2]) if found[2] else (0, found[1].rjust(10, b"0"))
            if number >= _LINES:
                break
    return (0, b"")
