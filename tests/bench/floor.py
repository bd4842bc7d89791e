"""A sales floor as workers would write it into Redis: years of every family, and a steady stream of events."""

import random
import time
from datetime import UTC, datetime
from itertools import product

from redis import Redis

from metrics import view
from metrics.catalogue import unanswered as u
from metrics.catalogue.plan import PLAN_MEASURES
from metrics.measure import key

APP = "bench"
PARTITIONS = 8
DAYS = 400


def part(rng: random.Random) -> dict[str, int]:
    """A day's share of one manager in one partition, with every family."""
    found = {key("c", d, o): rng.randint(1, 9) for d in ("inbound", "outbound") for o in ("answered", "missed")}
    for channel, kind in (("call", "first"), ("chat", "first"), ("chat", "next")):
        for code in "rb":
            found |= {key(code, channel, kind, str(n)): rng.randint(1, 5) for n in rng.sample(range(14), 5)}
            found[key(code, channel, kind, "s")] = rng.randint(10**7, 10**9)
    for channel in ("call", "chat"):
        found |= {key("d", channel): 5, key("t", channel): 4}
    for pipeline in ("retail", "b2b"):
        found |= {key("dx", pipeline, "won"): 1, key("dx", pipeline, "lost"): 2, key("dc", pipeline): 3}
        found |= {key(code, pipeline, "RUB"): rng.randint(10**6, 10**9) for code in ("wa", "ra", "pa", "ka")}
        found |= {key("dd", pipeline, "4"): 1, key("dd", pipeline, "s"): 10**12, key("rd", pipeline): 1}
    found |= {key("rv", "RUB"): 10**8, key("gs"): 14, key("gc"): 3, key("co", "ads", "RUB"): 10**7, key("m"): 2}
    found |= {key("lo", temperature): 2 for temperature in ("cold", "warm")}
    found |= {key("lw"): 1, key("ld"): 4, key("lt"): 3, key("cd"): 2, key("ct"): 1}
    found |= {key("mc", outcome): 1 for outcome in (u.CALLED_BACK, u.CLIENT_CALLED, u.LOST)}
    for code in ("cb", "lr"):
        found |= {key(code, str(n)): 1 for n in rng.sample(range(14), 3)}
        found[key(code, "s")] = rng.randint(10**7, 10**9)
    return found


def open_now(rng: random.Random) -> dict[str, int]:
    """What one manager has open: deals of two pipelines, clients ready, and money owed."""
    found = {key("cr"): 2}
    for pipeline, stage in (("retail", "new"), ("retail", "offer"), ("b2b", "new")):
        found |= {key("od", pipeline, stage): 3, key("pl", pipeline, stage, "RUB"): rng.randint(10**6, 10**9)}
        found[key("wt", pipeline, stage, "RUB")] = rng.randint(10**16, 10**18)
    today = datetime.now(UTC).toordinal()
    return found | {key("rc", str(today - late), "RUB"): 10**7 for late in (-1, 10, 40, 70, 100)}


def reference(managers: int, teams: int) -> dict[str, dict[str, object]]:
    """Roster, and plans of every measure of everybody for the running month, quarter and year."""
    today = datetime.now(UTC).date()
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

    def __init__(self, url: str, managers: int, teams: int) -> None:
        self._redis = Redis.from_url(url)
        self._keys = view.Keys(APP)
        self._rng = random.Random(1)
        self._managers, self._teams = managers, teams
        self._parts: dict[str, dict[bytes, dict[str, int]]] = {}
        self._fence = 0
        self._hashes: dict[int, set[str]] = {}

    def past(self) -> None:
        """400 days: each manager on one partition a day."""
        samples = [view.fenced(0, view.encode_part(part(self._rng))) for _ in range(50)]
        today = datetime.now(UTC).toordinal()
        for day in range(today - DAYS, today):
            number = day % PARTITIONS
            parts = {self._field(m, number): self._rng.choice(samples) for m in range(self._managers)}
            self._redis.hset(self._keys.cells("d", day, number), mapping=parts)
            self._count(self._keys.cells("d", day, number), len(parts))
        self._now()
        self._redis.set(self._keys.generation, "1")
        empty = view.fenced(0, view.encode_waiting([]))
        for lists in (self._keys.waiting, self._keys.unanswered):
            self._redis.hset(lists, mapping={str(n): empty for n in range(PARTITIONS)})
        self._beat()

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
        places = [("m", now // 60 * 60), ("h", now // 3600 * 3600), ("d", datetime.now(UTC).toordinal())]
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


def feed(url: str, managers: int, teams: int, rate: int) -> None:
    """Years at once, then events until somebody ends the process."""
    floor = BenchFloor(url, managers, teams)
    floor.past()
    floor.run(rate)
