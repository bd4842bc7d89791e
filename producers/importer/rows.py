"""Rows of a foreign table made into events, as a mapping file says."""

import hashlib
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from producers.errors import Refused
from producers.events import ALL_TYPES
from producers.importer.errors import MappingProblem
from producers.importer.fields import Convert, Value, converter
from producers.importer.mapping import Column, MappingFile, Rule

_encode = msgspec.json.encode
_ENTITY = (
    "payment_id", "meeting_id", "rating_id", "cost_id", "call_id", "chat_id", "lead_id", "deal_id", "invoice_id",
)  # fmt: skip
"""What an event is about, the most special first: a payment names a deal too."""


class _Getter:
    """One field, ready to be taken from rows."""

    def __init__(self, name: str, spec: Column | str, zone: ZoneInfo | None) -> None:
        spec = Column(column=spec) if isinstance(spec, str) else spec
        if (spec.column is None) == (spec.constant is None):
            raise MappingProblem(f"{name}: give either a column or a constant")
        self.name = name
        self.spec = spec
        self._convert: Convert = converter(name, zone=zone, format_=spec.format, scale=spec.scale)

    def __call__(self, row: Mapping[str, str]) -> Value | None:
        spec = self.spec
        if spec.column is None:
            return spec.constant
        text = row[spec.column].strip()
        if not text:
            return spec.default
        if spec.values is not None:
            known = spec.values.get(text)
            if known is None:
                if spec.default is None:
                    raise Refused("invalid_data", f"{self.name}: the mapping has no value for {text!r}")
                return spec.default
            text = known
        if spec.width is not None:
            text = text.zfill(spec.width)
        return self._convert(spec.prefix + text)


class _Maker:
    """One rule, ready to make events."""

    def __init__(self, rule: Rule, source: str, zone: ZoneInfo | None) -> None:
        self._source = source
        self._when = rule.when
        self._type = _Getter("type", rule.type, zone)
        self._time = _Getter("time", rule.time, zone)
        self._id = _Getter("id", rule.id, zone) if rule.id else None
        self._sequence = _Getter("sequence", rule.sequence, zone) if rule.sequence else None
        self._data = [_Getter(name, spec, zone) for name, spec in rule.data.items()]
        constant = self._type.spec.constant
        if constant is not None and constant not in ALL_TYPES:
            raise MappingProblem(f"type: {constant!r} is no type of the contract")
        getters = [self._type, self._time, self._id, self._sequence, *self._data]
        self.columns = {g.spec.column for g in getters if g and g.spec.column}
        if rule.when:
            self.columns.add(rule.when.column)

    def make(self, row: Mapping[str, str]) -> bytes | None:
        """Return the event of a row as JSON; None when the row makes none. Raises Refused."""
        if self._when is not None:
            text = row[self._when.column].strip()
            if (self._when.is_ is not None and text not in self._when.is_) or (self._when.filled and not text):
                return None
        data = {getter.name: value for getter in self._data if (value := getter(row)) is not None}
        event: dict[str, Any] = {
            "specversion": "1.0",
            "source": self._source,
            "type": self._type(row),
            "time": self._time(row),
            "data": data,
        }
        if self._sequence and (sequence := self._sequence(row)) is not None:
            event["sequence"] = str(sequence)
        given = self._id(row) if self._id else None
        event["id"] = str(given) if given is not None else derived_id(event)
        return _encode(event)


class RowMapper:
    """A mapping file, ready: makes the JSON events of a row (column → text)."""

    def __init__(self, file: MappingFile) -> None:
        zone = ZoneInfo(file.timezone) if file.timezone else None
        self._makers: list[_Maker] = []
        for number, rule in enumerate(file.events):
            try:
                self._makers.append(_Maker(rule, file.source, zone))
            except MappingProblem as problem:
                raise MappingProblem(f"events[{number}].{problem}") from None
        self.file = file
        self.columns: set[str] = set().union(*(maker.columns for maker in self._makers))

    def events(self, row: Mapping[str, str]) -> tuple[bytes, ...]:
        """Return all events of a row. Raises Refused."""
        return tuple(made for maker in self._makers if (made := maker.make(row)) is not None)


def derived_id(event: Mapping[str, Any]) -> str:
    """Return an id that the same version of the same entity gets every time."""
    data = event["data"]
    entity = next((data[name] for name in _ENTITY if name in data), "")
    parts = [event["source"], event["type"], entity, event.get("sequence", ""), event["time"], data.get("author", "")]
    if not entity:  # reference data: its content
        parts.append(_encode(data, order="sorted").decode())
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:32]
