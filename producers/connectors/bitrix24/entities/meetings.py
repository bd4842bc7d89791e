"""Meetings: completed activities of the kinds that the mapping names."""

from collections.abc import Mapping
from typing import Any

from producers.connectors.bitrix24.entities.parties import Parties, Party
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import latest, moment
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import MeetingHeld

FIELDS = (
    "ID", "OWNER_ID", "OWNER_TYPE_ID", "TYPE_ID", "PROVIDER_ID", "PROVIDER_TYPE_ID", "ASSOCIATED_ENTITY_ID",
    "RESPONSIBLE_ID", "COMPLETED", "START_TIME", "END_TIME", "DEADLINE", "LAST_UPDATED",
    "CREATED",
)  # fmt: skip
"""What is asked of an activity: nothing that names a client."""
_OWNERS = {"1": "lead", "2": "deal", "3": "contact", "4": "company"}


def party(row: Mapping[str, Any]) -> list[Party]:
    """The lead, contact or company that an activity is bound to, if it is one."""
    kind = _OWNERS.get(str(row.get("OWNER_TYPE_ID")))
    return [(kind, str(row["OWNER_ID"]))] if kind not in (None, "deal") and row.get("OWNER_ID") else []


def snapshot(row: Mapping[str, Any], client: str | None, meaning: Meaning, parties: Parties) -> EntitySnapshot | None:
    """A meeting that was held, or None. `client` is whom it was counted under before.

    Whom it is about is what it is bound to, not that one's client: a deal may change its client, a meeting may not.
    """
    changed = latest(moment(row.get("LAST_UPDATED")), moment(row.get("CREATED")))
    if row.get("COMPLETED") != "Y" or not meaning.is_meeting(dict(row)):
        return None
    # Universal activities (CRM_TODO) may have a deadline alone.
    held = min(moment(row.get("START_TIME")) or moment(row.get("DEADLINE")) or changed, changed)
    kind = _OWNERS.get(str(row.get("OWNER_TYPE_ID")), "activity")
    owner = row["ID"] if kind == "activity" else row["OWNER_ID"]
    data = {
        "meeting_id": str(row["ID"]),
        "client_id": client or parties.client(kind, str(owner)),
        "manager_id": meaning.manager(row.get("RESPONSIBLE_ID")),
    }
    return EntitySnapshot("meeting", str(row["ID"]), MeetingHeld, changed, held, data)
