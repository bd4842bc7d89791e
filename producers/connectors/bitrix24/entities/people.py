"""Users and departments as managers and teams, currencies as exchange rates."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from producers.connectors.bitrix24.errors import EntityUnusable
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import ManagerChanged, RateSet

_ALWAYS = "2000-01-01"
_PLACES = Decimal(1).scaleb(-12)
Row = Mapping[str, Any]


def teams(departments: Sequence[Row]) -> dict[str, str]:
    """Departments by id, with their names."""
    return {str(row["ID"]): str(row.get("NAME") or row["ID"]) for row in departments if row.get("ID")}


def manager(user: Row, names: Mapping[str, str], meaning: Meaning, now: datetime) -> EntitySnapshot:
    """Somebody who works in the portal; the team is that of the first department, of those whose names are known."""
    number = str(user["ID"])
    own = _parts(user.get("UF_DEPARTMENT"))
    team = meaning.teams.get(own[0]) or names.get(own[0]) or "unknown" if own else "unknown"
    full = " ".join(str(part) for part in (user.get("NAME"), user.get("LAST_NAME")) if part)
    known_as = meaning.manager(number)
    data = {
        "manager_id": known_as,
        "name": (full or known_as)[:128],
        "team_id": team[:128],
        "active": user.get("ACTIVE") in (True, "Y", "true"),
    }
    return EntitySnapshot("manager", number, ManagerChanged, now, now, data)


def _parts(departments: Any) -> list[str]:
    """A user's departments: a list in the documentation; a number, a table with numbers as keys, or false are seen."""
    if isinstance(departments, Mapping):
        departments = list(departments.values())
    if not isinstance(departments, list | tuple):
        departments = [departments]
    return [str(part) for part in departments if part and not isinstance(part, bool) and str(part) != "0"]


def worth(row: Row) -> tuple[str, Decimal] | None:
    """A currency and what one unit of it is worth in the portal; None where it does not say. Raises on nonsense."""
    currency = str(row["CURRENCY"] or "")
    if not currency or not row.get("AMOUNT"):
        return None
    value = Decimal(str(row["AMOUNT"])) / Decimal(str(row.get("AMOUNT_CNT") or 1))
    if not value.is_finite():
        raise EntityUnusable("AMOUNT is not a number")
    return currency, value


def rates(
    currencies: Mapping[str, Decimal], meaning: Meaning, base: str, now: datetime, known: Mapping[str, Any]
) -> Iterator[EntitySnapshot]:
    """Today's rates, when they differ from the last ones.

    The portal keeps one rate for all times; so the first one that is seen holds for the past too.
    """
    for currency, rate in _rates(currencies, meaning, base).items():
        held = known.get(currency)
        if held is not None and held.data["rate"] == rate:
            continue
        day = _ALWAYS if held is None else now.date().isoformat()
        yield EntitySnapshot("rate", currency, RateSet, now, now, {"currency": currency, "date": day, "rate": rate})


def _rates(worth: Mapping[str, Decimal], meaning: Meaning, base: str) -> dict[str, str]:
    if meaning.rates == "none":
        return {}
    if isinstance(meaning.rates, dict):
        return {currency: rate for currency, rate in meaning.rates.items() if currency != base}
    if not worth.get(base):
        return {}
    return {
        currency: format((value / worth[base]).quantize(_PLACES).normalize(), "f")
        for currency, value in worth.items()
        if currency != base and value > 0
    }
