"""The law of corrections: after a table is edited and imported again, numbers are those of the new table alone."""

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.catalogue.money import MONEY_EVENTS
from producers.events import wire
from producers.importer.entities import item
from producers.importer.known import Known
from producers.importer.mapping import MappingFile
from producers.importer.rows import RowMapper
from producers.importer.run import Import
from producers.importer.source import SourceFile
from producers.importer.state import StateFile
from producers.importer.tables import MappedTable
from producers.importer.withdrawing import Missing, kinds, withdrawals
from streams.plain import recompute
from streams.plain.parts import parts
from tests.laws.replay import plain_rules

ZONE = ZoneInfo("Europe/Moscow")
NOW_MS = 1_795_435_200_000
COLUMNS = ("Kind", "Id", "Client", "Owner", "Status", "Amount", "Day", "Version")
_DATA = {"client_id": {"column": "Client", "prefix": "c-"}, "manager_id": "Owner"}
_MONEY = {"amount": {"column": "Amount", "decimal": "."}, "currency": {"constant": "RUB"}}
_CREATED = {"created_at": {"constant": "2026-01-01T00:00:00Z"}}
_RULES = {
    "deal": {
        "deal_id": "Id", "pipeline": {"constant": "retail"}, "stage": "Status", "status": "Status",
        "closed_at": "Day", **_MONEY, **_CREATED,
    },
    "payment": {"payment_id": "Id", **_MONEY},
    "refund": {"payment_id": "Id", **_MONEY},
    "invoice": {
        "invoice_id": "Id", "status": {"constant": "issued"}, "issued_at": "Day",
        "due_at": {"constant": "2026-12-01T00:00:00Z"}, **_MONEY,
    },
    "cost": {"cost_id": "Id", "category": {"constant": "ads"}, **_MONEY},
    "meeting": {"meeting_id": "Id"},
    "rating": {"rating_id": "Id", "score": {"constant": 4}},
    "call": {
        "call_id": "Id", "direction": {"constant": "inbound"}, "outcome": {"constant": "answered"},
        "started_at": "Day", "answered_at": "Day",
    },
}  # fmt: skip
_TYPES = {
    "deal": "sales.deal.changed.v1",
    "payment": "sales.payment.received.v1",
    "refund": "sales.payment.refunded.v1",
    "invoice": "sales.invoice.changed.v1",
    "cost": "sales.cost.booked.v1",
    "meeting": "sales.meeting.held.v1",
    "rating": "sales.rating.given.v1",
    "call": "sales.call.ended.v1",
}
LASTING = ("meeting", "rating", "call")
"""Kinds that the contract cannot take back: they stay in the table here."""


def mapper(*, given: bool, versions: bool) -> RowMapper:
    rules = []
    for kind, data in _RULES.items():
        own = {name: spec for name, spec in _DATA.items() if kind != "cost" or name != "client_id"}
        rule = {
            "type": {"constant": _TYPES[kind]},
            "time": "Day",
            "when": {"column": "Kind", "is": kind},
            "data": data | own,
        }
        if given:
            rule["id"] = {"join": ["Kind", "Id"]}
        if versions:
            rule["sequence"] = {"column": "Version", "width": 4}
        rules.append(rule)
    return RowMapper(MappingFile.model_validate({"source": "crm://law", "timezone": "UTC", "events": rules}))


@dataclass
class CorrectedLog:
    """What Kafka has, in the order of the log; the index follows it when `follow` is called."""

    values: list[bytes] = field(default_factory=list)
    followed: int = 0

    async def publish_many_raw(self, records, *, reference=False):
        taken = [value for _, value in records]
        self.values += taken
        return len(taken)

    def follow(self, known: Known) -> None:
        found = [(item(wire.decode(value)), 0, at) for at, value in enumerate(self.values)][self.followed :]
        self.followed = len(self.values)
        known.take(found, {})

    async def lying(self, places):
        for place in places:
            yield wire.decode(self.values[place.at])

    def numbers(self):
        found = parts(recompute((wire.decode(value) for value in self.values), plain_rules(ZONE)))
        # What is taken back of money is an amount of 0: how many there were (for `sales_unconverted_events`) stays.
        count = f"{MONEY_EVENTS}\x1f"
        cells = {
            name: {code: value for code, value in cell.items() if value and not code.startswith(count)}
            for name, cell in found.items()
            if name[0] not in ("m", "h")  # how far back minutes go depends on the latest time of all
        }
        return {name: cell for name, cell in cells.items() if cell}


