"""How deals stood at the end of each local day: what a forecast needs of those that were open.

Of each deal and day the greatest version that was said for it is kept, for as long as day cells are; so that what was
open as a day began follows from the days before it, in whatever order versions came and however often. Of what lies
before those days the last version is kept of deals that were still open then.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from metrics.pipeline import Stay
from producers.events import wire
from streams.ledger.store import Head, IndexStore, number
from streams.plain.client import Entity, PlainClient, name_of
from streams.plain.exact import Version, moment, ten_thousandths, version
from streams.plain.reference import PlainReference

OPEN, WON, LOST, DELETED = range(4)
_STATUSES = {"open": OPEN, "won": WON, "lost": LOST}
_FIELDS = "client, id, day, sequence, time, event, status, who, stage, amount, currency, created, closed"
_PUT = (
    f"INSERT INTO deal_day ({_FIELDS}) VALUES ({', '.join('?' * 13)}) ON CONFLICT DO UPDATE SET "  # noqa: S608 - our own text
    + ", ".join(f"{name} = excluded.{name}" for name in _FIELDS.split(", ")[3:])
    + " WHERE (excluded.sequence, excluded.time, excluded.event) > (sequence, time, event)"
)
_OLD = (
    "SELECT deal_day.client, id, day, sequence, time, event, status FROM deal_day "
    "JOIN client ON client.no = deal_day.client WHERE day < ? AND partition = ? ORDER BY deal_day.client, id"
)
_SINCE = "SELECT EXISTS (SELECT 1 FROM deal_day WHERE client = ? AND id = ? AND day >= ?)"
_ALL = (
    "SELECT client, id, day, sequence, time, event, status, manager, team, known.pipeline, known.stage, amount, "
    "currency, created, closed FROM deal_day JOIN who ON who.no = deal_day.who "
    "JOIN deal_stage AS known ON known.no = deal_day.stage ORDER BY client, id, day"
)


class _Said(NamedTuple):
    """A row: what a deal was said to be. amount: in ten-thousandths; days are ordinals."""

    client: int
    id: str
    day: int
    sequence: str
    time: int
    event: str
    status: int
    manager: str
    team: str
    pipeline: str
    stage: str
    amount: int | str
    currency: str
    created: int
    closed: int | None

    @property
    def version(self) -> Version:
        """Later ones are greater."""
        return self.sequence, self.time, self.event


class DealDays:
    """Writes them. One connection, used by one thread at a time; what is taken is written by `flush`."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store
        self._rows: list[tuple[Any, ...]] = []
        self._stages = {
            (pipeline, stage): no for no, pipeline, stage in store.execute("SELECT no, pipeline, stage FROM deal_stage")
        }

    def take(self, head: Head, events: Iterable[wire.Event], client: PlainClient, first_day: int) -> None:
        """Take a client's events, which are in `client` already. first_day: the first one that is kept."""
        for event in events:
            if isinstance(event, wire.DealChanged | wire.DealDeleted):
                last = client.latest.get(name_of(event))
                if last is None or version(last) <= version(event) or not self._was_over(last, first_day):
                    day = self._store.rules.day(moment(event.time))
                    self._rows.append((head.no, event.data.deal_id, day, *version(event), *self._state(event)))

    def flush(self) -> None:
        """Write what was taken."""
        self._store.database.executemany(_PUT, sorted(self._rows, key=itemgetter(0, 1, 2)))
        self._rows = []

    def trim(self, partition: int, first_day: int) -> None:
        """Of what was said before a day leave what counts on it."""
        self.flush()
        gone: list[tuple[int, str, int]] = []
        old = self._store.execute(_OLD, (first_day, partition)).fetchall()
        for deal, rows in groupby(old, key=itemgetter(0, 1)):
            *before, last = sorted(rows, key=itemgetter(3, 4, 5))
            gone += [(*deal, row[2]) for row in before]
            if last[6] != OPEN and not self._store.execute(_SINCE, (*deal, first_day)).fetchone()[0]:
                gone.append((*deal, last[2]))
        self._store.database.executemany("DELETE FROM deal_day WHERE client = ? AND id = ? AND day = ?", gone)

    def _was_over(self, last: Entity, first_day: int) -> bool:
        """Whether a deal was closed before what is kept begins: it need not be here any more."""
        is_open = isinstance(last, wire.DealChanged) and last.data.status == "open"
        return not is_open and self._store.rules.day(moment(last.time)) < first_day

    def _state(self, event: wire.DealChanged | wire.DealDeleted) -> tuple[Any, ...]:
        if isinstance(event, wire.DealDeleted):
            return DELETED, self._store.numbered_who("", ""), self._stage("", ""), 0, "", 0, None
        data, day = event.data, self._store.rules.day
        closed = None if data.status == "open" else day(moment(data.closed_at or event.time))
        return (
            _STATUSES[data.status], self._store.numbered_who(data.manager_id, data.team_id or ""),
            self._stage(data.pipeline, data.stage), number(ten_thousandths(data.amount)), data.currency,
            day(moment(data.created_at)), closed,
        )  # fmt: skip

    def _stage(self, pipeline: str, stage: str) -> int:
        if (no := self._stages.get((pipeline, stage))) is None:
            cursor = self._store.execute("INSERT INTO deal_stage (pipeline, stage) VALUES (?, ?)", (pipeline, stage))
            no = self._stages[pipeline, stage] = cursor.lastrowid or 0
        return no


def stays(database: Any, reference: PlainReference, last: int) -> Iterator[Stay]:
    """Over which days deals were open in a stage, as each day up to the last began."""
    said = (_Said(*row) for row in database.execute(_ALL))
    for _, rows in groupby(said, key=itemgetter(0, 1)):
        versions = list(rows)
        yield from _of_one(versions, max(versions, key=lambda one: one.version), reference, last + 1)


def _of_one(versions: list[_Said], final: _Said, reference: PlainReference, end: int) -> Iterator[Stay]:
    won: tuple[Any, ...] = ()
    if final.status == WON:
        won = reference.team(final.manager, final.team), final.closed, _base(final, final.closed or 0, reference)
    held = versions[0]
    for one, until in zip(versions, [*(later.day + 1 for later in versions[1:]), end], strict=True):
        held = max(held, one, key=lambda version: version.version)
        if held.status == OPEN and one.day + 1 < until:
            team, amount = reference.team(held.manager, held.team), _base(held, one.day + 1, reference)
            yield Stay(team, held.pipeline, held.stage, held.created, one.day + 1, until, amount, *won)


def _base(said: _Said, day: int, reference: PlainReference) -> float:
    """An amount in the base currency as of a day; 0 without a rate."""
    if said.currency == reference.currency:
        return float(said.amount)
    return float(round(int(said.amount) * (reference.rate(said.currency, day) or 0)))
