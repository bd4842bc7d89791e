"""Takes records of the log into the index: what they change, and up to where the log was read, in one transaction."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from producers.events import wire
from producers.events.intake import Refused, check_reference
from streams.ledger.deal_days import DealDays
from streams.ledger.held import Name, encode, everything, names, source_of
from streams.ledger.near import Near, Taken, longest_of, oldest_of
from streams.ledger.store import Head, IndexStore
from streams.plain.client import YOUNG, PlainClient
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import moment
from streams.plain.kafka import PositionedRecord
from streams.plain.kept import UNHEARD, PlainHeard, kept_from
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules

Parts = Mapping[tuple[str, int], Sequence[PositionedRecord]]
"""Topic and partition → its next records, in order."""


class LeftError(Exception):
    """What was being taken is left."""


@dataclass
class _PartitionReading:
    """How far a partition was read: offsets of the `last` record and the `next`, time (us), what was forwarded to it.

    heard: what its records say by the broker's clock.

    Between the two may lie what is no record: ends of transactions.
    """

    places: PlainPlaces
    next: int = 0
    last: int = -1
    time: int = 0
    heard: PlainHeard = UNHEARD


class Keeper:
    """The one writer of an index. Not safe for threads, but each call may be in another one."""

    def __init__(
        self,
        database: sqlite3.Connection,
        rules: PlainRules,
        partitions: int,
        events_topic: str,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._rules = rules
        self._partitions = partitions
        self._events_topic = events_topic
        self._clock = clock
        self._store = IndexStore(database, rules)
        self._is_left = False
        self._load()

    def leave(self) -> None:
        """Have what is being taken in another thread end soon, with nothing of it kept."""
        self._is_left = True

    def _load(self) -> None:
        """How far it is, from the database: at the start, and after a rollback, which memory is ahead of."""
        self._deal_days = DealDays(self._store)
        self._readings: dict[int, _PartitionReading] = {}
        query = "SELECT number, copied, next, last, time, stamp, minutes, hours FROM partition"
        for number, copied, after, last, time, *heard in self._database.execute(query):
            places = PlainPlaces(number, self._partitions, dict(msgspec.msgpack.decode(copied)))
            self._readings[number] = _PartitionReading(places, after, last, time, PlainHeard(*heard))
        self._references = dict(self._database.execute("SELECT number, next FROM reference_partition").fetchall())
        self.reference = read_reference(self._database, self._rules.currency)

    def next(self, topic: str, partition: int) -> int:
        """The offset at which a partition is to be read on."""
        if topic == self._events_topic:
            return self._readings[partition].next if partition in self._readings else 0
        found: int = self._references.get(partition, 0)
        return found

    def last(self, partition: int) -> int:
        """Offset of the last record of events that was taken; -1 before any."""
        return self._readings[partition].last if partition in self._readings else -1

    def note(self, name: str, value: str) -> None:
        """Keep what somebody notes about the index, beside it."""
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def take(self, parts: Parts, ends: Mapping[tuple[str, int], int] | None = None) -> int:
        """Take the next records of partitions, all or nothing; says how many events counted.

        ends: up to where each was read where that is more than its records say (of aborted transactions).
        """
        self._database.execute("BEGIN IMMEDIATE")
        try:
            counted = 0
            for (topic, number), records in parts.items():
                after = max(records[-1].offset + 1 if records else 0, (ends or {}).get((topic, number), 0))
                if topic == self._events_topic:
                    counted += self._events(number, records, after)
                else:
                    self._reference(number, records, after)
            self._store.flush()
            self._deal_days.flush()
            self._store.settle(self._now())
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            self._store.forget()
            self._load()
            raise
        return counted

    def _now(self) -> int:
        return int(self._clock() * 1000) * 1000

    def _events(self, number: int, records: Sequence[PositionedRecord], after: int) -> int:
        reading = self._readings.setdefault(number, _PartitionReading(PlainPlaces(number, self._partitions)))
        before = kept_from(reading.time, self._rules) if reading.time else 0
        taken: defaultdict[str, list[Taken]] = defaultdict(list)
        counted = 0
        for record in records:
            if record.offset < reading.next:
                continue
            reading.heard = reading.heard.hear(record, reading.time)
            try:
                verdict, event, *_ = reading.places.judge(record)
            except Refused:
                continue
            if verdict == COUNTS:
                reading.time = max(reading.time, moment(event.time))
                taken[event.key].append((event, reading.time))
                counted += 1
        first_day = kept_from(reading.time, self._rules) if reading.time else 0
        if before and first_day > before:
            self._store.trim(number, first_day)
            self._deal_days.trim(number, first_day)
        now, heads = self._now(), []
        for key, events in taken.items():
            if self._is_left:
                raise LeftError
            head, is_new = self._store.client(key, number)
            self._client(head, events, first_day, now, is_new=is_new)
            heads.append(head)
        self._store.save_clients(heads)
        reading.next = max(reading.next, after)
        reading.last = max([reading.last, *(record.offset for record in records[-1:])])
        copied = msgspec.msgpack.encode(list(reading.places.copied.items()))
        self._database.execute(
            "INSERT OR REPLACE INTO partition VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, reading.next, reading.last, reading.time, *reading.heard, copied),
        )
        return counted

    def _client(self, head: Head, taken: Sequence[Taken], first_day: int, now: int, *, is_new: bool) -> None:
        """Fold a client's events; what it adds and has open is replaced where it differs."""
        # Told twice of the same part of the client (`Near`): what lies farther off is missing from both.
        near = Near(self._store, head, self._rules, is_new=is_new)
        plain = near.read(taken)
        shares, things = _told(plain)
        for event, time in taken:
            plain.take(event, time)
        events = [event for event, _ in taken]
        self._keep_head(head, events, taken[-1][1], plain)
        self._deal_days.take(head, events, plain, first_day)
        numbers = self._entities(head, near, plain, events)
        after_shares, after_things = _told(plain)
        self._store.change_shares(_changes(shares, after_shares), numbers, first_day, now)
        self._store.change_things(head, _changes(things, after_things))

    def _entities(self, head: Head, near: Near, plain: PlainClient, events: Sequence[wire.Event]) -> dict[Name, int]:
        """Write what has changed; gives the number of each entity that was read or came."""
        numbers = {name: no for name, (no, _) in near.names.items()}
        held, firsts = everything(plain), plain.firsts()
        for name, value in held.items():
            known = near.names.get(name)
            touch = value.touched(firsts) if name[0] == "lead" else None
            touched = None if touch is None else touch.at
            body = encode(name[0], value, touched)
            if known is None:
                # A chat is from where its first event is from.
                source = source_of(value) or next(one.source for one in events if name in names(one))
                numbers[name] = self._store.add_entity(head, name, value, body, source, touched)
            elif known[1] != body:
                self._store.change_entity(known[0], name, value, body, source_of(value), touched)
        for name in near.names.keys() - held.keys():
            self._store.remove_entity(numbers[name])
        return numbers

    def _keep_head(self, head: Head, events: Sequence[wire.Event], time: int, plain: PlainClient) -> None:
        head.oldest = plain.oldest
        head.longest = max(head.longest, longest_of(events))
        if time - head.oldest > YOUNG and any(
            time - oldest_of(event) > YOUNG or isinstance(event, wire.InvoiceChanged) for event in events
        ):
            head.swept = 0

    def _reference(self, number: int, records: Sequence[PositionedRecord], after: int) -> None:
        start = self.next("", number)
        for record in records:
            if record.offset < start:
                continue
            key = (record.key or b"").decode(errors="replace")
            self.reference.take_record(record)
            if record.value is None:
                self._database.execute("DELETE FROM reference WHERE key = ?", (key,))
                continue
            try:
                event = check_reference(record)
            except Refused:
                continue
            if self.reference.held.get(event.key) is event or self.reference.held.get(event.key) == event:
                self._database.execute(
                    "INSERT OR REPLACE INTO reference VALUES (?, ?)", (event.key, wire.encode(event))
                )
        self._references[number] = max(start, after)
        self._database.execute("INSERT OR REPLACE INTO reference_partition VALUES (?, ?)", (number, max(start, after)))


def read_reference(database: sqlite3.Connection, currency: str) -> PlainReference:
    """The reference data that an index holds."""
    events = [wire.decode_reference(body) for (body,) in database.execute("SELECT event FROM reference ORDER BY key")]
    return PlainReference.of(events, currency)


def _told(plain: PlainClient) -> tuple[Counter[Contribution], Counter[OpenThing]]:
    return Counter(plain.contributions()), Counter(plain.open_things())


def _changes(before: Counter[Any], after: Counter[Any]) -> dict[Any, int]:
    """What has come (above 0) and gone; what went comes first."""
    gone = {one: after[one] - count for one, count in before.items() if after[one] < count}
    return gone | {one: count - before[one] for one, count in after.items() if count > before[one]}
