"""Plans brought up to date: they are few, and each looks at all, because two items may plan the same."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from producers.connectors.bitrix24 import plans
from producers.connectors.bitrix24.gone import Gone
from producers.connectors.bitrix24.ledger import Ledger, Snapshot
from producers.connectors.bitrix24.rest import Call
from producers.connectors.bitrix24.surroundings import Row, Surroundings, item_query
from producers.events import PlanSet
from producers.events.reference import PlanSetData

_MARK: Final = f"{plans.PLAN}:"


class Planning:
    """Of one portal."""

    def __init__(self, parts: Surroundings) -> None:
        self._parts = parts
        self._gone = Gone(parts)

    @staticmethod
    def is_plan(kind: str) -> bool:
        """Whether it is a smart process of plans."""
        return kind.startswith(_MARK)

    @property
    def kinds(self) -> list[str]:
        """Of each smart process of plans what it is called in the spool."""
        return [f"{_MARK}{number}" for number in self._parts.mapping.processes.plans]

    async def bring(self, ledger: Ledger, kind: str) -> None:
        """Publish the plans of a smart process as they are, and take back those that are none any more."""
        number = kind.removeprefix(_MARK)
        part = self._parts.mapping.processes.plans.get(number)
        if part is None:
            return  # The mapping named it once.
        (rows,) = await self._parts.portal.list_all(
            [Call("crm.item.list", item_query(int(number), plans.fields(part)))]
        )
        read: list[tuple[Mapping[str, Any], PlanSetData]] = []
        teams = self._parts.store.teams()
        for row in rows:
            with ledger.guard(kind, str(row["id"]), row):
                read.append((row, plans.plan(row, part, self._parts.mapping, self._parts.currency, teams)))
        counted = plans.chosen(read)
        for key, (item, data) in counted.items():
            at = plans.changed(item)
            told = data.model_dump(mode="json", exclude_none=True)
            ledger.take(Snapshot(kind, key, PlanSet, at, at, told, owner=str(item["id"])))
        await self._withdraw(ledger, kind, int(number), counted.keys(), rows)

    async def _withdraw(
        self, ledger: Ledger, kind: str, entity_type: int, counted: Container[str], rows: Sequence[Row]
    ) -> None:
        held = [row for row in self._parts.store.all(kind) if row.state != "deleted" and row.id not in counted]
        there = {str(row["id"]) for row in rows}
        asked = sorted({row.owner for row in held} - there)
        gone = set(await self._gone.deleted(kind, entity_type, asked)) if asked else set()
        for row in held:
            # What is there says something else now; what is only not shown is still planned.
            if row.owner in there | gone:
                ledger.withdraw(row, self._parts.moment())
