"""A year of a portal's life, ready at once: deals in seven funnels, leads, invoices, payments, calls, with oddities."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from tests.support.bitrix24_life import WEIGHTS, Life
from tests.support.bitrix24_names import _category, _status
from tests.support.bitrix24_portal import StandIn
from tests.support.bitrix24_tables import DEAL_STAGES, SEMANTICS, START, Row

FUNNELS = range(7)
_CODES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")
for number in FUNNELS:
    DEAL_STAGES.setdefault(number, [f"C{number}:{code}" for code in _CODES])
    SEMANTICS |= {f"C{number}:WON": "S", f"C{number}:LOSE": "F"} if number else {}
COSTS = {
    "crm.item.list": 0.245, "crm.stagehistory.list": 0.2, "crm.item.payment.list": 0.158, "sale.payment.list": 0.091,
    "crm.orderentity.list": 0.039, "crm.activity.list": 0.006, "imopenlines.session.history.get": 0.143,
    "voximplant.statistic.get": 0.1, "crm.item.get": 0.05, "crm.status.list": 0.01, "crm.category.list": 0.01,
    "user.get": 0.01, "department.get": 0.01, "crm.currency.list": 0.01,
}  # fmt: skip
"""Seconds of a call: `processing` of the documentation's examples, of histories what a portal was seen to take."""


