"""A stand-in Bitrix24 portal over real HTTP: REST with its limits, batches, paging and bad days, and form hooks.

From which page of the documentation each answer is, `bitrix24_pages` says.
"""

import asyncio
import operator as operators
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.support.bitrix24_life import Life
from tests.support.bitrix24_names import Names
from tests.support.bitrix24_tables import Hook, Row

SECRET = "portal-secret-path"
TOKEN = "the-application-token"
MEMBER = "a223c6b3710f85df22e9377d6c4f7553"
_PAGE = 50
_OPERATING = 480
_OPERATORS = {
    ">=": operators.ge, ">": operators.gt, "<=": operators.le, "<": operators.lt, "=": operators.eq, "@": operators.eq,
}  # fmt: skip
_CONDITION = re.compile(r"^(>=|<=|!=|>|<|@|=|!)?(.+)$")


class Refusal(Exception):  # noqa: N818 - what the portal says
    """An answer that is no success."""

    def __init__(self, status: int, code: str, **times: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.times = status, code, times


class StandIn:
    """One portal: `life` is what is in it. Faults are drawn from `rng` at the given rates."""

    def __init__(
        self, life: Life, *, faults: float = 0.0, burst: float = 50, drain: float = 2.0, virtual: bool = False
    ) -> None:
        self.life = life
        self.names = Names()
        """Its funnels and stages."""
        self.faults = faults
        self.forbidden: set[str] = set()
        self.locked = ""
        """Code of the refusal of the webhook itself, whatever is asked."""
        self.moved = ""
        """Where the portal is now: it answers 302 at its old address, with HTML."""
        self.profile = {"ID": "1", "ADMIN": True, "NAME": "Ivan", "LAST_NAME": "Petrov", "TIME_ZONE": "Europe/Moscow"}
        """Whose webhook it is: method `profile`."""
        self.scopes = ["crm", "sale", "user", "department", "telephony", "imopenlines"]
        """What is ticked in it: method `scope`."""
        self.costs: dict[str, float] = {}
        """Method → seconds of `operating` that a call takes; 480 of them in ten minutes are allowed."""
        self.slow: dict[str, float] = {}
        """Method → seconds that a call takes; calls of a batch are worked off one after the other."""
        self.gates: dict[str, asyncio.Event] = {}
        """Method → what its calls wait for, and `held` of requests waiting so."""
        self.held = 0
        self._used: dict[str, tuple[float, float]] = {}
        """Method → seconds used, and when that resets."""
        self.blocked = 0
        """Calls refused for the time that their method had used."""
        self.hidden: set[tuple[str, int]] = set()
        """What may not be read: lists leave it out without a word, `crm.item.get` says ACCESS_DENIED."""
        self.rng = random.Random(life.seed)
        self.burst, self.drain = burst, drain
        self.level, self.since = 0.0, time.monotonic() if not virtual else life.now.timestamp()
        self.virtual = virtual
        """Whether its limits go by the clock of its life, which calls with `costs` move on."""
        self.requests = 0
        self.refusals = 0
        self.methods: dict[str, int] = {}
        self.url = ""

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/rest/{user}/{secret}/{method}.json", self._rest, methods=["POST"])])

    async def _rest(self, request: Request) -> Response:
        self.requests += 1
        method = request.path_params["method"]
        try:
            self._admit(request.path_params["secret"])
            await self._bad_day()
            params = await request.json()
            await self._wait(method, params)
            body = self._batch(params) if method == "batch" else self._call(method, params)
        except Refusal as refusal:
            self.refusals += 1
            if refusal.code == "HTML":
                headers = {name: str(value) for name, value in refusal.times.items()}
                return PlainTextResponse("<html>gateway</html>", refusal.status, headers)
            content: dict[str, Any] = {"error": refusal.code, "error_description": ""}
            if refusal.times:
                content["time"] = self._time() | refusal.times
            return JSONResponse(content, refusal.status)
        return JSONResponse(body | {"time": self._time(method)})

    def _admit(self, secret: str) -> None:
        if self.moved:
            raise Refusal(302, "HTML", location=f"https://{self.moved}/rest/1/{secret}/batch.json")
        if secret != SECRET or self.locked:
            raise Refusal(401, self.locked or "INVALID_CREDENTIALS")
        now = self.life.now.timestamp() if self.virtual else time.monotonic()
        self.level = max(0.0, self.level - (now - self.since) * self.drain)
        self.since = now
        if self.level + 1 > self.burst:
            raise Refusal(503, "QUERY_LIMIT_EXCEEDED")
        self.level += 1

    async def _bad_day(self) -> None:
        if self.rng.random() >= self.faults:
            return
        match self.rng.randint(0, 3):
            case 0:
                raise Refusal(503, "QUERY_LIMIT_EXCEEDED")
            case 1:
                raise Refusal(429, "OPERATION_TIME_LIMIT", operating_reset_at=int(self.life.now.timestamp()) + 2)
            case 2:
                raise Refusal(502, "HTML")
            case _:
                await asyncio.sleep(0.02)

    async def _wait(self, method: str, params: Mapping[str, Any]) -> None:
        """Take the time that the calls of a request take."""
        calls = [call.partition("?")[0] for call in params["cmd"].values()] if method == "batch" else [method]
        if seconds := sum(self.slow.get(call, 0.0) for call in calls):
            await asyncio.sleep(seconds)
        for gate in {call: self.gates[call] for call in calls if call in self.gates}.values():
            self.held += 1
            await gate.wait()
            self.held -= 1

    def _batch(self, params: Mapping[str, Any]) -> dict[str, Any]:
        good: dict[str, Any] = {}
        bad: dict[str, Any] = {}
        times: dict[str, Any] = {}
        assert len(params["cmd"]) <= 50
        for name, command in params["cmd"].items():
            method, _, query = command.partition("?")
            if self.rng.random() < self.faults / 10:
                bad[name] = {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked"}
                times[name] = self._time() | {"operating_reset_at": int(self.life.now.timestamp()) + 1}
                continue
            try:
                good[name] = self._call(method, php_table(parse_qsl(query)))["result"]
                times[name] = self._time(method)
            except Refusal as refusal:
                bad[name] = {"error": refusal.code, "error_description": ""}
        # PHP writes an empty table as a list.
        return {"result": {"result": good or [], "result_error": bad or [], "result_time": times}}

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.methods[method] = self.methods.get(method, 0) + 1
        if method in self.forbidden:
            raise Refusal(403, "insufficient_scope")
        self._work(method)
        if (own := self.own.get(method)) is not None:
            return own(params)
        handler = _METHODS.get(method)
        if handler is None:
            raise Refusal(404, "ERROR_METHOD_NOT_FOUND")
        return handler(self.life, params)

    @property
    def own(self) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
        """What it answers by more than its life."""
        return {
            "crm.item.get": self._item,
            "crm.item.list": self._visible,
            "crm.category.list": self.names.listed_categories,
            "crm.status.list": self.names.listed_statuses,
            "profile": lambda _: {"result": self.profile},
            "scope": lambda _: {"result": self.scopes},
        }

    @property
    def answered(self) -> set[str]:
        """All methods that it answers."""
        return {"batch", *self.own, *_METHODS}

    def _item(self, params: Mapping[str, Any]) -> dict[str, Any]:
        table, number = _table(self.life, params), int(params["id"])
        if number not in self.life.tables[table]:
            raise Refusal(400, "NOT_FOUND")
        if (table, number) in self.hidden:
            raise Refusal(400, "ACCESS_DENIED")
        return {"result": {"item": self.life.tables[table][number]}}

    def _visible(self, params: Mapping[str, Any]) -> dict[str, Any]:
        table = _table(self.life, params)
        if not self.hidden:
            return _items(self.life, params)
        whole = self.life.tables[table]
        self.life.tables[table] = {n: row for n, row in whole.items() if (table, n) not in self.hidden}
        try:
            return _items(self.life, params)
        finally:
            self.life.tables[table] = whole

    def _work(self, method: str) -> None:
        """What a call costs its method; refused, without any date, where that is over."""
        if method not in self.costs:
            return
        now = self.life.now.timestamp()
        used, until = self._used.get(method, (0.0, 0.0))
        if until <= now:
            used, until = 0.0, now + 600
        if used >= _OPERATING:
            self.blocked += 1
            raise Refusal(429, "OPERATION_TIME_LIMIT")
        self._used[method] = used + self.costs[method], until
        if self.virtual:
            self.life.now += timedelta(seconds=self.costs[method])

    def _time(self, method: str = "") -> dict[str, Any]:
        used, until = self._used.get(method, (0.1, 0.0))
        dated = {"operating_reset_at": int(until)} if until else {}
        return {"date_start": self.life.text(), "date_finish": self.life.text(), "operating": used} | dated

    def form(self, hook: Hook, **changes: str) -> bytes:
        """The hook as it goes over the line."""
        domain = self.url.removeprefix("http://").split("/")[0]
        fields = {
            "event": hook.event, "event_handler_id": "7", **hook.data, "ts": str(hook.ts), "auth[domain]": domain,
            "auth[client_endpoint]": f"https://{domain}/rest/", "auth[member_id]": MEMBER,
            "auth[application_token]": TOKEN,
        }  # fmt: skip
        return urlencode(fields | changes).encode()


class Postman:
    """Delivers hooks, not always: some never, some twice, some late and out of order. Knows what arrived."""

    def __init__(self, portal: StandIn, client: httpx.AsyncClient, *, lost: float = 0.0, twice: float = 0.0) -> None:
        self.portal, self.client = portal, client
        self.lost, self.twice = lost, twice
        self.rng = random.Random(portal.life.seed + 1)
        self.arrived: list[Hook] = []
        self.dropped = 0
        self._late: list[Hook] = []

    async def deliver(self) -> None:
        """Send what waits."""
        hooks, self.portal.life.hooks = [*self._late, *self.portal.life.hooks], []
        self._late = []
        sending = []
        for hook in hooks:
            chance = self.rng.random()
            if chance < self.lost:
                self.dropped += 1
            elif chance < self.lost + 0.05:
                self._late.append(hook)
            else:
                sending += [hook] * (2 if self.rng.random() < self.twice else 1)
        self.rng.shuffle(sending)
        answers = await asyncio.gather(*(self._send(hook) for hook in sending))
        assert set(answers) <= {200}
        self.arrived += sending

    async def _send(self, hook: Hook) -> int:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self.client.post("/v1/bitrix24", content=self.portal.form(hook), headers=headers)
        return answer.status_code


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """A real server of `app` on a free port; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def serve_portal(portal: StandIn) -> AsyncIterator[str]:
    """The portal over HTTP; gives the address of its REST webhook."""
    async with serve(portal.app) as address:
        portal.url = f"{address}/rest/1/{SECRET}/"
        yield portal.url


def php_table(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`filter[@id][0]=1` as PHP reads it."""
    table: dict[str, Any] = {}
    for name, value in pairs:
        place, steps = table, re.findall(r"[^\[\]]+", name)
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return table


def selected(rows: Iterable[Row] | Mapping[int, Row], params: Mapping[str, Any], default: str = "id") -> dict[str, Any]:
    """A page of rows: filtered, ordered, 50 of them, counted unless `start` is -1."""
    conditions = params.get("filter") or params.get("FILTER") or {}
    found = list(_near(rows, conditions, default)) if isinstance(rows, Mapping) else list(rows)
    for name, value in conditions.items():
        found = [row for row in found if _holds(row, name, value)]
    order = params.get("order") or {params.get("SORT", default): params.get("ORDER", "ASC")}
    for name, way in order.items():
        found.sort(key=lambda row: _value(row.get(name), row.get(name)), reverse=str(way).upper() == "DESC")
    start = int(params.get("start", 0))
    page = found[max(0, start) : max(0, start) + _PAGE]
    answer: dict[str, Any] = {"result": page}
    if start != -1:
        answer["total"] = len(found)
        if start + _PAGE < len(found):
            answer["next"] = start + _PAGE
    return answer


def _near(rows: Mapping[int, Row], conditions: Mapping[str, Any], name: str) -> Iterable[Row]:
    """Rows by their ids, where the conditions say which: a portal has an index."""
    if (wanted := conditions.get(f"@{name}")) is not None:
        ids = {int(one) for one in (wanted.values() if isinstance(wanted, Mapping) else wanted)}
    elif f">{name}" in conditions and f"<={name}" in conditions:
        ids = set(range(int(conditions[f">{name}"]) + 1, int(conditions[f"<={name}"]) + 1))
    else:
        return rows.values()
    return [rows[number] for number in sorted(ids) if number in rows]


def _holds(row: Row, condition: str, wanted: Any) -> bool:
    operator, name = _CONDITION.match(condition).groups()
    assert name in row, f"no field {name}"
    held = row[name]
    if isinstance(wanted, Mapping | list):
        values = wanted.values() if isinstance(wanted, Mapping) else wanted
        return str(held) in {str(value) for value in values}
    if held is None:
        return False
    return _OPERATORS[operator or "="](_value(held, held), _value(wanted, held))


def _value(value: Any, like: Any) -> Any:
    text = str(like)
    if text.lstrip("-").isdigit():
        return int(value)
    if re.match(r"\d{4}-\d\d-\d\dT", text):
        return datetime.fromisoformat(str(value))
    return str(value)


_TABLES = {1: "lead", 2: "deal", 31: "invoice"}
_SILENT = ("stageSemanticId",)
"""What only leads and deals say of themselves: crm/universal/object-fields."""


def _table(life: Life, params: Mapping[str, Any]) -> str:
    """crm/universal/crm-item-list: NOT_FOUND of a type that there is not."""
    number = int(params["entityTypeId"])
    name = _TABLES.get(number, f"item{number}")
    if name not in life.tables:
        raise Refusal(400, "NOT_FOUND")
    return name


def _items(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    table = _table(life, params)
    answer = selected(life.tables[table], params)
    wanted = params["select"].values() if isinstance(params["select"], Mapping) else params["select"]
    rows = [
        {name: row[name] for name in wanted if name in row and (table in ("lead", "deal") or name not in _SILENT)}
        for row in answer["result"]
    ]
    return answer | {"result": {"items": rows}}


def _fields(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    """crm/universal/crm-item-fields: an object of fields by name; custom ones by their original names where asked."""
    names = life.fields.get(int(params["entityTypeId"]))
    if names is None:
        raise Refusal(400, "NOT_FOUND")
    assert params["useOriginalUfNames"] == "Y"
    return {"result": {"fields": {name: {"type": "string", "title": name, "upperName": name} for name in names}}}


def _types(life: Life, _: Mapping[str, Any]) -> dict[str, Any]:
    """crm/universal/user-defined-object-types/crm-type-list: `types` within `result`."""
    return {"result": {"types": [{"entityTypeId": number, "title": title} for number, title in life.types.items()]}}


def _history(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    entity_type, owners = int(params["entityTypeId"]), (params.get("filter") or {}).get("@OWNER_ID")
    rows: Iterable[Row] = life.history[entity_type]
    if owners is not None:
        wanted = owners.values() if isinstance(owners, Mapping) else owners
        rows = [row for number in wanted for row in life.steps(entity_type, int(number))]
    answer = selected(rows, params, "ID")
    return answer | {"result": {"items": answer["result"]}}


def _payments(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    rows = life.payments(int(params["entityTypeId"]), int(params["entityId"]))
    return {"result": [{name: row[name] for name in ("id", "paid", "datePaid", "sum", "currency")} for row in rows]}


def _shop_payments(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    answer = selected(life.tables["payment"], params)
    return answer | {"result": {"payments": answer["result"]}}


def _order_owners(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    rows = [{"orderId": row["id"], **row} for row in life.tables["order"].values()]
    return {"result": {"orderEntity": selected(rows, params)["result"]}}


def _session(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    row = life.tables["session"].get(int(params["SESSION_ID"]))
    if row is None:
        raise Refusal(400, "SESSION_NOT_FOUND")
    return {"result": {name: row[name] or [] for name in ("sessionId", "chatId", "message", "users")}}


def _ratings(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    begin, end = (datetime.fromisoformat(params[name]) for name in ("dateVoteFrom", "dateVoteTo"))
    rows = [r for r in life.tables["rating"].values() if begin <= datetime.fromisoformat(r["dateVote"]) <= end]
    offset, limit = int(params["offset"]), int(params["limit"])
    return {"result": {"ratings": rows[offset : offset + limit], "hasNextPage": offset + limit < len(rows)}}


def _activities(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    answer = selected(life.tables["activity"], params, "ID")
    wanted = params["select"].values() if isinstance(params["select"], Mapping) else params["select"]
    return answer | {"result": [{name: row[name] for name in wanted if name in row} for row in answer["result"]]}


def _parties(kind: str) -> "Callable[[Life, Mapping[str, Any]], dict[str, Any]]":
    """crm.contact.list, crm.company.list, crm.lead.list: numbers are multiple fields, given where they are named."""

    def listed(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
        rows = life.tables[kind].values()
        if kind == "lead":
            rows = [{"ID": str(row["id"]), "PHONE": row.get("PHONE", []), "EMAIL": []} for row in rows]
        answer = selected(rows, params, "ID")
        wanted = params["select"].values() if isinstance(params["select"], Mapping) else params["select"]
        return answer | {"result": [{name: row[name] for name in wanted if row.get(name)} for row in answer["result"]]}

    return listed


def _statistics(life: Life, params: Mapping[str, Any]) -> dict[str, Any]:
    answer = selected(life.tables["call"], params, "ID")
    return answer | {"result": [{k: v for k, v in row.items() if k != "ended"} for row in answer["result"]]}


_METHODS: dict[str, Callable[[Life, Mapping[str, Any]], dict[str, Any]]] = {
    "crm.item.fields": _fields,
    "crm.type.list": _types,
    "crm.stagehistory.list": _history,
    "crm.item.payment.list": _payments,
    "sale.payment.list": _shop_payments,
    "crm.orderentity.list": _order_owners,
    "crm.activity.list": _activities,
    "imopenlines.session.history.get": _session,
    "imopenlines.v2.Session.Rating.list": _ratings,
    "voximplant.statistic.get": _statistics,
    "crm.contact.list": _parties("contact"),
    "crm.company.list": _parties("company"),
    "crm.lead.list": _parties("lead"),
    "user.get": lambda life, params: selected(life.users, {"start": params.get("start", 0)}, "ID"),
    "department.get": lambda life, params: selected(life.departments, {"start": params.get("start", 0)}, "ID"),
    "crm.currency.list": lambda life, _: {"result": life.currencies},
}
