"""A sales floor as workers would write it into Redis: years of every family, and a steady stream of events."""

import os
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from redis import Redis

from metrics import view
from metrics.catalogue import unanswered as u
from metrics.catalogue.plan import PLAN_MEASURES
from metrics.measure import key

APP = "bench"
PARTITIONS = 8
DAYS = 400
PIPELINES = ("retail", "b2b")
WORKED = 5
"""Days of seven, today the last of them, as on the evening of a Friday."""
EVENTS_A_DAY, WORKING_DAY = 57, 8 * 3600
"""What one manager causes, as the simulator has it, and how long a day is, seconds."""
SAMPLES = 200
"""Days that differ: each manager has one of them each day."""


def subjects(rng: random.Random) -> Iterator[tuple[float, dict[str, int]]]:
    """What may happen to one manager on one day, with the share of days on which it does.

    Shares are those of the simulated floor, where somebody causes 57 events a day (`tests/bench/simulated.py`).
    """
    calls = {"inbound": {"missed": 0.1, "abandoned": 0.17}, "outbound": {"answered": 0.75, "missed": 0.6}}
    calls["outbound"] |= {"busy": 0.23, "failed": 0.2}
    for direction, outcomes in calls.items():
        yield from ((share, {key("c", direction, one): rng.randint(1, 9)}) for one, share in outcomes.items())
    for channel, kind, share in (("call", "first", 0.57), ("chat", "first", 0.5), ("chat", "next", 0.48)):
        yield share, {**_responses(rng, channel, kind), **_taken(rng, channel)}
    for pipeline in PIPELINES:
        yield 0.56, {key("dc", pipeline): 3}
        yield 0.36, {key("dx", pipeline, "lost"): 2}
        yield 0.2, _won(rng, pipeline)
    yield 0.47, {key("rv", "RUB"): 10**8}
    yield 0.38, {key("gs"): 14, key("gc"): 3}
    yield 0.5, {key("co", "ads", "RUB"): 10**7}
    yield 0.28, {key("m"): 2}
    yield from ((0.32, {key("lo", temperature): 2}) for temperature in ("cold", "warm", "hot"))
    yield 0.33, {key("lw"): 1}
    yield 0.6, {**_within(rng, "lr"), key("ld"): 4, key("lt"): 3}
    yield 0.25, {**_within(rng, "cb"), key("mc", u.CALLED_BACK): 1, key("cd"): 2, key("ct"): 1}
    yield from ((0.03, {key("mc", outcome): 1}) for outcome in (u.CLIENT_CALLED, u.LOST))


