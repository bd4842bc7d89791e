"""Plans from a smart process that the mapping names, each item one of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from producers.connectors.bitrix24.errors import EntityUnusable
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.processes import Plans, custom
from producers.connectors.bitrix24.meaning.values import latest, moment, money_field, text
from producers.events.reference import PlanSetData

PLAN = "plan"
FIELDS = ("id", "createdTime", "updatedTime", "stageId")
Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONEY = "_amount"
"""How the measures end that are money."""


def fields(part: Plans) -> tuple[str, ...]:
    """What is asked of an item."""
    return tuple(dict.fromkeys((*FIELDS, *part.fields)))


def plan(item: Row, part: Plans, meaning: Meaning, base: str, teams: Mapping[str, str]) -> PlanSetData:
    """What an item plans. Raises EntityUnusable where a field is empty, ValidationError where it is wrong."""
    target = money_field(item.get(part.target))
    if target is None:
        raise EntityUnusable(f"{part.target} is empty")
    measure = _measure(item, part)
    currency = (target[1] or str(item.get(part.currency) or base)) if measure.endswith(_MONEY) else None
    return PlanSetData(
        scope=_scope(item, part, meaning, teams),
        measure=measure,  # type: ignore[arg-type]  # the contract judges it
        period=period(text(item.get(part.period)), part.length),
        target=target[0],
        currency=currency,
    )


def period(said: str, length: str) -> str:
    """The period that a date is in; what is not a date is one by itself. Raises EntityUnusable where there is none."""
    if not said:
        raise EntityUnusable("the period is empty")
    try:
        day = date.fromisoformat(said[:10])
    except ValueError:
        return said
    if length == "year":
        return f"{day.year:04}"
    return f"{day:%Y-%m}" if length == "month" else f"{day.year:04}-Q{(day.month + 2) // 3}"


def chosen(found: Iterable[tuple[Row, PlanSetData]]) -> dict[str, tuple[Row, PlanSetData]]:
    """By key the plan that counts: of several for the same the one that was changed last."""
    ordered = sorted(found, key=lambda one: (changed(one[0]), int(one[0]["id"])))
    return {data.key: (item, data) for item, data in ordered}


def changed(item: Row) -> datetime:
    """When an item was changed last."""
    return latest(moment(item.get("updatedTime")), moment(item.get("createdTime")), _EPOCH)


def _measure(item: Row, part: Plans) -> str:
    field = custom(part.measure)
    if field is None:
        return part.measure
    said = text(item.get(field))
    if not said:
        raise EntityUnusable(f"{field} is empty")
    return part.measures.get(said, said)


def _scope(item: Row, part: Plans, meaning: Meaning, teams: Mapping[str, str]) -> str:
    if part.level == "company":
        return "company"
    field = part.manager if part.level == "manager" else str(part.team)
    said = text(item.get(field))
    if said in ("", "0"):
        raise EntityUnusable(f"{field} is empty")
    return f"manager:{meaning.manager(said)}" if part.level == "manager" else f"team:{meaning.team(said, teams)}"
