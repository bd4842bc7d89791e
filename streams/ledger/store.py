"""Reading and writing one index: clients, their entities, and what those add to numbers."""

import sqlite3
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from metrics.catalogue import FAMILIES
from metrics.family import Kind
from streams.ledger.held import KINDS, NUMBERS, Name, place
from streams.plain.contribution import Contribution, OpenThing, Pending
from streams.plain.rules import PlainRules

_REMEMBERED = 100_000
"""Clients whose numbers are known without looking."""
_INT64 = 1 << 62
_SUMMED = 1 << 50
"""Greater sums are kept as text, so that SQL can add up the others without an overflow."""
_NEVER = 1 << 62
_DAY = 86_400 * 10**6
_LOOKS = (1, 4, 16, 64, 256)
"""Days after which a wait is looked at, as working time is counted day by day."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Key = tuple[int, int, int, int, int, int | str]
"""Of a share: series, local day, who, entity, time, value."""
Cell = tuple[int, ...]
"""Series, local day, who; or without who, of all; or with the number of a bin."""
Counted = list[tuple[Key, int]]
"""Shares, and how many of each came (above 0) or went."""
BOUNDS = {
    family.code: [bound * family.scale for bound in family.bounds]
    for family in FAMILIES
    if family.kind is Kind.HISTOGRAM
}
"""Code of durations → upper bounds of their bins, as values are kept."""


@dataclass
class Head:
    """What is known of a client without its entities. kinds: bits of those that it ever had.

    longest: how far (us) any moment of its calls lies from the call's end. swept: the local day for which what is
    too old was looked for.
    """

    no: int
    key: str
    oldest: int
    longest: int = 0
    swept: int = 0
    kinds: int = 0

    def has(self, kind: str) -> bool:
        """Whether the client ever had an entity of a kind."""
        return bool(self.kinds >> NUMBERS[kind] & 1)


def number(value: int) -> int | str:
    """A value as SQLite keeps it without loss."""
    return value if -_INT64 < value < _INT64 else str(value)


def thing_body(one: OpenThing) -> bytes:
    """What is open as bytes."""
    weighed = number(one.value)
    against = [(currency, day, number(amount)) for currency, day, amount in one.against]
    return _encode(one._replace(value=weighed, against=against))  # type: ignore[arg-type]


def thing_of(body: bytes) -> OpenThing:
    """The inverse."""
    code, labels, manager, team, value, *rest, against, since, until = _decode(body)
    paid = tuple((currency, day, int(amount)) for currency, day, amount in against)
    kind, entity, client, currency, due_day = rest
    what = (kind, entity, client, currency, due_day)
    return OpenThing(code, tuple(labels), manager, team, int(value), *what, paid, since, until)


def settled(one: Contribution, now: int, rules: PlainRules) -> bool:
    """Whether no clock changes a contribution after `now` (us)."""
    if one.pending is None or now >= one.pending.until:
        return True
    looks = (min(now, one.pending.since + days * _DAY) for days in _LOOKS)
    return any(one.as_of(at, rules.calendar) is one for at in (*looks, now))


class IndexStore:
    """One connection, used by one thread at a time."""

    def __init__(self, database: sqlite3.Connection, rules: PlainRules) -> None:
        self.database = database
        self.rules = rules
        self.execute = database.execute
        self._clients: dict[str, Head] = {}
        self._series = {
            (code, tuple(msgspec.json.decode(labels)), currency): no
            for no, code, labels, currency in self.execute("SELECT no, code, labels, currency FROM series")
        }
        self._who = {(manager, team): no for no, manager, team in self.execute("SELECT no, manager, team FROM who")}
        self._sources: dict[str, int] = dict(self.execute("SELECT name, no FROM source").fetchall())
        self._added: Counter[Key] = Counter()
        self._pending: dict[Key, bytes] = {}
        self._removed: list[tuple[Key, int, bool]] = []

    def forget(self) -> None:
        """After a transaction that was rolled back: nothing that is remembered need be so."""
        self.__init__(self.database, self.rules)  # type: ignore[misc]

    def client(self, key: str, partition: int) -> tuple[Head, bool]:
        """A client, and whether it is a new one."""
        head = self._clients.get(key)
        if head is not None:
            return head, False
        found = self.execute(
            "SELECT no, key, oldest, longest, swept, kinds FROM client WHERE key = ?", (key,)
        ).fetchone()
        if found is not None:
            head = Head(*found)
        else:
            cursor = self.execute(
                "INSERT INTO client (key, partition, oldest, longest, swept, kinds) VALUES (?, ?, ?, 0, 0, 0)",
                (key, partition, _NEVER),
            )
            head = Head(cursor.lastrowid or 0, key, _NEVER)
        if len(self._clients) >= _REMEMBERED:
            self._clients.clear()
        self._clients[key] = head
        return head, found is None

    def save_clients(self, heads: Iterable[Head]) -> None:
        """Write what is known of clients."""
        self.database.executemany(
            "UPDATE client SET oldest = ?, longest = ?, swept = ?, kinds = ? WHERE no = ?",
            [(head.oldest, head.longest, head.swept, head.kinds, head.no) for head in heads],
        )

    def entity(self, head: Head, name: Name) -> tuple[int, bytes] | None:
        """Number and state of an entity."""
        found: tuple[int, bytes] | None = self.execute(
            "SELECT no, body FROM entity WHERE client = ? AND kind = ? AND id = ?",
            (head.no, NUMBERS[name[0]], name[1]),
        ).fetchone()
        return found

    def entities(self, head: Head, where: str = "", values: tuple[Any, ...] = ()) -> Iterator[tuple[int, Name, bytes]]:
        """Number, name and state of those for which a condition holds."""
        query = f"SELECT no, kind, id, body FROM entity WHERE client = ? {where}"  # noqa: S608 - our own text
        for no, kind, identifier, body in self.execute(query, (head.no, *values)):
            yield no, (KINDS[kind], identifier), body

    def add_entity(self, head: Head, name: Name, value: Any, body: bytes, source: str, touched: int | None) -> int:
        """Put a new entity in; returns its number. touched: see `place`."""
        kind = NUMBERS[name[0]]
        head.kinds |= 1 << kind
        cursor = self.execute(
            "INSERT INTO entity (client, kind, id, at, flag, ref, body, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (head.no, kind, name[1], *place(name[0], value, self.rules, touched), body, self._source(source)),
        )
        return cursor.lastrowid or 0

    def change_entity(self, no: int, name: Name, value: Any, body: bytes, source: str, touched: int | None) -> None:
        """Replace the state of an entity. source: "" where it stays."""
        numbered = self._source(source) if source else None
        self.execute(
            "UPDATE entity SET at = ?, flag = ?, ref = ?, body = ?, source = coalesce(?, source) WHERE no = ?",
            (*place(name[0], value, self.rules, touched), body, numbered, no),
        )

    def remove_entity(self, no: int) -> None:
        """Take an entity out."""
        self.execute("DELETE FROM entity WHERE no = ?", (no,))

    def change_things(self, head: Head, changes: Mapping[OpenThing, int]) -> None:
        """Add what is open, and take back what is so no longer."""
        for one, count in changes.items():
            body = thing_body(one)
            if count > 0:
                self.execute(
                    "INSERT INTO thing VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                    (one.code, head.no, body, count, _shown_until(one)),
                )
                continue
            where = (one.code, head.no, body)
            self.execute("UPDATE thing SET n = n + ? WHERE code = ? AND client = ? AND body = ?", (count, *where))
            self.execute("DELETE FROM thing WHERE code = ? AND client = ? AND body = ? AND n <= 0", where)

    def change_shares(
        self, changes: Mapping[Contribution, int], entities: Mapping[Name, int], first_day: int, now: int
    ) -> None:
        """Note shares that come and go; what lies before the first day that is kept is not there. See `flush`."""
        for one, count in changes.items():
            day = self.rules.day(one.time)
            if day < first_day:
                continue
            series = self._numbered_series(one)
            who = self.numbered_who(one.manager, one.team)
            key = (series, day, who, entities[one.kind, one.entity], one.time, number(one.value))
            if count < 0:
                self._removed.append((key, -count, one.pending is not None))
            else:
                self._added[key] += count
                if one.pending is not None and not settled(one, now, self.rules):
                    self._pending[key] = _encode(one.pending)

    def flush(self) -> None:
        """Write the shares that were noted, and their sums."""
        # Sums leave out what the clock may still change (`settle` adds it): so does what is taken back of it.
        counted: Counted = []
        for key, count, may_wait in self._removed:
            if not (may_wait and self._is_pending(key)):
                counted.append((key, -count))
        self.database.executemany(_REDUCE, [(count, *key) for key, count, _ in self._removed])
        self.database.executemany(_REMOVE, [key for key, _, _ in self._removed])
        counted += [(key, count) for key, count in self._added.items() if key not in self._pending]
        self.database.executemany(
            _ADD, [(*key, count, self._pending.get(key)) for key, count in sorted(self._added.items(), key=_order)]
        )
        self._removed, self._added, self._pending = [], Counter(), {}
        self._sum_up(counted)

    def _sum_up(self, counted: Counted) -> None:
        """Add shares to the sums that they are in: of who, of all, and of durations by their bins."""
        cells: defaultdict[Cell, list[Any]] = defaultdict(lambda: [0, 0, 0.0])
        bins: Counter[Cell] = Counter()
        codes = {no: BOUNDS.get(code) for (code, _, _), no in self._series.items()}
        for key, count in counted:
            value = int(key[5])
            size = float(abs(value)) if count > 0 else 0.0
            for cell in (cells[key[:3]], cells[key[:2]]):
                cell[0] += value * count
                cell[1] += count
                cell[2] = max(cell[2], size)
            if (bounds := codes[key[0]]) is not None:
                bins[*key[:2], bisect_left(bounds, value)] += count
        for table, names in (("cell", ("series", "day", "who")), ("daily", ("series", "day"))):
            self._add_up(table, names, {cell: added for cell, added in cells.items() if len(cell) == len(names)})
        self.database.executemany(_ADD_BIN, [(*cell, n) for cell, n in sorted(bins.items()) if n])
        self.database.executemany(_REMOVE_BIN, [cell for cell, n in bins.items() if n < 0])

    def _add_up(self, table: str, names: tuple[str, ...], cells: Mapping[Cell, list[Any]]) -> None:
        """Add to the rows of a table of sums: total, count and the greatest value that came."""
        written, gone = [], []
        where = " AND ".join(f"{name} = ?" for name in names)
        select = f"SELECT total, n, top FROM {table} WHERE {where}"  # noqa: S608 - our own text
        for cell, (added, more, top) in sorted(cells.items()):
            before = self.execute(select, cell).fetchone() or (0, 0, 0.0)
            total, count = int(before[0]) + added, before[1] + more
            if count or total:
                kept = total if -_SUMMED < total < _SUMMED else str(total)
                written.append((*cell, kept, count, max(before[2], top)))
            else:
                gone.append(cell)
        marks = ", ".join("?" * (len(names) + 3))
        self.database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", written)  # noqa: S608 - our own text
        self.database.executemany(f"DELETE FROM {table} WHERE {where}", gone)  # noqa: S608 - our own text

    def trim(self, partition: int, first_day: int) -> None:
        """Take out a partition's shares of before a local day."""
        counted: Counted = []
        gone: list[Key] = []
        for series in self._series.values():
            for *found, count, pending in self.execute(_OLD, (series, first_day, partition)):
                key: Key = tuple(found)
                gone.append(key)
                if pending is None:
                    counted.append((key, -count))
        self.database.executemany(f"UPDATE share SET n = 0 {_WHERE}", gone)  # noqa: S608 - our own text
        self.database.executemany(_REMOVE, gone)
        self._sum_up(counted)

    def settle(self, now: int) -> None:
        """Count what no clock changes any more."""
        counted: Counted = []
        codes = {no: code for (code, _, _), no in self._series.items()}
        query = "SELECT series, day, who, entity, time, value, n, pending FROM share WHERE pending IS NOT NULL"
        for *found, count, pending in self.execute(query).fetchall():
            key: Key = tuple(found)
            one = Contribution(codes[key[0]], (), "", "", 0, 0, "", "", "", pending=Pending(*_decode(pending)))
            if settled(one, now, self.rules):
                counted.append((key, count))
        done = [key for key, _ in counted]
        self.database.executemany(f"UPDATE share SET pending = NULL {_WHERE}", done)  # noqa: S608 - our own text
        self._sum_up(counted)

    def _is_pending(self, key: Key) -> bool:
        found = self.execute(f"SELECT pending IS NOT NULL FROM share {_WHERE}", key).fetchone()  # noqa: S608 - our own text
        return bool(found and found[0])

    def _source(self, name: str) -> int:
        if (no := self._sources.get(name)) is None:
            no = self._sources[name] = self.execute("INSERT INTO source (name) VALUES (?)", (name,)).lastrowid or 0
        return no

    def _numbered_series(self, one: Contribution) -> int:
        name = (one.code, one.labels, one.currency)
        if (no := self._series.get(name)) is None:
            labels = msgspec.json.encode(one.labels).decode()
            cursor = self.execute(
                "INSERT INTO series (code, labels, currency) VALUES (?, ?, ?)", (one.code, labels, one.currency)
            )
            no = self._series[name] = cursor.lastrowid or 0
        return no

    def numbered_who(self, manager: str, team: str) -> int:
        """The number of a manager with a team as stated."""
        if (no := self._who.get((manager, team))) is None:
            cursor = self.execute("INSERT INTO who (manager, team) VALUES (?, ?)", (manager, team))
            no = self._who[manager, team] = cursor.lastrowid or 0
        return no


_WHERE = "WHERE series = ? AND day = ? AND who = ? AND entity = ? AND time = ? AND value = ?"
_REDUCE = f"UPDATE share SET n = n - ? {_WHERE}"  # noqa: S608 - our own text
_REMOVE = f"DELETE FROM share {_WHERE} AND n <= 0"  # noqa: S608 - our own text
_ADD = "INSERT INTO share VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
_ADD_BIN = "INSERT INTO bin VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
_REMOVE_BIN = "DELETE FROM bin WHERE series = ? AND day = ? AND number = ? AND n = 0"
_OLD = (
    "SELECT series, day, who, entity, time, value, n, pending FROM share JOIN entity ON entity.no = entity "
    "JOIN client ON client.no = entity.client WHERE series = ? AND day < ? AND partition = ?"
)


def _order(item: tuple[Key, int]) -> tuple[int, ...]:
    return item[0][:5]


def _shown_until(one: OpenThing) -> int:
    """The moment (us) from which on nobody shows it."""
    hour = 3600 * 10**6
    if one.until:
        return one.until
    if one.code == "talk" or (one.code == "waiting" and one.labels == ("call",)):
        return one.since + hour
    return _NEVER
