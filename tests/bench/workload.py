"""The events that benches fold: one seed, one mix, so that every engine gets the same bytes."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings

Pair = tuple[bytes, bytes]
KINDS = ("call", "chat", "deal", "payment")
WEIGHTS = (45, 25, 20, 10)
REST = ("lead", "invoice", "meeting", "rating", "cost", "refund", "ringing")
START = datetime(2026, 10, 1, 6, tzinfo=UTC)
RECENT = 1_000
TEN_DAYS = timedelta(days=10)


def events(
    count: int,
    *,
    managers: int = 500,
    clients: int = 50_000,
    days: float = 30,
    full: bool = False,
    seed: int = 1,
    start: datetime = START,
    prefix: str = "",
    hot_client: float = 0.0,
    hot_manager: float = 0.0,
    again: float = 0.0,
) -> Iterator[Pair]:
    """Key and value of `count` events in the order of their times, as they would arrive.

    45 % calls, 25 % chat messages, 20 % deal snapshots (each deal is changed several times), 10 % payments. With
    `full`, every tenth event is of one of the other types; a call that rings is ended by the client's next one.
    `prefix` keeps the names of two streams apart. `hot_client`, `hot_manager`: the share of events that are of the
    first one, whatever the others have. `again`: the share of events that are one of the last `RECENT` once more.
    """
    rng = random.Random(seed)
    encode = msgspec.json.encode
    step = timedelta(days=days) / count
    waiting: dict[str, bool] = {}
    ringing: dict[str, str] = {}
    echo, recent = random.Random(seed + 1), list[Pair]()
    for n in range(count):
        if recent and echo.random() < again:
            yield echo.choice(recent)
            continue
        moment = start + n * step
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        number = 0 if hot_client and rng.random() < hot_client else int(clients * rng.random())
        client = f"client-{number:07d}"
        whose = 0 if hot_manager and rng.random() < hot_manager else (number * 7 + rng.randrange(3)) % managers
        manager = f"manager-{whose:04d}"
        who = {"client_id": client, "manager_id": manager, "team_id": f"team-{int(manager[-4:]) % 20:02d}"}
        kind = rng.choice(REST) if full and n % 10 == 9 else rng.choices(KINDS, WEIGHTS)[0]
        name, data, key = _event(kind, f"{prefix}{n}", moment, who, rng, waiting, ringing)
        head = {"specversion": "1.0", "id": f"e-{prefix}{n}", "source": "bench://load", "type": name, "time": time}
        pair = key.encode(), encode({**head, "data": data})
        if again:
            recent[n % RECENT : n % RECENT + 1] = [pair]
        yield pair


def _event(
    kind: str,
    n: str,
    moment: datetime,
    who: dict[str, str],
    rng: random.Random,
    waiting: dict[str, bool],
    ringing: dict[str, str],
) -> tuple[str, dict[str, object], str]:
    """Type, data and key. `waiting`: clients whose chat waits for a word; `ringing`: client → the call that rings."""
    client = who["client_id"]
    money = {"amount": f"{rng.randrange(1, 900_000)}.{rng.randrange(100):02d}", "currency": "RUB"}
    started = _time(moment - timedelta(seconds=rng.randrange(20, 600)))
    match kind:
        case "call":
            answered = rng.random() < 0.8
            call = {**who, "call_id": ringing.pop(client, f"c-{n}"), "direction": "inbound", "started_at": started}
            end = (
                {"outcome": "answered", "answered_at": _time(moment - timedelta(seconds=10))}
                if answered
                else {"outcome": "missed"}
            )
            return "sales.call.ended.v1", {**call, **end}, client
        case "chat":
            mine = waiting[client] = not waiting.get(client, False)
            author = {"author": "client"} if mine else {"author": "manager", "manager_id": who["manager_id"]}
            return "sales.chat.message.v1", {"chat_id": f"h-{client}", "client_id": client, **author}, client
        case "deal":
            status = rng.choices(("open", "won", "lost"), (60, 25, 15))[0]
            deal = {
                **who,
                **money,
                "deal_id": f"d-{client}-{rng.randrange(3)}",
                "pipeline": "retail",
                "stage": "S1",
                "status": status,
            }
            dates = {"created_at": _time(moment - timedelta(days=9)), "cost": "100.00", "probability": 0.4}
            return (
                "sales.deal.changed.v1",
                {**deal, **dates, **({} if status == "open" else {"closed_at": started})},
                client,
            )
        case "payment":
            return "sales.payment.received.v1", {**who, **money, "payment_id": f"p-{n}"}, client
        case "ringing":
            ringing[client] = f"q-{n}"
            return "sales.call.started.v1", {**who, "call_id": f"q-{n}", "direction": "inbound"}, client
    return _other(kind, n, moment, who, money, rng)


def _other(
    kind: str, n: str, moment: datetime, who: dict[str, str], money: dict[str, str], rng: random.Random
) -> tuple[str, dict[str, object], str]:
    client, now = who["client_id"], _time(moment)
    match kind:
        case "lead":
            return (
                "sales.lead.changed.v1",
                {**who, "lead_id": f"l-{client}", "temperature": rng.choice(("cold", "warm")), "created_at": now},
                client,
            )
        case "invoice":
            return (
                "sales.invoice.changed.v1",
                {
                    **who,
                    **money,
                    "invoice_id": f"i-{client}",
                    "status": "issued",
                    "issued_at": now,
                    "due_at": _time(moment + timedelta(days=20)),
                },
                client,
            )
        case "meeting":
            return "sales.meeting.held.v1", {**who, "meeting_id": f"m-{n}"}, client
        case "rating":
            return "sales.rating.given.v1", {**who, "rating_id": f"r-{n}", "score": rng.randrange(1, 6)}, client
        case "refund":
            return "sales.payment.refunded.v1", {**who, **money, "payment_id": f"p-{n}"}, client
    return (
        "sales.cost.booked.v1",
        {"cost_id": f"k-{n}", **money, "category": "ads", "manager_id": who["manager_id"]},
        f"k-{n}",
    )


def deals(clients: range, each: int, managers: int) -> Iterator[Pair]:
    """The first events of clients, all on one day before START: so many open deals each."""
    for n, number in enumerate(clients):
        moment = START - timedelta(hours=20) + n / len(clients) * timedelta(hours=10)
        client, manager = f"client-{number:07d}", f"manager-{number * 7 % managers:04d}"
        who = {"client_id": client, "manager_id": manager, "team_id": f"team-{int(manager[-4:]) % 20:02d}"}
        for deal in range(each):
            data = {"deal_id": f"d-{client}-{deal}", "pipeline": "retail", "stage": "S1", "status": "open"}
            money = {"amount": f"{number % 90_000}.50", "currency": "RUB", "cost": "100.00", "probability": 0.4}
            yield _sent("sales.deal.changed.v1", f"f-{number}-{deal}", moment, client, {
                **who, **data, **money, "created_at": _time(moment)
            })  # fmt: skip


def replies(managers: range, hours: range, clients: list[str]) -> Iterator[Pair]:
    """A client's message and its answer: of each manager once in each hour, so that each hour has a part of each."""
    for hour in hours:
        for number in managers:
            moment = START + timedelta(hours=hour, seconds=number)
            client = clients[number % len(clients)]
            data = {"chat_id": f"h-{client}-{number}", "client_id": client}
            yield _sent("sales.chat.message.v1", f"q-{hour}-{number}", moment, client, {**data, "author": "client"})
            answer = {**data, "author": "manager", "manager_id": f"manager-{number:04d}"}
            moment += timedelta(seconds=1)
            yield _sent("sales.chat.message.v1", f"a-{hour}-{number}", moment, client, answer)


def _sent(name: str, id_: str, moment: datetime, client: str, data: dict[str, object]) -> Pair:
    head = {"specversion": "1.0", "id": id_, "source": "bench://load", "type": name, "time": _time(moment)}
    return client.encode(), msgspec.json.encode({**head, "data": data})


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def publish(settings: KafkaSettings, pairs: Iterator[Pair]) -> int:
    """Send all; returns how many."""

    async def send() -> int:
        async with SalesPublisher(settings, compression="lz4") as publisher:
            return await publisher.publish_many_raw(pairs)

    return asyncio.run(send())
