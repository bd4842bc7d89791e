"""Events of every type, each text as long and each number as great as the contract allows, and hard to compress."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from producers.events.rules import ATTRIBUTE_LENGTH, ID_LENGTH, SEQUENCE_LENGTH
from producers.partitioner import partition_for
from tests.support.folding import LogRecord

Json = dict[str, Any]
TIME = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONEY = "9" * 18 + ".9999"


class Greatest:
    """Makes events and keeps them as one partition's log. `ids`: the ones that are the same for all."""

    def __init__(self, seed: int, number: int = 0, partitions: int = 1) -> None:
        self.random = Random(seed)
        self.records: list[LogRecord] = []
        while partition_for((client := self.text()).encode(), partitions) != number:
            pass
        self._partition = number, partitions
        self.client = client
        self.manager, self.team = self.text(), self.text()
        self.pipeline, self.stage = self.text(), self.text()

    def text(self, length: int = ID_LENGTH) -> str:
        """Characters of four bytes each."""
        return "".join(map(chr, self.random.choices(range(0x10000, 0x1FFF0), k=length)))

    def currency(self, n: int) -> str:
        return "".join(chr(65 + n // 26**place % 26) for place in range(3))

    def add(self, kind: str, later: int = 0, sequence: str = "", **data: Any) -> LogRecord:
        """Append an event of type `sales.<kind>.v1`, `later` seconds after the first; `data` beside the usual."""
        who: Json = {"manager_id": self.manager, "team_id": self.team}
        time = (TIME + timedelta(seconds=later)).isoformat()
        usual: Json = _data(kind, self) | ({} if kind.startswith("cost") else {"client_id": self.client}) | who | data
        event = {
            "specversion": "1.0",
            "id": self.text(ATTRIBUTE_LENGTH),
            "source": "crm://" + "".join(self.random.choices("abcdefghij0123456789-._~", k=ATTRIBUTE_LENGTH - 6)),
            "type": f"sales.{kind}.v1",
            "time": time,
            "subject": self.text(ATTRIBUTE_LENGTH),
            "sequence": sequence or self.text(SEQUENCE_LENGTH),
            "data": {name: value for name, value in usual.items() if value is not None},
        }
        key = event["data"].get("client_id") or event["data"]["cost_id"]
        record = LogRecord(len(self.records), key.encode(), msgspec.json.encode(event))
        self.records.append(record)
        return record

    def cost_id(self) -> str:
        """One whose record lies on this partition."""
        number, partitions = self._partition
        while partition_for((found := self.text()).encode(), partitions) != number:
            pass
        return found


def _data(kind: str, make: Greatest) -> Json:  # noqa: C901, PLR0911, PLR0912 - a table
    early = "2026-11-20T10:00:00Z"
    money = {"amount": MONEY, "currency": "RUB"}
    match kind:
        case "call.started" | "call.answered":
            return {"call_id": make.text(), "direction": "inbound", "channel": make.text()}
        case "call.ended":
            times = {"started_at": early, "answered_at": "2026-11-21T10:00:00Z"}
            return {"call_id": make.text(), "direction": "inbound", "outcome": "answered", **times}
        case "chat.message":
            return {"chat_id": make.text(), "author": "client", "channel": make.text()}
        case "chat.handed_off" | "chat.closed":
            return {"chat_id": make.text()}
        case "lead.changed":
            return {"lead_id": make.text(), "temperature": "cold", "created_at": early}
        case "deal.changed":
            where = {"pipeline": make.pipeline, "stage": make.stage, "created_at": early, "cost": MONEY}
            return {"deal_id": make.text(), "status": "open", "probability": 0.123456789012, **where, **money}
        case "lead.deleted":
            return {"lead_id": make.text()}
        case "deal.deleted":
            return {"deal_id": make.text()}
        case "invoice.changed":
            times = {"issued_at": early, "due_at": "9998-12-31T10:00:00Z"}
            return {"invoice_id": make.text(), "status": "issued", **times, **money}
        case "payment.received" | "payment.refunded":
            return {"payment_id": make.text(), "deal_id": make.text(), "invoice_id": make.text(), **money}
        case "meeting.held":
            return {"meeting_id": make.text()}
        case "rating.given":
            return {"rating_id": make.text(), "score": 5}
        case "cost.booked":
            return {"cost_id": make.cost_id(), "category": make.text(), **money}
    raise ValueError(f"{kind}: no such type is made here")


def owners(make: Greatest, count: int) -> None:
    """One client with open deals of as many owners, all ready to close."""
    for n in range(count):
        make.add("deal.changed", n, manager_id=make.text(), probability=1)


def categories(make: Greatest, count: int) -> None:
    """Costs of one day and manager, each with a category of its own."""
    for n in range(count):
        make.add("cost.booked", n)


def pipelines(make: Greatest, count: int) -> None:
    """Deals of one owner, open and won, each in a pipeline and stage and of a currency of its own."""
    for n in range(count):
        won = {"status": "won", "closed_at": "2026-11-23T10:00:00Z"} if n % 2 else {}
        where = {"pipeline": make.text(), "stage": make.text(), "currency": make.currency(n)}
        make.add("deal.changed", n, **where, **won)


def payments(make: Greatest, count: int) -> None:
    """One invoice, paid on as many days in as many currencies."""
    invoice = make.text()
    for n in range(count):
        if n == count // 2:
            make.add("invoice.changed", n * 86_400, invoice_id=invoice)
        make.add("payment.received", n * 86_400, invoice_id=invoice, currency=make.currency(n))


def invoices(make: Greatest, count: int) -> None:
    """Invoices of one manager, each due on a day and in a currency of its own, and paid in another."""
    for n in range(count):
        due = (TIME + timedelta(days=n)).isoformat()
        invoice = make.text()
        make.add("invoice.changed", n, invoice_id=invoice, due_at=due, currency=make.currency(n))
        make.add("payment.received", n, invoice_id=invoice, currency=make.currency(n + 1))


def chats(make: Greatest, count: int) -> None:
    """Chats that wait, and one with as many messages."""
    chat = make.text()
    for n in range(count):
        make.add("chat.message", n)
        make.add("chat.message", n, chat_id=chat, author="client" if n % 2 else "manager")


def managers(make: Greatest, count: int) -> None:
    """Calls answered, missed, and such that ring, each of a manager and team of its own."""
    for n in range(count):
        who = {"manager_id": make.text(), "team_id": make.text()}
        make.add("call.ended", n, **who)
        make.add("call.ended", n, outcome="missed", answered_at=None, **who)
        make.add("call.started", n, **who)
        make.add("call.answered", n, **who)


def entities(make: Greatest, count: int) -> None:
    """All other kinds, each with versions that move it, and deletions."""
    for n in range(count):
        for kind in ("lead.changed", "meeting.held", "rating.given", "payment.refunded", "chat.handed_off"):
            make.add(kind, n)
        make.add("chat.closed", n)
        make.add("lead.deleted", n)
        make.add("deal.deleted", n)


DRIVES = (owners, categories, pipelines, payments, invoices, chats, managers, entities)
"""Each drives one of the lists and maps of the state to a length that no contract limits."""


KINDS = frozenset(
    (
        *("call.started", "call.answered", "call.ended", "chat.message", "chat.handed_off", "chat.closed"),
        *(
            "lead.changed",
            "lead.deleted",
            "deal.changed",
            "deal.deleted",
            "invoice.changed",
            "payment.received",
            "payment.refunded",
        ),
        *("meeting.held", "rating.given", "cost.booked"),
    )
)
"""The types that `add` can make."""
