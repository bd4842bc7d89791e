"""One moment of the index as a question sees it: whose shares are asked for, by series, as contributions again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from streams.ledger.held import KINDS, NUMBERS
from streams.plain.contribution import Contribution, Pending
from streams.plain.rows import PlainQuery, PlainRow
from streams.plain.shown import PlainShown

_SHARE = (
    "share.who, share.day, share.time, share.value, share.n, share.pending, entity.kind, entity.id, client.key",
    "JOIN entity ON entity.no = share.entity JOIN client ON client.no = entity.client",
)
_ENTITY = (
    "SELECT entity.kind, entity.id, client.key FROM entity JOIN client ON client.no = entity.client WHERE entity.no = ?"
)
_FEW = 4
"""Of so many times as many people each day is looked up for each of those asked for; of fewer all are gone through."""


class ShareSeries(NamedTuple):
    """Shares of one family with the same labels and currency."""

    no: int
    code: str
    labels: tuple[str, ...]
    currency: str


@dataclass
class Snapshot:
    """One moment of the index, within a transaction that only reads."""

    execute: Callable[..., Any]
    query: PlainQuery
    shown: PlainShown
    who: dict[int, tuple[str, str]]
    """Number → manager and team as stated, of those who are asked for."""
    people: int
    """How many there are at all."""

    @property
    def all_asked(self) -> bool:
        """Whether everybody is asked for."""
        return len(self.who) == self.people

    def series(self) -> list[ShareSeries]:
        """Those of the family that may count; labels that the clock decides are looked at later."""
        family, found = self.query.declared, []
        for no, code, labels, currency in self.execute(
            "SELECT no, code, labels, currency FROM series WHERE code = ?", (family.code,)
        ):
            found.append(ShareSeries(no, code, tuple(msgspec.json.decode(labels)), currency))
        return found

    def fits(self, series: ShareSeries) -> bool:
        """Whether the labels are those asked for."""
        own = dict(zip(self.query.declared.labels, series.labels, strict=True))
        return all(own.get(name, value) == value for name, value in self.query.labels.items() if name != "le")

    def within(
        self,
        table: str,
        columns: str,
        series: ShareSeries,
        first: int,
        last: int,
        *,
        joined: str = "",
        ending: str = "",
    ) -> Any:
        """Rows of a table by series, day and who: of a run of local days, of those who are asked for."""
        whose = ", ".join(map(str, self.who))
        held = f"FROM {table} {joined} WHERE {table}.series = ? AND {table}.day BETWEEN ? AND ?"
        if self.all_asked:
            return self.execute(f"SELECT {columns} {held} {ending}", (series.no, first, last))
        if len(self.who) * _FEW > self.people:
            whole = f"SELECT {columns} {held} AND {table}.who IN ({whose}) {ending}"
            return self.execute(whole, (series.no, first, last))
        # One by one, or the whole of each day would be read.
        text = (
            f"WITH RECURSIVE run(day) AS (SELECT ? UNION ALL SELECT day + 1 FROM run WHERE day < ?), "  # noqa: S608 - our own text
            f"asked(who) AS (VALUES {', '.join(f'({who})' for who in self.who) or '(NULL)'}) "
            f"SELECT {columns} FROM run CROSS JOIN asked CROSS JOIN {table} ON {table}.series = ? "
            f"AND {table}.day = run.day AND {table}.who = asked.who {joined} WHERE true {ending}"
        )
        return self.execute(text, (first, last, series.no))

    def shares(
        self, series: ShareSeries, first: int, last: int, condition: str = "", who: int | None = None
    ) -> Iterator[tuple[Contribution, int]]:
        """Shares of a run of local days, of those asked for or of one of them, with how often each is there."""
        columns, joined = _SHARE
        if who is None:
            found = self.within("share", columns, series, first, last, joined=joined, ending=condition)
        else:
            text = f"SELECT {columns} FROM share {joined} WHERE series = ? AND day = ? AND who = ? {condition}"  # noqa: S608 - our own text
            found = self.execute(text, (series.no, first, who))
        return self._contributions(series, found)

    def nearest(self, series: ShareSeries, first: int, last: int, ending: str) -> Iterator[tuple[Contribution, int]]:
        """Those shares of a run of local days that the ending of the query picks."""
        columns = "share.who, share.day, share.time, share.value, share.n, share.entity"
        picked = self.within("share", columns, series, first, last, ending=ending).fetchall()
        found = ((*share, None, *self.execute(_ENTITY, (entity,)).fetchone()) for *share, entity in picked)
        return self._contributions(series, found)

    def pending(self, series: ShareSeries) -> Iterator[tuple[Contribution, int]]:
        """Shares that wait for the clock."""
        columns, joined = _SHARE
        # SQLite would rather go through all of the series.
        held = f"FROM share INDEXED BY share_pending {joined}"
        text = f"SELECT {columns} {held} WHERE share.series = ? AND share.pending IS NOT NULL"
        return self._contributions(series, self.execute(text, (series.no,)))

    def _contributions(self, series: ShareSeries, found: Any) -> Iterator[tuple[Contribution, int]]:
        for who, _, time, value, n, pending, kind, entity, client in found:
            if who in self.who:
                name = KINDS[kind]
                wait = None if pending is None else Pending(*msgspec.msgpack.decode(pending))
                whose = "" if name == "cost" else client
                yield (
                    Contribution(
                        series.code, series.labels, *self.who[who], time, int(value), name, entity, whose,
                        series.currency, wait,
                    ),
                    n,
                )  # fmt: skip

    def sources(self, rows: Sequence[PlainRow]) -> list[str]:
        """Where entities are from; "" of what is none."""
        return [self._source(row) for row in rows]

    def _source(self, row: PlainRow) -> str:
        for kind in _HELD_AS.get(row.kind, (row.kind,)):
            if kind in NUMBERS:
                client = row.client or row.entity  # a cost is its own client
                found = self.execute(_SOURCE, (client, NUMBERS[kind], row.entity)).fetchone()
                if found is not None:
                    return str(found[0])
        return ""


_HELD_AS = {"call": ("call", "ring")}
_SOURCE = (
    "SELECT source.name FROM client JOIN entity ON entity.client = client.no JOIN source ON source.no = entity.source "
    "WHERE client.key = ? AND entity.kind = ? AND entity.id = ?"
)