@dataclass
class Year(Life):
    """It began a year ago. How much of each is made by `fill`."""

    weights: ClassVar[dict[str, int]] = {name: weight for name, weight in WEIGHTS.items() if name != "delete_lead"}
    people: int = 5000
    by_owner: dict[tuple[int, int], list[Row]] = field(default_factory=lambda: defaultdict(list))
    orders_of: dict[tuple[int, int], list[Row]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def fill(self, *, deals: int, calls: int = 0, leads: int = 0) -> None:
        """Let the year happen, without anybody who listens."""
        year = timedelta(days=365)
        for place in range(deals):
            self.now = START - year + year * place / deals
            self._begun(place)
        for place in range(leads):
            self.now = START - year + year * place / leads
            self.new_lead()
            lead = self.tables["lead"][self.ids["lead"]]
            while lead["stageSemanticId"] == "P" and self.rng.random() < 0.7:
                self.now += timedelta(hours=self.rng.randint(1, 30))
                self._move(1, "lead", lead, self.rng.choice(["IN_PROCESS", "PROCESSED", "CONVERTED", "JUNK"]))
        for place in range(calls):
            self.now = START - year + (year - timedelta(hours=1)) * place / calls
            self._called()
        self.now = START
        self.hooks.clear()

    def _begun(self, place: int) -> None:
        funnel = self.rng.choice(FUNNELS)
        self.new_deal()
        deal = self.tables["deal"][self.ids["deal"]]
        deal |= {
            "categoryId": funnel, "stageId": DEAL_STAGES[funnel][0], "companyId": 0,
            "contactId": self.rng.randint(1, self.people),
        }  # fmt: skip
        self.by_owner[2, deal["id"]][0] |= {"STAGE_ID": deal["stageId"], "CATEGORY_ID": funnel}
        if place % 500 == 7:
            deal["isRecurring"] = "Y"
        if place % 900 == 11:
            deal["opportunity"] = -5.0
        for _ in range(self.rng.randint(0, 4)):
            self.now = min(START - timedelta(minutes=30), self.now + timedelta(hours=self.rng.randint(1, 300)))
            self._move(2, "deal", deal, self.rng.choice(DEAL_STAGES[funnel]))
        if deal["stageSemanticId"] == "S" and self.rng.random() < 0.2 and "isRecurring" not in deal:
            order = self._add("order", {"ownerTypeId": 2, "ownerId": deal["id"]})
            paid = {"paid": "Y", "datePaid": self.text(), "sum": self._amount(), "currency": deal["currencyId"]}
            self._add("payment", {"orderId": order["id"], **paid})

    def _called(self) -> None:
        self.ids["call"] += 1
        number = self.ids["call"]
        answered = self.rng.random() < 0.7
        digits = f"{self.rng.randint(0, 6 * self.people):07d}"
        name = f"year-{number if number % 1000 else number - 1}"
        self.tables["call"][number] = {
            "ID": str(number), "CALL_ID": name, "CALL_TYPE": self.rng.choice(["1", "2", "2"]),
            "PHONE_NUMBER": self.rng.choice(["+7900", "8900", "7900"]) + digits, "PORTAL_USER_ID": str(self._user()),
            "CALL_DURATION": str(self.rng.randint(5, 300) if answered else 0), "CALL_START_DATE": self.text(),
            "CALL_FAILED_CODE": "200" if answered else self.rng.choice(["304", "603-S", "486"]),
            "CALL_VOTE": str(self.rng.randint(1, 5)) if answered and number % 40 == 0 else None, "ended": self.now,
        }  # fmt: skip

    def move_funnel(self) -> bool | None:
        """Silent, as in a smaller portal, to any of the seven."""
        if not (deal := self._one("deal")):
            return False
        place = DEAL_STAGES[deal["categoryId"]].index(deal["stageId"])
        deal["categoryId"] = self.rng.choice(FUNNELS)
        deal |= {"stageId": DEAL_STAGES[deal["categoryId"]][place], "movedTime": self.text()}
        self._step(2, deal, 5)
        return None

    def vote_call(self) -> bool | None:
        """Of a call of today: nobody votes a year later."""
        rows = [row for row in list(self.tables["call"].values())[-40:] if self.now - row["ended"] < timedelta(hours=8)]
        rows = [row for row in rows if row["CALL_FAILED_CODE"] == "200" and row["CALL_VOTE"] is None]
        if not rows:
            return False
        self.rng.choice(rows)["CALL_VOTE"] = str(self.rng.randint(1, 5))
        return None

    # What a portal has an index for

    def steps(self, entity_type: int, number: int) -> list[Row]:
        """The stage history of something."""
        return self.by_owner[entity_type, number]

    def payments(self, entity_type: int, number: int) -> list[Row]:
        """What was paid, or is to be, for something."""
        there = self.tables["payment"]
        found = [row for order in self._orders(entity_type, number) for row in self.paid[order["id"]]]
        return [row for row in found if row["id"] in there]

    def _orders(self, entity_type: int, number: int) -> list[Row]:
        return self.orders_of[entity_type, number]

    def _add(self, table: str, row: Row) -> Row:
        if table == "order":
            self.orders_of[row["ownerTypeId"], row["ownerId"]].append(row)
        if table == "payment":
            self.paid[row["orderId"]].append(row)
        return super()._add(table, row)

    def _step(self, entity_type: int, row: Row, kind: int) -> None:
        super()._step(entity_type, row, kind)
        self.by_owner[entity_type, row["id"]].append(self.history[entity_type][-1])

    def _history_of(self, entity_type: int, number: int) -> list[Row]:
        self.by_owner.pop((entity_type, number), None)
        return super()._history_of(entity_type, number)

    def _one(self, table, wanted=lambda _: True):  # type: ignore[no-untyped-def]
        """Anything, old or new."""
        ids = list(self.tables[table])
        for _ in range(50 if ids else 0):
            row = self.tables[table][self.rng.choice(ids)]
            if wanted(row) and row.get("isRecurring") != "Y" and row.get("opportunity", 1) >= 0:
                return row
        return None


class Bucket:
    """The connector's own limit, by the clock of the portal's life: who waits lets it go by."""

    def __init__(self, life: Life, rate: float, burst: float) -> None:
        self._life, self._rate, self._burst = life, rate, burst
        self._level, self._since = 0.0, life.now

    def has_capacity(self, amount: float = 1) -> bool:
        """Whether so many may be asked now."""
        self._leak()
        return self._level + amount <= self._burst

    async def __aenter__(self) -> None:
        while not self.has_capacity():
            self._life.now += timedelta(seconds=0.01 + (self._level + 1 - self._burst) / self._rate)
        self._level += 1

    async def __aexit__(self, *_: object) -> None:
        pass

    def _leak(self) -> None:
        passed = (self._life.now - self._since).total_seconds()
        self._level, self._since = max(0.0, self._level - passed * self._rate), self._life.now


def portal_of(life: Year) -> StandIn:
    """A portal with limits by the clock of its life, and seven funnels that have names."""
    portal = StandIn(life, virtual=True)
    portal.costs = dict(COSTS)
    portal.names.categories = [_category(number, f"Funnel {number}") for number in FUNNELS]
    for number in FUNNELS:
        entity = f"DEAL_STAGE_{number}" if number else "DEAL_STAGE"
        portal.names.entities[entity] = [_status(entity, stage) for stage in DEAL_STAGES[number]]
    return portal
