"""Rows of a foreign table made into events, as a mapping file says."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from producers.errors import Refused
from producers.events import ALL_TYPES
from producers.identities import Resolver
from producers.importer.cells import Cell, text
from producers.importer.columns import ODD, columnwise
from producers.importer.derived import derived_id
from producers.importer.errors import MappingProblem
from producers.importer.fields import KINDS, FieldKind, Value
from producers.importer.formats import EventOrigin
from producers.importer.mapping import MappedColumn, MappingFile, Rule
from producers.importer.places import ColumnPlaces, Row
from producers.importer.taking import condition, taker

_encode = msgspec.json.encode


class _Maker:
    """One rule, ready to make events from the rows of one table."""

    def __init__(self, rule: Rule, file: MappingFile, places: ColumnPlaces, resolver: Resolver | None) -> None:
        currency = rule.data["currency"].constant if "currency" in rule.data else None
        take = partial(taker, file=file, places=places, currency=str(currency) if currency else None, resolver=resolver)
        self._source = file.source
        self._conditions = [condition(when, places) for when in rule.when]
        self._type, self._time = take("type", rule.type), take("time", rule.time)
        self._id = take("id", rule.id) if rule.id else None
        self._sequence = take("sequence", rule.sequence) if rule.sequence else None
        self._constants = {name: spec.constant for name, spec in rule.data.items() if spec.constant is not None}
        self._data = [(name, take(name, spec)) for name, spec in rule.data.items() if spec.constant is None]

    def make(self, row: Row) -> bytes | None:
        """Return the event of a row as JSON; None when the row makes none. Raises Refused."""
        for holds in self._conditions:
            if not holds(row):
                return None
        data: dict[str, Value] = self._constants.copy()
        for name, take in self._data:
            value = take(row)
            if value is not None:
                data[name] = value
        if data.get("status") == "open":
            data.pop("closed_at", None)  # tables have there when a deal is expected to close
        time = self._time(row)
        if time is None:
            raise Refused(
                "invalid_data", "time: the cell is empty; name a second column for it, or leave such rows out"
            )
        event: dict[str, Any] = {
            "specversion": "1.0",
            "source": self._source,
            "type": self._type(row),
            "time": time,
            "data": data,
        }
        if self._sequence and (sequence := self._sequence(row)) is not None:
            event["sequence"] = str(sequence)
        given = self._id(row) if self._id else None
        event["id"] = str(given) if given is not None else derived_id(event)
        return _encode(event)


class RowMapper:
    """A mapping file, checked.

    columns: those that it looks at. plain_clients: those with ids of clients as they are. amounts: those whose decimal
    mark it does not say. origin: whose events it makes.
    """

    def __init__(self, file: MappingFile) -> None:
        self.file = file
        for number, rule in enumerate(file.events):
            for problem in _problems(rule):
                raise MappingProblem(f"events[{number}].{problem}")
        fields = [pair for rule in file.events for pair in _fields(rule)]
        conditions = [when for rule in file.events for when in rule.when]
        looked_at = (column for _, spec in fields for column in spec.columns + spec.addresses + (spec.plus or ()))
        self.columns = set(looked_at) | {when.column for when in conditions}
        self.needs_identities = any(spec.is_identity for _, spec in fields)
        self.needs_key = any(spec.hash for _, spec in fields)
        self.resolver: Resolver | None = None
        self.hashed: Callable[[str], str] | None = None
        clients = [
            spec for name, spec in fields if name == "client_id" and not (spec.is_identity or spec.hash or spec.values)
        ]
        self.plain_clients = {column for spec in clients for column in spec.columns}
        self._hidden = {column for _, spec in fields if spec.hash for column in spec.columns}
        self._hidden.update(column for _, spec in fields for column in spec.addresses)
        self.amounts = {
            column
            for name, spec in fields
            if KINDS.get(name) is FieldKind.AMOUNT and spec.decimal is None
            for column in spec.columns
        } | {when.column for when in conditions if when.negative is not None}
        types = frozenset(type_ for rule in file.events for type_ in _types(rule.type))
        self.origin = EventOrigin(file.source, types, given=any(rule.id is not None for rule in file.events))
        self._looked_at = list(dict.fromkeys(when.column for when in conditions))

    def bind(self, places: ColumnPlaces) -> Callable[[Row], tuple[bytes, ...]]:
        """Return what makes all events of a row of one table. It raises Refused."""
        makers = [_Maker(rule, self.file, places, self.resolver) for rule in self.file.events]
        if len(makers) == 1:
            make = makers[0].make
            return lambda row: () if (made := make(row)) is None else (made,)
        return lambda row: tuple(made for maker in makers if (made := maker.make(row)) is not None)

    def bind_many(self, places: ColumnPlaces, width: int) -> Callable[[Sequence[Row]], list[tuple[bytes, ...]]] | None:
        """The same for many rows, () for each that `bind` has to be asked about; None where that is all of them.

        width: how many cells a row has.
        """
        made = [columnwise(rule, self.file, places) for rule in self.file.events]
        makers = [one for one in made if one is not None]
        if len(makers) < len(made):
            return None

        def make(rows: Sequence[Row]) -> list[tuple[bytes, ...]]:
            if set(map(len, rows)) == {width}:
                return _together([one(rows) for one in makers])
            found: list[tuple[bytes, ...]] = [()] * len(rows)
            places = [place for place, row in enumerate(rows) if len(row) == width]
            for place, events in zip(places, make([rows[place] for place in places]) if places else (), strict=True):
                found[place] = events
            return found

        return make

    def why_none(self, row: Row, places: ColumnPlaces) -> str:
        """Why a row makes no event: what stands in the columns that rules look at."""
        seen = ", ".join(f"{column} is {self._shown(column, row[places.at[column]])}" for column in self._looked_at)
        return f"no rule's `when` holds: {seen}"

    def _shown(self, column: str, cell: Cell) -> str:
        """What stands in a cell; of a person's name, number or address only whether it does."""
        found = text(cell)
        return ("filled" if found else "empty") if column in self._hidden else repr(found[:40])


