"""What a portal's life amounts to, worked out from its final tables and history alone, without the connector."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from producers.connectors.bitrix24.spool.identity import Identity
from producers.events import wire
from producers.identities import Resolver
from streams.plain import PlainCalendar, PlainPartition, PlainRules, recompute
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_processes import COSTS, FOR, PROJECTS, SPENT, ProjectLife
from tests.support.bitrix24_tables import COST, Hook, Row

RULES = PlainRules(ZoneInfo("UTC"), PlainCalendar(ZoneInfo("UTC")))
_STATUS = {"S": "won", "F": "lost", "P": "open"}
_TEMPERATURE = {"NEW": "cold", "IN_PROCESS": "warm", "PROCESSED": "warm", "CONVERTED": "hot", "JUNK": "cold"}
_LEAD_STATUS = {"P": "open", "S": "converted", "F": "lost"}
_OUTCOME = {"200": "answered", "304": "missed", "603-S": "abandoned", "486": "busy"}
_OTHERS = frozenset({"c", "co", "m", "rs", "lo", "lw", "mc", "cb", "ld", "lr"})
"""What is not about deals."""
Summary = Counter[tuple[Any, ...]]


class Standing:
    """Everybody's client as the claims of the identities' log have it in the end: the first claims, for ever."""

    def __init__(self, identity: Identity, resolver: Resolver) -> None:
        self._identity, self._resolver = identity, resolver

    def client(self, kind: str, number: str | int) -> str:
        own = self._identity.client(kind, number)
        if kind != "phone":
            return self._resolver.listed(own)
        claim = self._resolver.claims.get(self._resolver.hashes([f"+{number}"])[0])
        return claim.client if claim else own


def expected(
    life: Life, arrived: Iterable[Hook], identity: Identity | Standing, *, witnessed: bool = True, after: int = -1
) -> Summary:
    """The summary of the events that a perfect witness would have sent; not witnessed: who looks only afterwards.

    after: the funnel of after-sales work.
    """
    events = [
        *_leads(life, identity, witnessed=witnessed),
        *_deals(life, identity, after),
        *_invoices(life, identity),
        *_meetings(life, identity),
    ]
    if isinstance(life, ProjectLife):
        events += [*_projects(life, identity), *_costs(life)]
    events += [*_calls(life, list(arrived), identity), *_chats(life, identity), *_votes(life, identity)]
    return summary(recompute(events, RULES), sellers=after < 0)


def summary(partition: PlainPartition, *, sellers: bool = True) -> Summary:
    """All that counts, as a bag. What is taken back leaves zeros, which count nothing.

    sellers: whether it counts whose a deal is; a sale's owner is settled when it is first seen to be after-sales work.
    """
    found: Summary = Counter()
    for one in partition.contributions():
        if one.code == "me" or (one.value == 0 and one.code in ("rv", "co")):
            continue
        # Whose payment it is was settled when it was first seen; a meeting stays with its first client.
        manager = "" if one.code == "rv" or not (sellers or one.code in _OTHERS) else one.manager
        client = "" if one.code == "m" else one.client
        entity = _plain(one.entity, one.client)
        found[one.code, one.labels, manager, one.time, one.value, one.kind, entity, client, one.currency] += 1
    for thing in partition.open_things():
        against = tuple(one for one in thing.against if one[-1])
        entity = _plain(thing.entity, thing.client)
        owner = thing.manager if sellers else ""
        who = (thing.code, thing.labels, owner, thing.value, thing.kind, entity, thing.client)
        found[(*who, thing.currency, thing.due_day, against, thing.since)] += 1
    return found


def _plain(entity: str, client: str) -> str:
    return entity.removesuffix(f"-{client[:8]}") if client else entity.partition("-")[0]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _money(value: float) -> str:
    return f"{value:.2f}"


def _make(kind: type[Any], name: str, time: datetime, sequence: str | None = None, **data: Any) -> Any:
    made = kind.__annotations__["data"](**data)
    return kind(specversion="1.0", id=name, source="bitrix24://oracle", time=time, sequence=sequence, data=made)


def _client(row: Row, fallback: tuple[str, int], identity: Identity | Standing) -> str:
    for name in ("companyId", "contactId"):
        if row[name]:
            return identity.client(name.removesuffix("Id"), row[name])
    return identity.client(*fallback)


def _entered(rows: list[Row], semantic: str) -> datetime:
    last = rows[-1]
    for row in reversed(rows):
        if row["STAGE_SEMANTIC_ID"] != semantic:
            break
        last = row
    return _at(last["CREATED_TIME"])


def _steps(life: Life, entity_type: int, number: int) -> list[Row]:
    return life.steps(entity_type, number)


def _leads(life: Life, identity: Identity | Standing, *, witnessed: bool) -> Iterator[Any]:
    there = [(lead, _steps(life, 1, number), False) for number, lead in life.tables["lead"].items()]
    gone = [(lead, steps, True) for lead, steps in life.gone.values() if witnessed]
    for lead, steps, is_gone in there + gone:
        client = identity.client("lead", lead["id"])
        for place, step in enumerate(steps):
            yield _make(
                wire.LeadChanged, f"l{step['ID']}", _at(step["CREATED_TIME"]), f"{place:04}", lead_id=str(lead["id"]),
                client_id=client, manager_id=str(lead["assignedById"]), created_at=_at(lead["createdTime"]),
                temperature=_TEMPERATURE[step["STATUS_ID"]], status=_LEAD_STATUS[step["STATUS_SEMANTIC_ID"]],
            )  # fmt: skip
        if is_gone:
            yield _make(
                wire.LeadDeleted, f"g{lead['id']}", life.now, "9999", lead_id=str(lead["id"]), client_id=client
            )  # fmt: skip


def _deals(life: Life, identity: Identity | Standing, after: int) -> Iterator[Any]:
    for deal in life.tables["deal"].values():
        if deal.get("isRecurring") == "Y":
            continue  # A template.
        client = _client(deal, ("deal", deal["id"]), identity)
        yield from _payments(life, 2, deal, client, {"deal_id": str(deal["id"])})
        if deal["opportunity"] < 0:
            continue  # The contract has no place for it; what was paid for it was paid.
        status, funnel, stage = _STATUS[deal["stageSemanticId"]], deal["categoryId"], deal["stageId"]
        steps = _steps(life, 2, deal["id"])
        closed = _entered(steps, deal["stageSemanticId"]) if status != "open" else None
        if funnel == after:
            sold = _sold(steps, after)
            if sold is None:
                continue
            status, (closed, funnel, stage) = "won", sold
        cost = {"120.5|RUB": ("120.5", "RUB"), "80": ("80", deal["currencyId"])}.get(deal[COST])
        likely = deal["probability"]
        yield _make(
            wire.DealChanged, f"d{deal['id']}", life.now, deal_id=str(deal["id"]), client_id=client,
            manager_id=str(deal["assignedById"]), pipeline=str(funnel), stage=stage,
            status=status, amount=_money(deal["opportunity"]), currency=deal["currencyId"],
            cost=cost[0] if cost and cost[1] == deal["currencyId"] else None,
            probability=None if likely is None or closed else likely / 100, created_at=_at(deal["createdTime"]),
            closed_at=closed,
        )  # fmt: skip


def _projects(life: ProjectLife, identity: Identity | Standing) -> Iterator[Any]:
    for row in life.tables[f"item{PROJECTS}"].values():
        name = f"{PROJECTS}.{row['id']}"
        client = _client(row, ("deal", name), identity)
        yield from _payments(life, PROJECTS, row, client, {"deal_id": name})
        status = _STATUS[row["stageSemanticId"]]
        steps = _steps(life, PROJECTS, row["id"])
        cost = {"120.5|RUB": ("120.5", "RUB"), 300: ("300", row["currencyId"])}.get(row[SPENT])
        yield _make(
            wire.DealChanged, f"p{name}", life.now, deal_id=name, client_id=client,
            manager_id=str(row["assignedById"]), pipeline=f"DT{PROJECTS}_4", stage=row["stageId"],
            status=status, amount=_money(row["opportunity"]), currency=row["currencyId"],
            cost=cost[0] if cost and cost[1] == row["currencyId"] else None, created_at=_at(row["createdTime"]),
            closed_at=_entered(steps, row["stageSemanticId"]) if status != "open" else None,
        )  # fmt: skip


def _costs(life: ProjectLife) -> Iterator[Any]:
    for row in life.tables[f"item{COSTS}"].values():
        if row["stageSemanticId"] != "F":
            day = datetime.fromisoformat(row["begindate"]).replace(hour=12)
            written = max(_at(row["createdTime"]), _at(row["updatedTime"]))
            if timedelta() < day - written <= timedelta(hours=12):
                day = written  # of this very morning
            if day > life.now:
                continue
            category = {None: "other", 45: "advertising"}.get(row[FOR], row[FOR])
            yield _make(
                wire.CostBooked, f"k{row['id']}", day.astimezone(UTC), cost_id=f"{COSTS}.{row['id']}",
                amount=_money(row["opportunity"]), currency=row["currencyId"], category=category,
                manager_id=str(row["assignedById"]) if row["assignedById"] else None,
            )  # fmt: skip


def _sold(steps: list[Row], after: int) -> tuple[datetime, int, str] | None:
    """When, in which funnel and stage a deal in after-sales work was sold: its first move there as won, or any."""
    entries = [
        number for number, step in enumerate(steps)
        if number and step["CATEGORY_ID"] == after and steps[number - 1]["CATEGORY_ID"] != after
    ]  # fmt: skip
    for entry in entries:
        begin = entry
        while begin and steps[begin - 1]["STAGE_SEMANTIC_ID"] == "S" and steps[begin - 1]["CATEGORY_ID"] != after:
            begin -= 1
        if begin < entry:
            return _at(steps[begin]["CREATED_TIME"]), steps[begin]["CATEGORY_ID"], steps[begin]["STAGE_ID"]
    if not entries:
        return None
    first = entries[0]
    return _at(steps[first]["CREATED_TIME"]), steps[first - 1]["CATEGORY_ID"], steps[first - 1]["STAGE_ID"]


def _invoices(life: Life, identity: Identity | Standing) -> Iterator[Any]:
    for invoice in life.tables["invoice"].values():
        client = _client(invoice, ("deal", invoice["parentId2"]), identity)
        number = str(invoice["id"])
        yield _make(
            wire.InvoiceChanged, f"i{number}", life.now, invoice_id=number, client_id=client,
            manager_id=str(invoice["assignedById"]), amount=_money(invoice["opportunity"]),
            currency=invoice["currencyId"], status="cancelled" if invoice["stageSemanticId"] == "F" else "issued",
            issued_at=_at(invoice["begindate"]), due_at=_at(invoice["closedate"]),
        )  # fmt: skip
        paid = list(_payments(life, 31, invoice, client, {"invoice_id": number}))
        yield from paid
        rest = invoice["opportunity"] - sum(float(payment.data.amount) for payment in paid)
        if invoice["stageSemanticId"] == "S" and rest >= 0.01:
            yield _make(
                wire.PaymentReceived, f"s{number}", _entered(_steps(life, 31, invoice["id"]), "S"),
                payment_id=f"stage-{number}", client_id=client, manager_id="any", amount=_money(rest),
                currency=invoice["currencyId"], invoice_id=number,
            )  # fmt: skip


def _payments(life: Life, entity_type: int, owner: Row, client: str, named: dict[str, str]) -> Iterator[Any]:
    for payment in life.payments(entity_type, owner["id"]):
        if payment["paid"] == "Y":
            yield _make(
                wire.PaymentReceived, f"p{payment['id']}", _at(payment["datePaid"]), payment_id=str(payment["id"]),
                client_id=client, manager_id="any", amount=_money(payment["sum"]), currency=payment["currency"],
                **named,
            )  # fmt: skip


def _meetings(life: Life, identity: Identity | Standing) -> Iterator[Any]:
    for row in life.tables["activity"].values():
        if row["TYPE_ID"] == "1" and row["COMPLETED"] == "Y":
            yield _make(
                wire.MeetingHeld, f"m{row['ID']}", _at(row["START_TIME"]), meeting_id=row["ID"],
                client_id=identity.client("any", 1), manager_id=row["RESPONSIBLE_ID"],
            )  # fmt: skip


def _calls(life: Life, arrived: list[Hook], identity: Identity | Standing) -> Iterator[Any]:
    heard: dict[tuple[str, str], int] = {}
    for hook in arrived:
        if call := hook.data.get("data[CALL_ID]"):
            name = (hook.event.removeprefix("ONVOXIMPLANTCALL"), call)
            heard[name] = min(heard.get(name, hook.ts), hook.ts)
    first: dict[str, Row] = {}
    for row in life.tables["call"].values():
        first.setdefault(row["CALL_ID"], row)
    for row in first.values():
        name, outcome, began = row["CALL_ID"], _OUTCOME[row["CALL_FAILED_CODE"]], _at(row["CALL_START_DATE"])
        end, answered = began + timedelta(seconds=int(row["CALL_DURATION"])), None
        init = heard.get(("INIT", name)) if row["CALL_TYPE"] == "2" else None
        if init and outcome == "answered" and (start := heard.get(("START", name))):
            answered = began + timedelta(seconds=start - init)
            end = max(end, answered)
        elif init and outcome != "answered" and (over := heard.get(("END", name))):
            end = max(end, began + timedelta(seconds=over - init))
        client = identity.client("phone", f"7{row['PHONE_NUMBER'][-10:]}")
        yield _make(
            wire.CallEnded, f"c{name}", end, call_id=name, client_id=client, outcome=outcome, started_at=began,
            direction="inbound" if row["CALL_TYPE"] == "2" else "outbound", answered_at=answered,
            manager_id=row["PORTAL_USER_ID"],
        )  # fmt: skip
        if row["CALL_VOTE"]:
            yield _make(
                wire.RatingGiven, f"v{name}", end, rating_id=f"call-{name}", client_id=client,
                manager_id=row["PORTAL_USER_ID"], score=int(row["CALL_VOTE"]),
            )  # fmt: skip


def _chats(life: Life, identity: Identity | Standing) -> Iterator[Any]:
    for activity in life.tables["activity"].values():
        if activity["PROVIDER_ID"] != "IMOPENLINES_SESSION":
            continue
        session = life.tables["session"][int(activity["ASSOCIATED_ENTITY_ID"])]
        named = {"chat_id": str(session["id"]), "client_id": _chatter(activity, session, identity)}
        last = None
        for number, message in session["message"].items():
            user = session["users"].get(message["senderid"], {"connector": False, "bot": False})
            author = "client" if user["connector"] else "bot" if user["bot"] else "manager"
            author = "system" if message["senderid"] == "0" else author
            manager = message["senderid"] if author == "manager" else None
            last = _at(message["date"])
            yield _make(wire.ChatMessage, f"n{number}", last, author=author, manager_id=manager, **named)
            if "operator" in message["text"]:
                yield _make(wire.ChatHandedOff, f"h{number}", last, **named)
        if activity["COMPLETED"] == "Y":
            yield _make(wire.ChatClosed, f"e{session['id']}", _at(activity["END_TIME"]), **named)


def _chatter(activity: Row, session: Row, identity: Identity | Standing) -> str:
    if isinstance(identity, Standing):
        return identity.client("lead", activity["OWNER_ID"])
    return identity.client("chat", session["chatId"])


def _votes(life: Life, identity: Identity | Standing) -> Iterator[Any]:
    for row in life.tables["rating"].values():
        session = life.tables["session"][row["sessionId"]]
        activity = next(
            one for one in life.tables["activity"].values()
            if one.get("ASSOCIATED_ENTITY_ID") == str(session["id"])
        )  # fmt: skip
        yield _make(
            wire.RatingGiven, f"r{row['id']}", _at(row["dateVote"]), rating_id=f"chat-{row['sessionId']}",
            client_id=_chatter(activity, session, identity), manager_id=str(row["operatorId"]),
            score=5 if row["vote"] == "like" else 1,
        )  # fmt: skip
