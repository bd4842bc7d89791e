"""Reads the portal's ways of writing times, money and numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_PLACES = Decimal("0.0001")


def moment(text: Any) -> datetime | None:
    """A time with a zone, in UTC; None for the portal's many ways to write none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def iso(time: datetime) -> str:
    """A time as events carry it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def latest(*times: datetime | None) -> datetime:
    """The last of the times that are known. At least one must be."""
    return max(time for time in times if time is not None)


def money(value: Any) -> str:
    """An amount with at most four places. What is not a number stays as it is, for the contract to refuse."""
    try:
        amount = Decimal(str(value or 0))
    except InvalidOperation:
        return str(value)
    if amount == 0:
        return "0"
    return format(amount.quantize(_PLACES).normalize(), "f")


def money_field(value: Any) -> tuple[str, str | None] | None:
    """Amount and currency of a custom field: a number, or `1250|RUB`; None when it is empty."""
    if value in (None, "", []):
        return None
    amount, _, currency = str(value).partition("|")
    return (money(amount), currency or None) if amount.strip() else None


def probability(value: Any) -> float | None:
    """Per cent as a ratio."""
    if value in (None, ""):
        return None
    try:
        return min(1.0, max(0.0, float(value) / 100))
    except ValueError:
        return None


def midday(said: Any) -> datetime | None:
    """Noon of the day that a date names, in the zone that it is written in; None where it names none.

    A date is a day: the portal writes it as some midnight, which in another zone is the day before.
    """
    try:
        found = datetime.fromisoformat(text(said))
    except ValueError:
        return None
    return found.replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=found.tzinfo or UTC).astimezone(UTC)


def text(value: Any) -> str:
    """A field as text: of several values the first, empty for none."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return "" if value is None or value is False else str(value).strip()


def number(row: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 when it is missing or none."""
    try:
        return int(row.get(name) or 0)
    except (TypeError, ValueError):
        return 0