def _together(made: Sequence[Sequence[bytes | None]]) -> list[tuple[bytes, ...]]:
    """The events that all rules make of each row; () where there is none, or the row is odd to a rule."""
    if len(made) == 1:
        return [(one,) if one else () for one in made[0]]
    return [
        () if ODD in several else tuple(one for one in several if one is not None)
        for several in zip(*made, strict=True)
    ]


def _fields(rule: Rule) -> Iterator[tuple[str, MappedColumn]]:
    for name, spec in (("type", rule.type), ("time", rule.time), ("id", rule.id), ("sequence", rule.sequence)):
        if spec is not None:
            yield name, spec
    yield from rule.data.items()


def _types(spec: MappedColumn) -> Iterable[str]:
    """The types that a rule can make."""
    if spec.constant is not None:
        return (str(spec.constant),)
    return ALL_TYPES if spec.values is None else spec.values.values()


def _problems(rule: Rule) -> Iterator[str]:
    """What is wrong with a rule that its form does not show."""
    for name, spec in _fields(rule):
        if spec.hash and not (name in rule.data and name.endswith("_id")):
            yield f"{name}: hash is for the ids in data"
        if spec.plus and (KINDS.get(name) is not FieldKind.TIME or spec.constant is not None):
            yield f"{name}: plus is for times that a column has"
    constant = rule.type.constant
    if constant is None:
        return
    model = ALL_TYPES.get(str(constant))
    if model is None:
        near = difflib.get_close_matches(str(constant), ALL_TYPES, 1)
        yield f"type: {constant!r} is not a type of the contract" + (f"; did you mean {near[0]}?" if near else "")
        return
    known = data_fields(model)
    for name, spec in rule.data.items():
        if spec.is_identity and name != "client_id":
            yield f"data.{name}: phone, email and listed are for client_id"
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            yield f"data.{name}: {constant} has no such field; {advice}"


def data_fields(model: Any) -> list[str]:
    """The names of the fields in the `data` of a type."""
    return list(model.model_fields["data"].annotation.model_fields)
