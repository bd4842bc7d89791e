"""Rows of a foreign table made into events, as a mapping file says."""

import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from producers.errors import Refused
from producers.events import ALL_TYPES
from producers.identities import Resolver
from producers.importer.cells import Cell, text
from producers.importer.clients import client_taker
from producers.importer.errors import MappingProblem
from producers.importer.fields import KINDS, Convert, Kind, Value, Written, converter
from producers.importer.formats import Origin
from producers.importer.mapping import Column, MappingFile, Rule, When
from producers.importer.money import AmountReader
from producers.importer.places import Places, Row, finder

_encode = msgspec.json.encode
_ENTITY = (
    "payment_id", "meeting_id", "rating_id", "cost_id", "call_id", "chat_id", "lead_id", "deal_id", "invoice_id",
)  # fmt: skip
"""What an event is about, the most special first: a payment names a deal too."""

Take = Callable[[Row], Value | None]


def _take(name: str, spec: Column, file: MappingFile, places: Places, currency: str | None) -> Take:
    """What takes one field from rows. On the path of each row: one closure that does no more than it has to."""
    if spec.constant is not None:
        return lambda _: spec.constant
    zone = ZoneInfo(file.timezone) if file.timezone else None
    decimal = spec.decimal or places.decimal(spec.columns)
    convert = converter(Written(name, spec, zone, decimal, currency))
    default = spec.default
    if spec.values is not None or spec.width is not None or spec.prefix:
        return _changed_text(name, spec, finder(spec, places), convert)
    if len(spec.columns) > 1:
        find = finder(spec, places)
        return lambda row: default if (cell := find(row)) == "" else convert(cell)
    place = places.at[spec.columns[0]]

    def take(row: Row) -> Value | None:
        cell = row[place]
        if type(cell) is str:
            cell = cell.strip()
        return default if cell == "" else convert(cell)

    def take_text(row: Row) -> Value | None:
        cell = row[place]
        return (cell.strip() if type(cell) is str else text(cell)) or default

    return take_text if convert is text else take


def _changed_text(name: str, spec: Column, find: Callable[[Row], Cell], convert: Convert) -> Take:
    """What takes a field whose text the mapping changes before it is read."""
    values, default, width, prefix = spec.values, spec.default, spec.width, spec.prefix

    def take(row: Row) -> Value | None:
        found = text(find(row))
        if not found:
            return default
        if values is not None:
            known = values.get(found)
            if known is None:
                if default is None:
                    raise Refused("invalid_data", f"{name}: the mapping has no value for {found!r}")
                return default
            found = known
        if width is not None:
            found = found.zfill(width)
        return convert(prefix + found)

    return take


def _condition(when: When, places: Places) -> Callable[[Row], bool]:
    """What says whether a condition holds of a row."""
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


class _Maker:
    """One rule, ready to make events from the rows of one table."""

    def __init__(self, rule: Rule, file: MappingFile, places: Places, resolver: Resolver | None) -> None:
        currency = rule.data["currency"].constant if "currency" in rule.data else None
        take = partial(_take, file=file, places=places, currency=str(currency) if currency else None)
        self._source = file.source
        self._conditions = [_condition(when, places) for when in rule.when]
        self._type, self._time = take("type", rule.type), take("time", rule.time)
        self._id = take("id", rule.id) if rule.id else None
        self._sequence = take("sequence", rule.sequence) if rule.sequence else None
        self._constants = {name: spec.constant for name, spec in rule.data.items() if spec.constant is not None}
        self._data = [
            (name, client_taker(spec, places, resolver) if spec.is_identity else take(name, spec))
            for name, spec in rule.data.items()
            if spec.constant is None
        ]

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

    columns: those that it looks at. amounts: those whose decimal mark it does not say. origin: whose events it makes.
    """

    def __init__(self, file: MappingFile) -> None:
        self.file = file
        for number, rule in enumerate(file.events):
            for problem in _problems(rule):
                raise MappingProblem(f"events[{number}].{problem}")
        fields = [pair for rule in file.events for pair in _fields(rule)]
        conditions = [when for rule in file.events for when in rule.when]
        looked_at = (column for _, spec in fields for column in spec.columns + spec.addresses)
        self.columns = set(looked_at) | {when.column for when in conditions}
        self.needs_identities = any(spec.is_identity for _, spec in fields)
        self.resolver: Resolver | None = None
        self.amounts = {
            column
            for name, spec in fields
            if KINDS.get(name) is Kind.AMOUNT and spec.decimal is None
            for column in spec.columns
        } | {when.column for when in conditions if when.negative is not None}
        types = frozenset(type_ for rule in file.events for type_ in _types(rule.type))
        self.origin = Origin(file.source, types, given=any(rule.id is not None for rule in file.events))
        self._looked_at = list(dict.fromkeys(when.column for when in conditions))

    def bind(self, places: Places) -> Callable[[Row], tuple[bytes, ...]]:
        """Return what makes all events of a row of one table. It raises Refused."""
        makers = [_Maker(rule, self.file, places, self.resolver) for rule in self.file.events]
        if len(makers) == 1:
            make = makers[0].make
            return lambda row: () if (made := make(row)) is None else (made,)
        return lambda row: tuple(made for maker in makers if (made := maker.make(row)) is not None)

    def why_none(self, row: Row, places: Places) -> str:
        """Why a row makes no event: what stands in the columns that rules look at."""
        seen = ", ".join(f"{column} is {text(row[places.at[column]])[:40]!r}" for column in self._looked_at)
        return f"no rule's `when` holds: {seen}"


def _fields(rule: Rule) -> Iterator[tuple[str, Column]]:
    for name, spec in (("type", rule.type), ("time", rule.time), ("id", rule.id), ("sequence", rule.sequence)):
        if spec is not None:
            yield name, spec
    yield from rule.data.items()


def _types(spec: Column) -> Iterable[str]:
    """The types that a rule can make."""
    if spec.constant is not None:
        return (str(spec.constant),)
    return ALL_TYPES if spec.values is None else spec.values.values()


def _problems(rule: Rule) -> Iterator[str]:
    """What is wrong with a rule that its form does not show."""
    constant = rule.type.constant
    if constant is None:
        return
    model = ALL_TYPES.get(str(constant))
    if model is None:
        near = difflib.get_close_matches(str(constant), ALL_TYPES, 1)
        yield f"type: {constant!r} is no type of the contract" + (f"; did you mean {near[0]}?" if near else "")
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


def derived_id(event: Mapping[str, Any]) -> str:
    """Return an id that the same version of the same entity gets every time."""
    data = event["data"]
    entity = ""
    for name in _ENTITY:
        if name in data:
            entity = data[name]
            break
    author, sequence = data.get("author", ""), event.get("sequence", "")
    text = f"{event['source']}\0{event['type']}\0{entity}\0{sequence}\0{event['time']}\0{author}"
    if not entity:  # reference data: its content
        text = f"{text}\0{_encode(data, order='sorted').decode()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
