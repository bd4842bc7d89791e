"""The import of a client list (`client_id`, `phone…`, `email…`): claims for the identities, and no event."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import msgspec

from producers.errors import Refused
from producers.identities import Member, Resolver
from producers.importer.clients import ClientRows, ListedClient, is_client_list
from producers.importer.formats import InputRecord, singly
from producers.importer.mapping import MappingFile
from producers.importer.readers import RowReader, SheetReader, first
from producers.importer.rejects import Rejects
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable
from producers.importer.text_rows import TextReader

_TITLES = 50
_BATCH = 5000


@dataclass(slots=True)
class ListReport:
    """What became of the rows. renamed: clients that stay under the id that claimed their number before."""

    taken: int = 0
    renamed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, Refused]] = field(default_factory=list)


def client_list(source: SourceFile, mapping: MappingFile) -> MappedTable | None:
    """What reads a client list; None when the file is none. `mapping` is what tables are read with by themselves."""
    source.keep()
    reader: RowReader = SheetReader(source, mapping) if source.is_sheet else TextReader(source, mapping)
    for dialect in reader.dialects():
        for row in first(reader, dialect, _TITLES):
            names = tuple(str(cell) for cell in row.cells)
            if is_client_list(names):
                return MappedTable(ClientRows(names))
    return None


class ListImport:
    """Claims what a list says, in batches, and counts what became of its rows."""

    def __init__(self, table: MappedTable, resolver: Resolver, rejects: Rejects | None) -> None:
        self._table = table
        self._resolver = resolver
        self._rejects = rejects
        self.report = ListReport()

    async def run(self, source: SourceFile, advance: Callable[[int], None]) -> None:
        """Take the whole list. Twice does no harm: what is claimed is claimed."""
        with self._rejects or nullcontext():
            for batch in _batches(singly(self._table.records(source, State()))):
                listed = []
                for record in batch:
                    try:
                        listed += self._members(record)
                    except Refused as refused:
                        self.report.refused.append((record.number, refused))
                        if self._rejects is not None:
                            self._rejects.add(record.number, record.raw, refused, self._table.header)
                await self._resolver.unite([[member] for member in listed])
                self.report.taken += len(listed)
                self.report.renamed += sum(self._resolver.listed(member.own) != member.own for member in listed)
                if self._rejects is not None:
                    self._rejects.flush()
                advance(len(batch))

    def _members(self, record: InputRecord) -> list[Member]:
        if record.problem is not None:
            raise record.problem
        if not record.values:
            self.report.left_out[record.left_out] += 1
            return []
        listed = msgspec.json.decode(record.values[0], type=ListedClient)
        hashes = self._resolver.hashes(listed.phones, listed.emails)
        if not hashes:
            said = ", ".join(listed.phones + listed.emails)[:60]
            raise Refused("invalid_data", f"phone, email: {said!r} is neither a phone number nor an address")
        return [Member(listed.client, hashes)]


def _batches(records: Iterator[InputRecord]) -> Iterator[list[InputRecord]]:
    batch: list[InputRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
