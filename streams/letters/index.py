"""Which dead letters are open, and in which order their records were refused: letters and marks, kept in SQLite.

A letter is known by where its record lay: written again by another application or by a recount it is the same one.
A mark closes it, whichever of the two is read first. On disk, as nothing bounds how much is refused.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.letters import letter
from streams.letters.dead_letter import DeadLetter
from streams.plain.kafka import PositionedRecord

_SCHEMA = """
create table if not exists letters (
    topic text, partition int, offset int,
    first_topic text, first_partition int, first_offset int,
    reason text, sender text, time int, closed text, lies_on int, lies_at int, body blob,
    primary key (topic, partition, offset)
) without rowid;
create index if not exists open_letters on letters (reason, sender) where closed is null;
create table if not exists marks (
    topic text, partition int, offset int, what text, primary key (topic, partition, offset)
) without rowid;
create table if not exists positions (partition int primary key, offset int);
"""
_LETTER = """
insert or replace into letters values (?, ?, ?, ?, ?, ?, ?, ?, ?,
    (select what from marks where (topic, partition, offset) = (?, ?, ?)), ?, ?, ?)
"""
_IN_LOG_ORDER = """
select body, closed from (
    select one.*, coalesce(first.time, one.time) as since
    from letters one left join letters first
    on (first.topic, first.partition, first.offset) = (one.first_topic, one.first_partition, one.first_offset)
) {where}
order by
    max(since) over (partition by first_topic, first_partition order by first_offset, topic, partition, offset),
    first_topic, first_partition, first_offset, topic, partition, offset
"""
"""Between partitions by the broker's time; within one always by offset, even if that clock was set back."""
_LATEST = "select body, closed from letters {where} order by time desc, topic, partition, offset desc limit ?"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant: any reason or sender where none is named; since ≤ time < until, Unix ms."""

    reasons: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    closed_too: bool = False

    def where(self) -> tuple[str, list[Any]]:
        """As SQL, with its parameters."""
        terms: list[str] = [] if self.closed_too else ["closed is null"]
        values: list[Any] = []
        for column, wanted in (("reason", self.reasons), ("sender", self.senders)):
            if wanted:
                terms.append(f"{column} in ({', '.join('?' * len(wanted))})")
                values += sorted(wanted)
        for term, moment in (("time >= ?", self.since), ("time < ?", self.until)):
            if moment is not None:
                terms.append(term)
                values.append(moment)
        return f"where {' and '.join(terms)}" if terms else "", values


class LetterIndex:
    """Letters and marks that were read. `path`: where it lasts; without one it ends with the process.

    `bodies`: whether the records themselves are kept, to list or replay them. Raises sqlite3.DatabaseError when the
    file is damaged or the disk full. Not to be used by two threads at once.
    """

    def __init__(self, path: Path | None = None, *, bodies: bool = True) -> None:
        self._bodies = bodies
        self._db = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
        self._db.execute("pragma synchronous = off")  # what a crash of the machine takes is read again
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def take(self, partition: int, records: Iterable[PositionedRecord], after: int) -> None:
        """Take in what the topic holds of a partition up to the offset `after`, which is read next."""
        db = self._db
        db.execute("begin")
        try:
            for record in records:
                self._take(partition, record)
            db.execute("insert or replace into positions values (?, ?)", (partition, after))
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise

    def _take(self, partition: int, record: PositionedRecord) -> None:
        place = letter.place_of(record.headers)
        if place is None:
            return  # nothing that a worker wrote
        if what := letter.text(record.headers, letter.MARK):
            self._db.execute("insert or replace into marks values (?, ?, ?, ?)", (*place, what))
            self._db.execute(
                "update letters set closed = ? where (topic, partition, offset) = (?, ?, ?)", (what, *place)
            )
            return
        one = DeadLetter.of(partition, record)
        body = one.packed() if self._bodies else None
        first = one.first or place
        lies = partition, record.offset
        self._db.execute(_LETTER, (*place, *first, one.reason, one.sender, one.time, *place, *lies, body))

    def forget(self, partition: int, before: int) -> None:
        """Let go of letters that the topic does not hold any more: those before an offset."""
        self._db.execute("delete from letters where lies_on = ? and lies_at < ?", (partition, before))

    def positions(self) -> dict[int, int]:
        """Partition → the offset that is read next."""
        return dict(self._db.execute("select partition, offset from positions"))

    def counts(self, wanted: Filter) -> Mapping[tuple[str, str], int]:
        """Reason and sender → how many letters."""
        where, values = wanted.where()
        query = f"select reason, sender, count(*) from letters {where} group by reason, sender"  # noqa: S608 - ours
        return {(reason, sender): n for reason, sender, n in self._db.execute(query, values)}

    def in_log_order(self, wanted: Filter) -> Iterator[DeadLetter]:
        """Letters in the order of the log that their records came from."""
        where, values = wanted.where()
        for body, closed in self._db.execute(_IN_LOG_ORDER.format(where=where), values):
            yield DeadLetter.unpacked(body, closed or "")

    def latest(self, wanted: Filter, limit: int) -> list[DeadLetter]:
        """The last of them by time, oldest first."""
        where, values = wanted.where()
        rows = self._db.execute(_LATEST.format(where=where), [*values, limit]).fetchall()
        return [DeadLetter.unpacked(body, closed or "") for body, closed in reversed(rows)]
