"""What lists leave out: deleted, or only not to be read any more; nothing is taken back on suspicion."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from producers.connectors.bitrix24.entities import invoices
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.portal.rest import RestCall
from producers.connectors.bitrix24.spool.ledger import VersionLedger
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings

log = structlog.get_logger(__name__)
_SUSPICIOUS: Final = 20
"""So many may be gone at once, or half of those asked for, before lost rights are suspected."""
HIDDEN: Final = "hidden:"
"""Cursor, of a kind, of when rights were first missed, and for what."""
_BEFORE: Final = timedelta(days=1)
"""Rights may have been lost for so long before that is noticed."""
_NO_MORE: Final = "NOT_FOUND"
"""What `crm.item.get` says of an item that does not exist; of one that may not be read it says ACCESS_DENIED."""


class Gone:
    """Of one portal."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._portal, self._store = parts.portal, parts.store

    async def withdraw(
        self,
        ledger: VersionLedger,
        kind: str,
        entity_type: int,
        ids: Collection[str],
        found: Sequence[Row],
        *,
        careful: bool,
    ) -> None:
        """Take back those of `ids` that were published, are not found, and of which the portal says that they are gone.

        careful: unless they are so many that lost rights are likelier.
        """
        missing = set(ids) - {str(item["id"]) for item in found}
        gone = [row for row in self._store.published(kind, missing).values() if row.state != "deleted"]
        if careful and len(gone) > _SUSPICIOUS and len(gone) * 2 > len(ids):
            # Somebody who took the webhook's rights away has not deleted the deals.
            self._parts.metrics.hidden.labels(kind).set(len(gone))
            self._remember(kind, gone[0].id)
            log.error("too many are gone to believe it; check the webhook's rights", kind=kind, gone=len(gone))
            return
        deleted = set(await self.deleted(kind, entity_type, [row.id for row in gone]))
        for row in gone:
            if row.id not in deleted:
                continue
            ledger.withdraw(row, self._parts.moment())
            # What only the invoice's stage said goes with it; money that was booked stays.
            paid = ledger.row("payment", invoices.by_stage(row.id)) if kind == "invoice" else None
            if paid is not None:
                ledger.withdraw(paid, self._parts.moment())

    async def back(self, kind: str, entity_type: int) -> datetime | None:
        """Since when to read changes again: from before rights were missed, once they are there; None else.

        What was new meanwhile, nobody knows of: lists left it out, too.
        """
        noticed, _, number = (self._store.cursor(f"{HIDDEN}{kind}") or "").partition(" ")
        if not noticed:
            return None
        (said,) = await self._portal.outcomes([RestCall("crm.item.get", {"entityTypeId": entity_type, "id": number})])
        if isinstance(said, PortalRefused) and said.code != _NO_MORE:
            return None
        return datetime.fromisoformat(noticed) - _BEFORE

    def _remember(self, kind: str, number: str) -> None:
        """Note when something was first seen to be hidden, and what."""
        if not self._store.cursor(f"{HIDDEN}{kind}"):
            self._store.save((), {f"{HIDDEN}{kind}": f"{self._portal.now.isoformat()} {number}"})

    async def deleted(self, kind: str, entity_type: int, ids: Sequence[str]) -> list[str]:
        """Those of which the portal itself says that they are no more: lists leave out what may not be read, too."""
        asked = [RestCall("crm.item.get", {"entityTypeId": entity_type, "id": number}) for number in ids]
        said = await self._portal.outcomes(asked)
        refused = {
            number: outcome.code
            for number, outcome in zip(ids, said, strict=True)
            if isinstance(outcome, PortalRefused)
        }
        hidden = len(shut := [number for number, code in refused.items() if code != _NO_MORE])
        if hidden:
            self._remember(kind, shut[0])
            log.error("may not be read any more, and are not taken for deleted; check rights", kind=kind, count=hidden)
        self._parts.metrics.hidden.labels(kind).set(hidden)
        return [number for number, code in refused.items() if code == _NO_MORE]