def written(rows) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    table.writerows(rows)
    return out.getvalue().encode()


async def imported(folder: Path, rows, how: RowMapper, log: CorrectedLog, known: Known):
    path = folder / "table.csv"
    path.write_bytes(written(rows))
    log.follow(known)
    job = Import(
        SourceFile(str(path)), MappedTable(how), log, folder / "rejects", StateFile(None, None), known,
        now_ms=lambda: NOW_MS, wanted=lambda: True, advance=lambda *_: None, batch=3,
    )  # fmt: skip
    before = len(log.values)
    assert await job.run()
    state = job.state
    assert state.refused == 0, job.report.examples
    assert state.counts.total == job.report.types.total()
    assert state.counts.waiting == 0
    assert len(log.values) - before == state.counts.sent
    log.follow(known)
    return state


async def withdrawn(log: CorrectedLog, known: Known, how: RowMapper, run: int) -> None:
    missing = Missing()
    places = list(known.missing(how.origin.source, kinds(how.origin.types), [run]))
    pairs = [pair async for pair in withdrawals(log.lying(places), how.origin, missing)]
    await log.publish_many_raw(pairs)
    log.follow(known)
    assert missing.counts.total() == len(pairs)


@st.composite
def rows(draw, kinds_=tuple(_RULES)):
    kind, number = draw(st.sampled_from(kinds_)), draw(st.integers(1, 3))
    return (
        kind,
        f"{kind[0]}{number}",
        number % 2,  # the client of an entity never changes
        draw(st.sampled_from(["m-1", "m-2"])),
        draw(st.sampled_from(["open", "won", "lost"])),
        f"{draw(st.integers(0, 3))}.{draw(st.integers(0, 9))}",
        f"2026-11-{draw(st.integers(1, 5)):02d}T10:00:00Z",
        draw(st.integers(0, 3)),
    )


@st.composite
def edited(draw, table):
    """A table with rows changed, added, doubled, moved about and taken out."""
    found = [row if draw(st.booleans()) else draw(st.one_of(rows(), _changed(row))) for row in table]
    found = [row for row in found if draw(st.integers(0, 3)) or row[0] in LASTING]
    found += draw(st.lists(rows(), max_size=3))
    lasting = {(row[0], row[1]) for row in table if row[0] in LASTING} - {(row[0], row[1]) for row in found}
    found += [row for row in table if (row[0], row[1]) in lasting]
    return draw(st.permutations(found))


@st.composite
def _changed(draw, row):
    other = draw(rows())
    return tuple(mine if place < 3 or draw(st.booleans()) else other[place] for place, mine in enumerate(row))


@st.composite
def tables(draw):
    first = draw(st.lists(rows(), min_size=1, max_size=10))
    found = [first]
    for _ in range(draw(st.integers(1, 3))):
        found.append(draw(edited(found[-1])))
    return found


@settings(
    deadline=None, max_examples=int(os.environ.get("TEST_EXAMPLES", "25")), suppress_health_check=list(HealthCheck)
)
@given(tables(), st.booleans(), st.booleans())
async def test_edited_tables(tmp_path_factory, versions_of, given_ids, sequences):
    """However a table is edited and imported again, numbers are those of the last table; once more sends nothing."""
    folder, how = tmp_path_factory.mktemp("law"), mapper(given=given_ids, versions=sequences)
    log, known = CorrectedLog(), Known(None)
    for table in versions_of:
        state = await imported(folder, table, how, log, known)
        await withdrawn(log, known, how, state.run)
        alone = CorrectedLog()
        await imported(folder, table, how, alone, Known(None))
        assert log.numbers() == alone.numbers()
        again = await imported(folder, table, how, log, known)
        assert again.counts.sent == 0
        await withdrawn(log, known, how, again.run)
        assert log.numbers() == alone.numbers()
        fresh = Known(None)
        log.followed = 0
        lost = await imported(folder, table, how, log, fresh)
        assert lost.counts.sent == 0, "an index that was lost is read from the log again"
