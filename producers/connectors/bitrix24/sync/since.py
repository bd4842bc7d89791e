"""What `backfill --since` reads: all that counts in a number from that day on, also of what began before it.

An open deal counts now, one that was won makes the next one a repeat; an invoice is owed until it is paid; a miss is
returned and a lead touched within weeks.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from producers.connectors.bitrix24.entities.chats import PROVIDER
from producers.connectors.bitrix24.meaning.after_sales import is_after_sale
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.sales import Sort
from producers.connectors.bitrix24.meaning.values import moment

BEFORE: Final = timedelta(days=31)
"""For so long at most what happened to a client says what comes of a lead or of a miss."""
_ITEM: Final = ("createdTime", "updatedTime", "movedTime")
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
Row = Mapping[str, Any]
Counts = Callable[[Row, datetime], bool]
Condition = dict[str, Any]


def everything(_: Row, __: datetime) -> bool:
    """Whatever there is."""
    return True


def lead(row: Row, since: datetime) -> bool:
    """What began, or changed, not long before."""
    return _changed(row, *_ITEM) >= since - BEFORE


def deal(row: Row, since: datetime, meaning: Meaning, sort: Sort) -> bool:
    """All but what was lost before."""
    is_lost = meaning.deal_status(str(row.get("stageId")), row.get("stageSemanticId")) == "lost"
    return not is_lost or is_after_sale(row, meaning, sort) or _changed(row, *_ITEM) >= since


def invoice(row: Row, since: datetime, meaning: Meaning) -> bool:
    """What may still be owed, and what changed since."""
    status = meaning.invoice_status(str(row.get("stageId")), row.get("stageSemanticId"))
    is_paid = meaning.paid_by_stage and row.get("stageSemanticId") == "S"
    return (status == "issued" and not is_paid) or _changed(row, *_ITEM) >= since


def activity(row: Row, since: datetime) -> bool:
    """What changed not long before, and chats that are open."""
    is_open_chat = row.get("PROVIDER_ID") == PROVIDER and row.get("COMPLETED") != "Y"
    return is_open_chat or _changed(row, "LAST_UPDATED", "CREATED") >= since - BEFORE


def first_activities(since: datetime) -> list[Condition]:
    """Conditions of which the first activity that counts fulfils one."""
    return [{">=LAST_UPDATED": (since - BEFORE).isoformat()}, {"PROVIDER_ID": PROVIDER, "COMPLETED": "N"}]


def _changed(row: Row, *names: str) -> datetime:
    """When it changed last. What has no time is read all the same: whoever reads it says what is wrong with it."""
    return max((time for name in names if (time := moment(row.get(name)))), default=_NEVER)
