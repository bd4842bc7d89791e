"""How a text from a column becomes a field of an event: by the field's name, in the way the contract writes it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from producers.errors import Refused

_TIMES = frozenset({"time", "started_at", "answered_at", "created_at", "closed_at", "issued_at", "due_at"})
_MONEY = frozenset({"amount", "cost", "target", "rate"})
_YES, _NO = frozenset({"true", "1", "yes", "y", "да"}), frozenset({"false", "0", "no", "n", "нет"})

Value = str | int | float | bool
Convert = Callable[[str], Value]


def converter(field: str, *, zone: ZoneInfo | None, format_: str | None, scale: Decimal | None) -> Convert:
    """Return the function for a field's texts. It raises Refused (invalid_data), naming the field."""
    if field in _TIMES:
        return lambda text: _time(field, text, zone, format_)
    if field in _MONEY:
        return lambda text: _plain(_decimal(field, text, scale))
    if field == "probability":
        return lambda text: float(_decimal(field, text.removesuffix("%"), scale))
    if field == "score":
        return lambda text: _whole(field, text, scale)
    if field == "active":
        return lambda text: _truth(field, text)
    return lambda text: text


def _time(field: str, text: str, zone: ZoneInfo | None, format_: str | None) -> str:
    try:
        if format_ == "unix":
            moment = datetime.fromtimestamp(float(text), UTC)
        elif format_ is not None:
            moment = datetime.strptime(text, format_)  # noqa: DTZ007  # the zone is added below
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        wanted = format_ or "RFC 3339"
        raise Refused("invalid_data", f"{field}: {text!r} is no time in the form {wanted}") from None
    if moment.tzinfo is None:
        if zone is None:
            raise Refused("invalid_data", f"{field}: {text!r} has no zone; give `timezone` in the mapping")
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise Refused("invalid_data", f"{field}: {text!r} lies outside the calendar") from None


def _decimal(field: str, text: str, scale: Decimal | None) -> Decimal:
    plain = "".join(text.split()).replace("\u00a0", "").replace("'", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise Refused("invalid_data", f"{field}: {text!r} is no number") from None
    if not number.is_finite():
        raise Refused("invalid_data", f"{field}: {text!r} is no number")
    return number if scale is None else number * scale


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def _whole(field: str, text: str, scale: Decimal | None) -> int:
    number = _decimal(field, text, scale)
    if number != int(number):
        raise Refused("invalid_data", f"{field}: {text!r} is no whole number")
    return int(number)


def _truth(field: str, text: str) -> bool:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise Refused("invalid_data", f"{field}: {text!r} is neither yes nor no")
