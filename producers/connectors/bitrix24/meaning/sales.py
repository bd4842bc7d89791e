"""Where a portal keeps its sales: its deals, and the smart processes of which the mapping says so."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.processes import Sales
from producers.connectors.bitrix24.meaning.values import number

DEAL = "deal"
DEAL_TYPE = 2
_FIELDS = (
    "id", "stageId", "stageSemanticId", "categoryId", "createdTime", "updatedTime", "movedTime", "closedate",
    "companyId", "contactId",
)  # fmt: skip
_OF_DEALS = ("probability", "leadId", "isRecurring")


class Sort(NamedTuple):
    """One kind of sales. `kind`: what they are called in the spool."""

    kind: str
    entity_type: int
    part: Sales

    @property
    def is_process(self) -> bool:
        """Whether it is a smart process."""
        return self.entity_type != DEAL_TYPE

    @property
    def fields(self) -> tuple[str, ...]:
        """What is asked of one."""
        return tuple(dict.fromkeys((*_FIELDS, *(() if self.is_process else _OF_DEALS), *self.part.fields)))

    def name(self, item: int | str) -> str:
        """What one is called outside of the spool: ids of deals and of smart processes are apart."""
        return f"{self.entity_type}.{item}" if self.is_process else str(item)

    def funnel(self, category: int | str) -> str:
        """A funnel as the mapping names it: by its id, in smart processes by what its stages begin with."""
        return f"DT{self.entity_type}_{category}" if self.is_process else str(category)

    def funnel_of(self, row: Mapping[str, Any]) -> str:
        """The funnel that an item is in."""
        return self.funnel(number(row, "categoryId"))


def sorts(meaning: Meaning) -> dict[str, Sort]:
    """By kind all that the portal's sales are."""
    deals = Sort(DEAL, DEAL_TYPE, Sales(cost=meaning.cost_field))
    others = [Sort(f"{DEAL}:{number_}", int(number_), part) for number_, part in meaning.processes.deals.items()]
    return {sort.kind: sort for sort in (deals, *others)}


def place(name: str) -> tuple[str, str]:
    """Kind and number, in the spool, of what `Sort.name` gave a name."""
    entity_type, found, item = name.rpartition(".")
    return (f"{DEAL}:{entity_type}", item) if found else (DEAL, name)
