"""A portal's life with smart processes beside its deals: projects that are sales, costs and plans."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from tests.support.bitrix24_life import WEIGHTS, Life
from tests.support.bitrix24_names import _status
from tests.support.bitrix24_portal import StandIn
from tests.support.bitrix24_tables import SEMANTICS, Row

PROJECTS, COSTS, PLANS = 1038, 1042, 1044
STAGES = [f"DT{PROJECTS}_4:{code}" for code in ("NEW", "CLIENT", "SUCCESS", "FAIL")]
COST_STAGES = [f"DT{COSTS}_6:{code}" for code in ("NEW", "SUCCESS", "FAIL")]
SPENT, FOR, MEASURE, WHOSE = "UF_CRM_5_SPENT", "UF_CRM_7_FOR", "UF_CRM_9_MEASURE", "UF_CRM_9_TEAM"
MAPPING = f"""
processes:
  deals: {{{PROJECTS}: {{cost: {SPENT}}}}}
  costs: {{{COSTS}: {{category: {FOR}, categories: {{45: advertising}}, manager: assignedById}}}}
  plans: {{{PLANS}: {{measure: {MEASURE}, measures: {{7: won_amount, 8: calls}}}}}}
"""
for stage in (*STAGES, *COST_STAGES):
    if stage.endswith(("SUCCESS", "FAIL")):
        SEMANTICS[stage] = "S" if stage.endswith("SUCCESS") else "F"


@dataclass
class ProjectLife(Life):
    """What else people do in it."""

    weights: ClassVar[dict[str, int]] = WEIGHTS | {
        "new_project": 5, "edit_project": 6, "move_project": 9, "delete_project": 1, "pay_project": 2,
        "new_cost": 5, "edit_cost": 5, "delete_cost": 1, "new_plan": 3, "edit_plan": 4, "delete_plan": 1,
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        self.types = {PROJECTS: "Projects", COSTS: "Costs", PLANS: "Plans"}
        for number in self.types:
            self.tables[f"item{number}"], self.history[number] = {}, []
            self.ids[f"item{number}"] = 0
        usual = ["id", "stageId", "opportunity", "currencyId", "assignedById", "begindate"]
        self.fields |= {PROJECTS: [*usual, SPENT], COSTS: [*usual, FOR], PLANS: [*usual, MEASURE]}

    def _item(self, number: int, **fields: object) -> Row:
        row = self._add(f"item{number}", {})
        row |= {
            "opportunity": self._amount(), "currencyId": self.rng.choice(["RUB", "USD"]), "companyId": 0,
            "contactId": 0, "assignedById": self._user(), "begindate": self._day(), "categoryId": 0, **self._times(),
            **fields,
        }  # fmt: skip
        row["stageSemanticId"] = SEMANTICS.get(str(row.get("stageId")), "P")
        self._item_hook("ADD", number, row)
        return row

    def _item_hook(self, what: str, number: int, row: Row) -> None:
        fields = {"data[FIELDS][ID]": str(row["id"]), "data[FIELDS][ENTITY_TYPE_ID]": str(number)}
        self._raise(f"ONCRMDYNAMICITEM{what}", fields)

    def _edit(self, number: int, **fields: object) -> bool | None:
        if not (row := self._one(f"item{number}")):
            return False
        name = self.rng.choice(list(fields))
        row |= {name: fields[name], "updatedTime": self.text()}
        row["stageSemanticId"] = SEMANTICS.get(str(row.get("stageId")), "P")
        self._item_hook("UPDATE", number, row)
        return None

    def _delete(self, number: int) -> bool | None:
        if not (row := self._one(f"item{number}", lambda row: not self._orders(number, row["id"]))):
            return False
        del self.tables[f"item{number}"][row["id"]]
        self._history_of(number, row["id"])
        self._item_hook("DELETE", number, row)
        return None

    def _day(self) -> str:
        """A date as the portal writes it: midnight of its own clock."""
        day = self.now + timedelta(days=self.rng.randint(-40, 40))
        return day.strftime("%Y-%m-%dT00:00:00+03:00")

    def new_project(self) -> None:
        owner = self.rng.choice([{"companyId": self.rng.randint(1, 12)}, {"contactId": self.rng.randint(1, 30)}, {}])
        spent = {SPENT: self.rng.choice([None, 300, "120.5|RUB"])}
        row = self._item(PROJECTS, stageId=STAGES[0], **owner | spent | {"categoryId": 4, "closedate": None})
        self._step(PROJECTS, row, 1)

    def edit_project(self) -> bool | None:
        return self._edit(
            PROJECTS, opportunity=self._amount(), assignedById=self._user(), companyId=self.rng.randint(0, 12)
        )

    def move_project(self) -> bool | None:
        if not (row := self._one(f"item{PROJECTS}")):
            return False
        stage = self.rng.choice(STAGES)
        row |= {"stageId": stage, "stageSemanticId": SEMANTICS.get(stage, "P")}
        row |= {"updatedTime": self.text(), "movedTime": self.text()}
        self._step(PROJECTS, row, 3 if stage in SEMANTICS else 2)
        self._item_hook("UPDATE", PROJECTS, row)
        return None

    def delete_project(self) -> bool | None:
        return self._delete(PROJECTS)

    def pay_project(self) -> bool | None:
        if not (owner := self._one(f"item{PROJECTS}")):
            return False
        order = self._add("order", {"ownerTypeId": PROJECTS, "ownerId": owner["id"]})
        payment = self._add("payment", {"orderId": order["id"], "paid": "Y", "datePaid": self.text()})
        payment |= {"sum": self._amount(), "currency": owner["currencyId"]}
        self._hook("ONPAYMENTENTITYSAVED", payment["id"])
        return None

    def new_cost(self) -> None:
        self._item(COSTS, stageId=self.rng.choice(COST_STAGES), **{FOR: self.rng.choice([None, 45, "fair"])})

    def edit_cost(self) -> bool | None:
        stage = self.rng.choice(COST_STAGES)
        return self._edit(COSTS, opportunity=self._amount(), begindate=self._day(), stageId=stage, assignedById=0)

    def delete_cost(self) -> bool | None:
        return self._delete(COSTS)

    def new_plan(self) -> None:
        self._item(PLANS, **{MEASURE: self.rng.choice([7, 8])})

    def edit_plan(self) -> bool | None:
        return self._edit(
            PLANS, opportunity=self._amount(), begindate=self._day(), **{MEASURE: self.rng.choice([7, 8])}
        )

    def delete_plan(self) -> bool | None:
        return self._delete(PLANS)


def plans(life: Life) -> dict[str, tuple[str, str | None]]:
    """What is planned, by key: of several the one changed last counts, and of those the greater id."""
    found = {}
    for row in sorted(life.tables[f"item{PLANS}"].values(), key=lambda row: (_at(row["updatedTime"]), row["id"])):
        measure = {7: "won_amount", 8: "calls"}[row[MEASURE]]
        key = f"plan:manager:{row['assignedById']}:{measure}:{row['begindate'][:7]}"
        found[key] = (f"{row['opportunity']:.2f}", row["currencyId"] if measure == "won_amount" else None)
    return found


def portal_of(life: Life, **more: float) -> StandIn:
    """A portal that names the stages of these processes."""
    portal = StandIn(life, **more)
    for entity, stages in ((f"DYNAMIC_{PROJECTS}_STAGE_4", STAGES), (f"DYNAMIC_{COSTS}_STAGE_6", COST_STAGES)):
        portal.names.entities[entity] = [_status(entity, stage) for stage in stages]
    category = portal.names.categories[0] | {"id": 4, "name": "Projects", "entityTypeId": PROJECTS}
    portal.names.categories.append(category)
    return portal


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
