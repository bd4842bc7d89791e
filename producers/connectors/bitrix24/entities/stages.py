"""What stages mean: invoices and smart processes say which stage they are in, and not whether it ends them.

Their stages are read from `crm.status.list` when one is met, again at the next look at reference data, and kept: that
they may not be read any more does not change what they mean.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.portal.rest import PAGE, Portal, items
from producers.connectors.bitrix24.spool.store import Spool

log = structlog.get_logger(__name__)
INVOICE_TYPE: Final = 31
_STAGE: Final = re.compile(r"DT(\d+)_(\d+):(.+)", re.ASCII)
_WORDS: Final = {"success": "S", "failure": "F"}
_USUAL: Final = {"P": "S", "D": "F", "SUCCESS": "S", "FAIL": "F"}
"""What the portal's own stages are called: of invoices paid and unpaid, of smart processes success and failure."""
_KEPT: Final = "stages"
"""Cursor of what each stage was said to mean."""
Row = dict[str, Any]


def entity(entity_type: str | int, category: str | int) -> str:
    """What `crm.status.list` calls the stages of a funnel."""
    if str(entity_type) == str(INVOICE_TYPE):
        return f"SMART_INVOICE_STAGE_{category}"
    return f"DYNAMIC_{entity_type}_STAGE_{category}"


async def listed(portal: Portal, entity_: str) -> list[Row]:
    """The stages of a funnel in their order. Raises PortalRefused."""
    query = {"order": {"SORT": "ASC"}, "filter": {"ENTITY_ID": entity_}}
    found: dict[str, Row] = {}
    start = 0
    while True:
        page = items(await portal.call("crm.status.list", query | {"start": start}))
        before = len(found)
        found |= {str(row["STATUS_ID"]): row for row in page if row.get("STATUS_ID")}
        start += len(page)
        # A portal that gives all of them at once gives them again.
        if len(page) < PAGE or len(found) == before:
            return list(found.values())


class Stages:
    """Of one portal."""

    def __init__(self, portal: Portal, store: Spool) -> None:
        self._portal = portal
        self._store = store
        self._known: dict[str, str] = json.loads(store.cursor(_KEPT) or "{}")
        self._read: set[str] = set()

    def forget(self) -> None:
        """Read them again when one is met."""
        self._read.clear()

    async def told(self, rows: Sequence[Row]) -> list[Row]:
        """The same items, each with `stageSemanticId`: P, S or F."""
        silent = [row for row in rows if not row.get("stageSemanticId")]
        wanted = {(found[1], found[2]) for row in silent if (found := _STAGE.fullmatch(str(row.get("stageId"))))}
        for entity_ in sorted({entity(*place) for place in wanted} - self._read):
            await self._learn(entity_)
        return [row if row.get("stageSemanticId") else row | {"stageSemanticId": self._of(row)} for row in rows]

    async def _learn(self, entity_: str) -> None:
        try:
            found = await listed(self._portal, entity_)
        except PortalRefused as refused:
            log.warning(
                "stages are taken for what they were, or for what they are usually called",
                stages=entity_,
                why=str(refused),
            )
            found = []
        self._read.add(entity_)
        before = dict(self._known)
        self._known |= {str(row["STATUS_ID"]): _semantic(row) for row in found}
        if self._known != before:
            self._store.save((), {_KEPT: json.dumps(self._known)})

    def _of(self, row: Row) -> str:
        stage = str(row.get("stageId"))
        if stage in self._known:
            return self._known[stage]
        found = _STAGE.fullmatch(stage)
        return _USUAL.get(found[3], "P") if found else "P"


def _semantic(row: Row) -> str:
    extra = row.get("EXTRA")
    word = str(extra.get("SEMANTICS")) if isinstance(extra, Mapping) else ""
    return _WORDS.get(word) or str(row.get("SEMANTICS") or "P")