def _responses(rng: random.Random, channel: str, kind: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for code in "rb":
        found |= {key(code, channel, kind, str(n)): rng.randint(1, 5) for n in rng.sample(range(14), 5)}
        found[key(code, channel, kind, "s")] = rng.randint(10**7, 10**9)
    return found | {key("d", channel): 5, key("t", channel): 4}


def _taken(rng: random.Random, channel: str) -> dict[str, int]:
    return {key("c", "inbound", "answered"): rng.randint(1, 9)} if channel == "call" else {}


def _won(rng: random.Random, pipeline: str) -> dict[str, int]:
    money = ("wa", "pa", "ka", *(("ra",) if rng.random() < 0.43 else ()))
    found = {key(code, pipeline, "RUB"): rng.randint(10**6, 10**9) for code in money}
    found |= {key("dx", pipeline, "won"): 1, key("dd", pipeline, "4"): 1, key("dd", pipeline, "s"): 10**12}
    return found | {key("ws", pipeline, "40", "RUB"): 1} | ({key("rd", pipeline): 1} if "ra" in money else {})


def _within(rng: random.Random, code: str) -> dict[str, int]:
    return {key(code, str(n)): 1 for n in rng.sample(range(14), 3)} | {key(code, "s"): rng.randint(10**7, 10**9)}


def part(rng: random.Random, *, everything: bool = False) -> dict[str, int]:
    """What one manager did on one day; everything: all that there is, as nobody does."""
    found: dict[str, int] = {}
    for share, subject in subjects(rng):
        if everything or rng.random() < share:
            found |= subject
    return found


def local() -> datetime:
    """Now, on the clock that the exporter goes by."""
    return datetime.now(ZoneInfo(os.environ.get("SALES_TIMEZONE", "UTC")))


def open_now(rng: random.Random) -> dict[str, int]:
    """What one manager has open: deals of two pipelines, clients ready, and money owed."""
    found = {key("cr"): 2}
    for pipeline, stage in (("retail", "new"), ("retail", "offer"), ("b2b", "new")):
        found |= {key("od", pipeline, stage): 3, key("pl", pipeline, stage, "RUB"): rng.randint(10**6, 10**9)}
        found[key("wt", pipeline, stage, "RUB")] = rng.randint(10**16, 10**18)
    today = local().toordinal()
    return found | {key("rc", str(today - late), "RUB"): 10**7 for late in (-1, 10, 40, 70, 100)}


def reference(managers: int, teams: int) -> dict[str, dict[str, object]]:
    """Roster, and plans of every measure of everybody for the running month, quarter and year."""
    today = local().date()
    periods = (f"{today:%Y-%m}", f"{today.year}-Q{(today.month + 2) // 3}", f"{today.year}")
    people = [(f"m-{m}", f"team-{m % teams}") for m in range(managers)]
    found: dict[str, dict[str, object]] = {
        f"manager:{one}": {
            "type": "sales.manager.changed.v1",
            "data": {"manager_id": one, "name": f"Name of {one}", "team_id": team, "active": True},
        }
        for one, team in people
    }
    scopes = [f"manager:{one}" for one, _ in people] + [f"team:team-{n}" for n in range(teams)] + ["company"]
    for scope, measure, period in product(scopes, PLAN_MEASURES, periods):
        plan = {"scope": scope, "measure": measure, "period": period, "target": "500"}
        if measure.endswith("_amount"):
            plan["currency"] = "RUB"
        found[f"plan:{scope}:{measure}:{period}"] = {"type": "sales.plan.changed.v1", "data": plan}
    return found


def event(rng: random.Random) -> dict[str, int]:
    """What one event adds: 45 % calls, 25 % chat messages, 20 % closed deals, 10 % payments."""
    kind = rng.random()
    if kind < 0.7:
        channel = "call" if kind < 0.45 else "chat"
        found = {key("d", channel): 1, key("t", channel): 1}
        if channel == "call":
            found[key("c", rng.choice(("inbound", "outbound")), rng.choice(("answered", "missed")))] = 1
        first = "first" if channel == "call" else rng.choice(("first", "next"))
        for code in "rb":
            found |= {key(code, channel, first, str(rng.randrange(14))): 1, key(code, channel, first, "s"): 10**7}
        return found
    if kind < 0.9:
        pipeline, outcome = rng.choice(("retail", "b2b")), rng.choice(("won", "lost"))
        found = {key("dx", pipeline, outcome): 1, key("dc", pipeline): 1}
        if outcome == "won":
            found |= {key(code, pipeline, "RUB"): rng.randint(10**6, 10**9) for code in ("wa", "pa", "ka")}
            found |= {key("dd", pipeline, str(rng.randrange(8))): 1, key("dd", pipeline, "s"): 10**12}
        return found
    return {key("rv", "RUB"): rng.randint(10**6, 10**9)}


class BenchFloor:
    """Writes what workers would, straight into Redis."""

    def __init__(self, url: str, managers: int, teams: int, *, everything: bool = False) -> None:
        self._redis = Redis.from_url(url)
        self._keys = view.Keys(APP)
        self._rng = random.Random(1)
        self._managers, self._teams, self._everything = managers, teams, everything
        self._parts: dict[str, dict[bytes, dict[str, int]]] = {}
        self._fence = 0
        self._hashes: dict[int, set[str]] = {}

    def past(self) -> None:
        """400 days, today among them, of which five of seven are worked: each manager on one partition a day.

        Two of them by the hour, too: what today and this week are compared with, up to the same hour.
        """
        samples = [part(self._rng, everything=self._everything) for _ in range(SAMPLES)]
        now = local()
        today = now.toordinal()
        for day in (one for one in range(today - DAYS, today + 1) if (today - one) % 7 < WORKED):
            chosen = [(m, self._rng.choice(samples)) for m in range(self._managers)]
            self._put("d", day, day % PARTITIONS, chosen)
            if today - day in (1, 7):
                midnight = (now - timedelta(days=today - day)).replace(hour=0, minute=0, second=0, microsecond=0)
                self._put("h", int(midnight.timestamp()), day % PARTITIONS, chosen)
        self._now()
        self._redis.set(self._keys.generation, "1")
        empty = view.fenced(0, view.encode_waiting([]))
        for lists in (self._keys.waiting, self._keys.unanswered):
            self._redis.hset(lists, mapping={str(n): empty for n in range(PARTITIONS)})
        self._beat()

    def _put(self, kind: str, bucket: int, number: int, chosen: list[tuple[int, dict[str, int]]]) -> None:
        """Write parts of people into a cell; what is added to it later goes on from there."""
        name = self._keys.cells(kind, bucket, number)
        parts = {self._field(m, number): one for m, one in chosen}
        if (kind, bucket) == ("d", local().toordinal()):
            self._parts[name] = {field: dict(one) for field, one in parts.items()}
        values = {field: view.fenced(0, view.encode_part(one)) for field, one in parts.items()}
        self._redis.hset(name, mapping=values)
        self._count(name, len(parts))

    def _now(self) -> None:
        """What is open, and reference data."""
        for number in range(PARTITIONS):
            mine = range(number, self._managers, PARTITIONS)
            name = self._keys.cells("o", 0, number)
            opened = {self._field(m, number): view.fenced(0, view.encode_part(open_now(self._rng))) for m in mine}
            self._redis.hset(name, mapping=opened)
            self._count(name, len(opened))
        records = reference(self._managers, self._teams)
        packed = {name: view.fenced(0, view.encode_any(record)) for name, record in records.items()}
        self._redis.hset(self._keys.reference, mapping=packed)
        self._redis.hset(self._keys.reference_count, "n", view.fenced(0, view.encode_any(len(packed))))

    def _count(self, name: str, fields: int) -> None:
        manifest, bucket = self._keys.counted(name)
        self._redis.hset(manifest, bucket, fields)
        self._hashes.setdefault(int(name.rpartition(":")[2]), set()).add(name)

    def run(self, rate: int) -> None:
        """Events until somebody ends the process."""
        began, sent = time.time(), 0
        while True:
            due = int((time.time() - began) * rate) - sent
            self._write(due)
            sent += due
            self._beat()
            time.sleep(0.2)

    def _field(self, m: int, partition: int) -> bytes:
        return view.field(partition, f"m-{m}", f"team-{m % self._teams}")

    def _write(self, events: int) -> None:
        now, changed = int(time.time()), {}
        self._fence += 1
        places = [("m", now // 60 * 60), ("h", now // 3600 * 3600), ("d", local().toordinal())]
        names = {number: [self._keys.cells(*place, number) for place in places] for number in range(PARTITIONS)}
        for gone in self._parts.keys() - {name for some in names.values() for name in some}:
            del self._parts[gone]
        for _ in range(events):
            number = self._rng.randrange(PARTITIONS)
            field = self._field(self._rng.randrange(self._managers), number)
            adds = event(self._rng)
            for name in names[number]:
                mine = self._parts.setdefault(name, {}).setdefault(field, {})
                for measure, value in adds.items():
                    mine[measure] = mine.get(measure, 0) + value
                changed.setdefault(name, set()).add(field)
        pipe = self._redis.pipeline(transaction=True)
        for name, fields in changed.items():
            values = {field: view.fenced(self._fence, view.encode_part(self._parts[name][field])) for field in fields}
            pipe.hset(name, mapping=values)
            manifest, bucket = self._keys.counted(name)
            pipe.hset(manifest, bucket, len(self._parts[name]))
            self._hashes.setdefault(int(name.rpartition(":")[2]), set()).add(name)
        listed = view.encode_any([(name, list(fields)) for name, fields in changed.items()])
        pipe.xadd(self._keys.changes, {"b": listed}, maxlen=10_000)
        self._beat(pipe)
        pipe.execute()

    def _beat(self, redis: "Redis | None" = None) -> None:
        now = int(time.time() * 1000)
        known = {"at": now, "contact": now, "count": PARTITIONS, "version": view.VERSION}
        beats = {
            str(n): view.fenced(self._fence, view.encode_any({**known, "hashes": len(self._hashes.get(n, ()))}))
            for n in range(PARTITIONS)
        }
        (redis or self._redis).hset(self._keys.partitions, mapping=beats)


def rush(managers: int) -> int:
    """Events a second when twice as much happens as on the average of a working day."""
    return max(1, round(2 * managers * EVENTS_A_DAY / WORKING_DAY))


def feed(url: str, managers: int, teams: int, rate: int, everything: bool = False) -> None:
    """Years at once, then events until somebody ends the process."""
    floor = BenchFloor(url, managers, teams, everything=everything)
    floor.past()
    floor.run(rate)
