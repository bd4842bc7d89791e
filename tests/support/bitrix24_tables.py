"""The tables of a stand-in Bitrix24 portal, and how a step of work leaves its traces in them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

ZONE = timezone(timedelta(hours=3))
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DEAL_STAGES = {
    0: ["NEW", "PREPARATION", "EXECUTING", "WON", "LOSE"],
    2: ["C2:NEW", "C2:PREPARATION", "C2:EXECUTING", "C2:WON", "C2:LOSE"],
}
LEAD_STAGES = ["NEW", "IN_PROCESS", "PROCESSED", "CONVERTED", "JUNK"]
INVOICE_STAGES = ["DT31_1:N", "DT31_1:S", "DT31_1:P", "DT31_1:D"]
SEMANTICS = {
    "WON": "S", "LOSE": "F", "C2:WON": "S", "C2:LOSE": "F", "CONVERTED": "S", "JUNK": "F", "DT31_1:P": "S",
    "DT31_1:D": "F",
}  # fmt: skip
COST = "UF_CRM_COST"
Row = dict[str, Any]


@dataclass
class Hook:
    """What the portal would send: the event, its data, and when it left the queue."""

    event: str
    data: dict[str, str]
    ts: int


@dataclass
class Tables:
    """All that a portal holds, and the small steps that every action consists of."""

    seed: int = 1
    now: datetime = START
    tables: dict[str, dict[int, Row]] = field(default_factory=dict)
    history: dict[int, list[Row]] = field(default_factory=lambda: {1: [], 2: [], 31: []})
    hooks: list[Hook] = field(default_factory=list)
    due: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    fields: dict[int, list[str]] = field(default_factory=lambda: {2: [COST]})
    """Custom fields that there are, by entityTypeId."""
    types: dict[int, str] = field(default_factory=dict)
    """Smart processes: entityTypeId and title."""
    gone: dict[int, tuple[Row, list[Row]]] = field(default_factory=dict)
    """Leads that were deleted, each with its steps."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        names = ("deal", "lead", "invoice", "payment", "order", "activity", "session", "call", "rating", "contact",
                 "company")  # fmt: skip
        self.tables = {name: {} for name in names}
        self.ids = dict.fromkeys((*names, "history", "message"), 0)
        self.users = [
            {"ID": str(n), "NAME": f"Name{n}", "LAST_NAME": f"Family{n}", "ACTIVE": True, "UF_DEPARTMENT": [n % 3 + 1]}
            for n in range(1, 8)
        ]
        self.departments = [{"ID": str(n), "NAME": f"Department {n}"} for n in range(1, 4)]
        self.currencies = [
            {"CURRENCY": "RUB", "AMOUNT": "1.0000", "AMOUNT_CNT": "1", "BASE": "Y"},
            {"CURRENCY": "USD", "AMOUNT": "92.5000", "AMOUNT_CNT": "1", "BASE": "N"},
        ]

    def text(self, time: datetime | None = None) -> str:
        """A time as the portal writes it: to the second, in its own zone."""
        return (time or self.now).astimezone(ZONE).replace(microsecond=0).isoformat()

    def _write(self, session: Row, sender: str, words: str) -> None:
        self.ids["message"] += 1
        number = str(self.ids["message"])
        session["message"][number] = {"id": number, "senderid": sender, "date": self.text(), "text": words}

    def _close(self, activity: Row) -> None:
        activity |= {"COMPLETED": "Y", "END_TIME": self.text(), "LAST_UPDATED": self.text()}

    def _rate(self, session: Row, user: int) -> None:
        row = self._add("rating", {"sessionId": session["id"], "operatorId": user, "dateVote": self.text()})
        row["vote"] = self.rng.choice(["like", "dislike"])

    def _activity(self, fields: Row, user: int) -> Row:
        self.ids["activity"] += 1
        number = self.ids["activity"]
        row = {
            "ID": str(number), "COMPLETED": "N", "SUBJECT": "Call Anna Client", "RESPONSIBLE_ID": str(user),
            "START_TIME": self.text(),
            "END_TIME": self.text(), "CREATED": self.text(), "LAST_UPDATED": self.text(), "OWNER_TYPE_ID": "1",
            "OWNER_ID": "1", **fields,
        }  # fmt: skip
        self.tables["activity"][number] = row
        return row

    def _move(self, entity_type: int, kind: str, row: Row, stage: str) -> None:
        row |= {"stageId": stage, "stageSemanticId": SEMANTICS.get(stage, "P")}
        row |= {"updatedTime": self.text(), "movedTime": self.text()}
        self._step(entity_type, row, 3 if stage in SEMANTICS else 2)
        self._hook(f"ONCRM{kind.upper()}UPDATE", row["id"])

    def _step(self, entity_type: int, row: Row, kind: int) -> None:
        self.ids["history"] += 1
        names = ("STATUS_ID", "STATUS_SEMANTIC_ID") if entity_type == 1 else ("STAGE_ID", "STAGE_SEMANTIC_ID")
        self.history[entity_type].append(
            {
                "ID": self.ids["history"],
                "TYPE_ID": kind,
                "OWNER_ID": row["id"],
                "CREATED_TIME": self.text(),
                **({} if entity_type == 1 else {"CATEGORY_ID": row.get("categoryId", 0)}),
                names[0]: row["stageId"],
                names[1]: row["stageSemanticId"],
            }
        )

    def _history_of(self, entity_type: int, number: int) -> list[Row]:
        """The steps of something that is deleted; the portal has them no more."""
        found = [row for row in self.history[entity_type] if row["OWNER_ID"] == number]
        self.history[entity_type] = [row for row in self.history[entity_type] if row["OWNER_ID"] != number]
        return found

    def _add(self, table: str, row: Row) -> Row:
        self.ids[table] += 1
        row["id"] = self.ids[table]
        self.tables[table][row["id"]] = row
        return row

    def party(
        self, kind: str, number: int, phones: Sequence[str] = (), emails: Sequence[str] = (), **fields: str
    ) -> Row:
        """A contact or a company, with its numbers as somebody typed them, and its hook."""
        found = self.tables[kind].get(number, {"DATE_CREATE": self.text()})
        self.tables[kind][number] = row = found | {
            "ID": str(number), "NAME": "Anna Client", "DATE_MODIFY": self.text(), "LEAD_ID": None,
            "PHONE": [{"ID": "1", "VALUE_TYPE": "WORK", "VALUE": one, "TYPE_ID": "PHONE"} for one in phones],
            "EMAIL": [{"ID": "2", "VALUE_TYPE": "WORK", "VALUE": one, "TYPE_ID": "EMAIL"} for one in emails],
            **({"COMPANY_ID": None} if kind == "contact" else {}), **fields,
        }  # fmt: skip
        self._hook(f"ONCRM{kind.upper()}{'UPDATE' if 'ID' in found else 'ADD'}", number)
        return row

    def _one(self, table: str, wanted: Callable[[Row], bool] = lambda _: True) -> Row | None:
        rows = [row for row in self.tables[table].values() if wanted(row)]
        return self.rng.choice(rows[-40:]) if rows else None

    def _orders(self, entity_type: int, number: int) -> list[Row]:
        orders = self.tables["order"].values()
        return [row for row in orders if (row["ownerTypeId"], row["ownerId"]) == (entity_type, number)]

    def payments(self, entity_type: int, number: int) -> list[Row]:
        """What was paid, or is to be, for something."""
        orders = {row["id"] for row in self._orders(entity_type, number)}
        return [row for row in self.tables["payment"].values() if row["orderId"] in orders]

    def steps(self, entity_type: int, number: int) -> list[Row]:
        """The stage history of something."""
        return [row for row in self.history[entity_type] if row["OWNER_ID"] == number]

    def _times(self) -> Row:
        return {"createdTime": self.text(), "updatedTime": self.text(), "movedTime": self.text()}

    def _user(self) -> int:
        return self.rng.randint(1, 7)

    def _amount(self) -> float:
        return self.rng.randint(1, 500_000) / 100

    def _later(self, seconds: int, what: Callable[[], None]) -> None:
        self.due.append((self.now + timedelta(seconds=seconds), what))

    def _hook(self, event: str, number: int) -> None:
        self._raise(event, {"data[FIELDS][ID]": str(number)})

    def _invoice_hook(self, what: str, number: int) -> None:
        fields = {"data[FIELDS][ID]": str(number), "data[FIELDS][ENTITY_TYPE_ID]": "31"}
        self._raise(f"ONCRMDYNAMICITEM{what}", fields)

    def _call_hook(self, what: str, data: dict[str, str]) -> None:
        self._raise(f"ONVOXIMPLANTCALL{what}", {f"data[{name}]": value for name, value in data.items()})

    def _raise(self, event: str, data: dict[str, str]) -> None:
        self.hooks.append(Hook(event, data, int(self.now.timestamp())))
