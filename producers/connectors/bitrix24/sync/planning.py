"""Plans brought up to date: they are few, and each look takes in all, because two items may plan the same."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from producers.connectors.bitrix24.entities import plans
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.portal.rest import RestCall
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot, VersionLedger
from producers.connectors.bitrix24.spool.store import Published
from producers.connectors.bitrix24.sync.gone import Gone
from producers.connectors.bitrix24.sync.surroundings import Row, Surroundings, item_query
from producers.events import PlanSet
from producers.events.reference import PlanSetData

_MARK: Final = f"{plans.PLAN}:"


class Planning:
    """Of one portal. What is published is known by its key, whichever smart process it comes from."""

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

    async def bring(self, ledger: VersionLedger, kind: str) -> None:
        """Publish all plans as they are, and take back those that are none. Raises PortalRefused for `kind`."""
        if kind not in self.kinds:
            return  # The mapping named it once.
        rows = await self._rows(kind.removeprefix(_MARK))
        held = {row.id: row for row in self._parts.store.all(plans.PLAN) if row.state != "deleted"}
        # Of what may not be read now nothing is known; its plans stand.
        unread = {key for key, row in held.items() if _place(row)[0] not in rows}
        counted = plans.chosen(self._planned(ledger, rows))
        for key, (item, data) in counted.items():
            if key not in unread:
                at = plans.changed(item)
                told = data.model_dump(mode="json", exclude_none=True)
                ledger.take(EntitySnapshot(plans.PLAN, key, PlanSet, at, at, told, owner=item["owner"]))
        for number, found in rows.items():
            mine = [row for key, row in held.items() if key not in counted and _place(row)[0] == number]
            await self._withdraw(ledger, number, mine, {str(row["id"]) for row in found})

    async def _rows(self, asked: str) -> dict[str, Sequence[Row]]:
        """The items of each smart process of plans that may be read."""
        found: dict[str, Sequence[Row]] = {}
        for number, part in self._parts.mapping.processes.plans.items():
            try:
                (found[number],) = await self._parts.portal.list_all(
                    [RestCall("crm.item.list", item_query(int(number), plans.fields(part)))]
                )
            except PortalRefused:
                if number == asked:
                    raise
        return found

    def _planned(
        self, ledger: VersionLedger, rows: Mapping[str, Sequence[Row]]
    ) -> list[tuple[Mapping[str, Any], PlanSetData]]:
        teams, planned = self._parts.store.teams(), list[tuple[Mapping[str, Any], PlanSetData]]()
        for number, found in rows.items():
            part = self._parts.mapping.processes.plans[number]
            for row in found:
                with ledger.guard(f"{_MARK}{number}", str(row["id"]), row):
                    data = plans.plan(row, part, self._parts.mapping, self._parts.currency, teams)
                    planned.append((row | {"owner": f"{number}.{row['id']}"}, data))
        return planned

    async def _withdraw(
        self, ledger: VersionLedger, number: str, held: Sequence[Published], there: Container[str]
    ) -> None:
        asked = sorted({item for row in held if (item := _place(row)[1]) not in there})
        gone = set(await self._gone.deleted(f"{_MARK}{number}", int(number), asked)) if asked else set()
        for row in held:
            # What is there says something else now; what is only not shown is still planned.
            if (item := _place(row)[1]) in there or item in gone:
                ledger.withdraw(row, self._parts.moment())


def _place(row: Published) -> tuple[str, str]:
    """The smart process of what is published, and the item in it."""
    number, _, item = row.owner.partition(".")
    return number, item
