"""Moments that people and processes ask about: a text means the same, and is refused alike, wherever it is read."""

from datetime import datetime

from metrics.errors import WindowError

_YEARS = (2000, 2200)


def read(text: str, given: str = "") -> datetime:
    """An RFC 3339 time. given: what was written, where `text` was repaired. Raises WindowError, which names `at`."""
    given = given or text
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise WindowError(f"at={given!r} is not an RFC 3339 time; write it like 2026-11-23T09:00:00Z") from error
    if parsed.tzinfo is None:
        raise WindowError(f"at={given!r} has no zone; write it like 2026-11-23T09:00:00Z")
    if not _YEARS[0] <= parsed.year <= _YEARS[1]:
        raise WindowError(f"at={given!r} lies outside the years {_YEARS[0]} to {_YEARS[1]}")
    return parsed
