"""The rules of the contract that need more than a type, as predicates that both decode paths share."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

MAX_BYTES: Final = 256 * 1024
"""Of a Kafka record: key, value and headers together, after decompression."""
COPY_MARK = "forwarded-offset"
"""The header that a worker's copy of a record has, which was within the limit where it lay."""
COPY_BYTES = 1024
"""What a copy may have more: the key put right, and headers."""
MAX_DEPTH: Final = 256
ID_LENGTH = 128
"""Characters of an id in `data`, and of `pipeline`, `stage`, `category`, `channel` and names."""
ATTRIBUTE_LENGTH = 256
"""Characters of `id`, `source` and `subject`."""
SEQUENCE_LENGTH = 64
MOST_STAGES = 500
"""Stages that one record of a pipeline may name."""
AHEAD = timedelta(minutes=10)
AHEAD_MS: Final = 600_000
LOG_APPEND_TIME: Final = 1
"""Timestamp type of a record whose time is the broker's; 0 is the sender's, None unknown (as in old formats)."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# The calendar of Python ends with 9999; a year's distance lets every zone and every window be computed.
LATEST = datetime(9999, 1, 1, tzinfo=UTC)

REASONS = (
    "not_json",
    "not_cloudevents",
    "unknown_type",
    "invalid_data",
    "wrong_key",
    "wrong_partition",
    "too_large",
    "time_out_of_range",
    "no_broker_time",
)

MONEY = r"[0-9]{1,18}(\.[0-9]{1,4})?"
CURRENCY = r"[A-Z]{3}"
RATE = r"[0-9]{1,18}(\.[0-9]{1,18})?"
SCOPE = r"company|(manager|team):[\s\S]{1,128}"
PERIOD = r"[0-9]{4}(-(0[1-9]|1[0-2])|-Q[1-4])?"
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
_PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"
# RFC 3986: a colon in the first segment makes what stands before it a scheme.
_URI_REFERENCE = (
    rf"(?:[A-Za-z][A-Za-z0-9+.\-]*:|(?![^/?#]*:))"
    rf"(?://(?:[^/?#@\[\]]*@)?\[[0-9A-Fa-f:.]+\](?::[0-9]*)?(?=[/?#]|\Z))?"
    rf"{_PCHAR}*(?:\?(?:{_PCHAR}|\?)*)?(?:\#(?:{_PCHAR}|\?)*)?"
)

is_money = re.compile(MONEY).fullmatch
is_currency = re.compile(CURRENCY).fullmatch
is_scope = re.compile(SCOPE).fullmatch
_is_uri_reference = re.compile(_URI_REFERENCE).fullmatch
_is_rate = re.compile(RATE).fullmatch
_is_period = re.compile(PERIOD).fullmatch
_is_date = re.compile(DATE).fullmatch
_is_time = re.compile(_TIME).fullmatch


def is_source(text: str) -> bool:
    """Whether `text` is a non-empty URI-reference (RFC 3986)."""
    return bool(text) and _is_uri_reference(text) is not None


def is_rate(text: str) -> bool:
    """Whether `text` is a decimal above zero with up to 18 digits on each side."""
    return _is_rate(text) is not None and text.strip("0.") != ""


def is_period(text: str) -> bool:
    """Whether `text` is a month, quarter or year between 2000 and 9998."""
    return _is_period(text) is not None and "2000" <= text[:4] <= "9998"


def is_date(text: str) -> bool:
    """Whether `text` is a day of the calendar between 2000 and 9998, as YYYY-MM-DD."""
    if _is_date(text) is None or not "2000" <= text[:4] <= "9998":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def parse_time(text: str) -> datetime | None:
    """The moment that RFC 3339 `text` names, cut (not rounded) to microseconds; None when it names none.

    Read a little wider than written: lower-case `t` and `z`, a space for `T`, and offsets without a colon.
    """
    found = _is_time(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    micros = (fraction or ".")[1:7].ljust(6, "0")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{micros}")
        return moment.replace(tzinfo=_zone(zone))
    except ValueError:
        return None


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
