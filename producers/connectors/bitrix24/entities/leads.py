"""Leads of the portal: one snapshot for each step of their history, because warming is counted when it happens.

Each says whether the lead is open: an untouched lead that was converted or has failed is nobody's to call.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import iso, latest, moment
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import LeadChanged

LEAD_TYPE = 1
FIELDS = (
    "id", "stageId", "stageSemanticId", "assignedById", "createdTime", "updatedTime", "movedTime", "companyId",
    "contactId",
)  # fmt: skip
Row = Mapping[str, Any]


def snapshots(
    item: Row, history: Sequence[Row], client: str, meaning: Meaning, after: datetime | None
) -> Iterator[EntitySnapshot]:
    """A lead's steps later than `after`, oldest first, then how it is now."""
    number = str(item["id"])
    created = moment(item.get("createdTime"))
    now = latest(moment(item.get("updatedTime")), moment(item.get("movedTime")), created)
    base = {
        "lead_id": number,
        "client_id": client,
        "manager_id": meaning.manager(item.get("assignedById")),
        "created_at": iso(created or now),
    }

    def made(status: str, semantic: str | None, time: datetime) -> EntitySnapshot:
        stage = {"temperature": meaning.temperature(status, semantic), "status": meaning.lead_status(status, semantic)}
        return EntitySnapshot("lead", number, LeadChanged, time, time, base | stage)

    for row in history:
        time = moment(row.get("CREATED_TIME"))
        if time is None or (after is not None and time <= after):
            continue
        status = str(row.get("STATUS_ID") or row.get("STAGE_ID"))
        yield made(status, row.get("STATUS_SEMANTIC_ID") or row.get("STAGE_SEMANTIC_ID"), latest(time, created))
        now = latest(now, time)
    yield made(str(item["stageId"]), item.get("stageSemanticId"), now)
