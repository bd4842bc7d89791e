"""What takes a field of an event from the cells of a row, as a mapping says: made once for a table."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from producers.errors import Refused
from producers.identities import Resolver
from producers.importer.cells import Cell, day_text, text
from producers.importer.clients import client_taker, hasher
from producers.importer.durations import duration
from producers.importer.fields import KINDS, Convert, FieldKind, Value, Written, converter
from producers.importer.ids import id_text
from producers.importer.mapping import MappedColumn, MappingFile, When
from producers.importer.money import AmountReader
from producers.importer.places import ColumnPlaces, Row, finder

Take = Callable[[Row], Value | None]


class Taker:
    """Takes one field: how it is converted, and what an empty or unknown cell is taken for."""

    def __init__(
        self, name: str, spec: MappedColumn, file: MappingFile, places: ColumnPlaces, currency: str | None
    ) -> None:
        self.name = name
        self.spec = spec
        self._hashed = hasher(spec, places)
        self.names_one = is_id(name) and spec.values is None and len(spec.join or "1") == 1
        zone = ZoneInfo(file.timezone) if file.timezone else None
        decimal = spec.decimal or places.decimal(spec.columns)
        self.convert: Convert = converter(Written(name, spec, zone, decimal, currency, places.from_1904))

    @property
    def changes(self) -> bool:
        """Whether the mapping changes the text of a cell before it is converted."""
        return self.changes_each or bool(self.spec.prefix)

    @property
    def changes_each(self) -> bool:
        """Whether that takes more than a prefix, so that it is worth being remembered."""
        return self.spec.values is not None or self.spec.width is not None or self.spec.hash

    def cell(self, cell: Cell) -> Value | None:
        """The value of a cell. Raises Refused."""
        if type(cell) is str:
            cell = cell.strip()
        if cell == "":
            return self.spec.default
        if self.names_one:
            cell = id_text(self.name, cell)
        return self._changed(text(cell)) if self.changes else self.convert(cell)

    def _changed(self, found: str) -> Value | None:
        spec = self.spec
        if spec.values is not None:
            known = spec.values.get(found)
            if known is None:
                if spec.default is None:
                    raise Refused("invalid_data", f"{self.name}: the mapping has no value for {found!r}")
                return spec.default
            found = known
        if spec.width is not None:
            found = found.zfill(spec.width)
        if self._hashed is not None:
            found = self._hashed(found)
        return self.convert(spec.prefix + found)


def taker(
    name: str,
    spec: MappedColumn,
    file: MappingFile,
    places: ColumnPlaces,
    currency: str | None,
    resolver: Resolver | None = None,
) -> Take:
    """What takes one field from rows. Raises ImportProblem where identities are needed and there are none."""
    if spec.constant is not None:
        return lambda _: spec.constant
    if spec.is_identity:
        return client_taker(spec, places, resolver)
    part = partial(id_text, name) if is_id(name) else day_text if KINDS.get(name) is FieldKind.TIME else text
    find, take = finder(spec, places, part), Taker(name, spec, file, places, currency).cell
    if spec.plus:
        return _later(name, lambda row: take(find(row)), spec, places)
    return lambda row: take(find(row))


def _later(name: str, take: Take, spec: MappedColumn, places: ColumnPlaces) -> Take:
    """What takes a time, and adds what durations say."""
    added = [places.at[column] for column in spec.plus or ()]

    def later(row: Row) -> Value | None:
        begin = take(row)
        if begin is None:
            return None
        lasted = [duration(name, row[place], spec.clock) for place in added]
        end = datetime.fromisoformat(str(begin)) + sum(lasted, timedelta())
        return end.isoformat().replace("+00:00", "Z")

    return later


def is_id(name: str) -> bool:
    """Whether a field names something."""
    return name == "id" or name.endswith("_id")


def condition(when: When, places: ColumnPlaces) -> Callable[[Row], bool]:
    """What says whether a condition holds of a row. It raises Refused."""
    index, column = places.at[when.column], when.column
    amount = AmountReader(column, places.decimal([column]))

    def holds(row: Row) -> bool:
        cell = row[index]
        found = text(cell)
        return (
            (when.is_ is None or found in when.is_)
            and (when.not_ is None or found not in when.not_)
            and (when.filled is None or when.filled == bool(found))
            and (when.negative is None or (bool(found) and when.negative == (amount.number(cell) < 0)))
        )

    return holds
