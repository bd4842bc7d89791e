"""What a reference file changes, and the events that make the change: none when it changes nothing."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from producers.events.wire import ReferenceEvent
from producers.reference.file import Record

SOURCE = "reference://file"
_NUMBERS = ("target", "rate")
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class ReferenceChange:
    """One record that is new (`before` is None) or different; `held` is the event to be superseded."""

    key: str
    type: str
    before: Record | None
    after: Record
    held: ReferenceEvent | None

    def lines(self) -> Iterator[str]:
        """Yield it for people: one line for a new record, else one for each field that differs."""
        if self.before is None:
            shown = ", ".join(
                f"{name} {_shown(value)}" for name, value in self.after.items() if str(value) not in self.key
            )
            yield f"+ {self.key}: {shown}"
            return
        for name in sorted(self.before.keys() | self.after.keys()):
            old, new = self.before.get(name), self.after.get(name)
            if not _same(name, old, new):
                yield f"~ {self.key}: {name} {_shown(old)} → {_shown(new)}"

    def event(self, now: datetime) -> bytes:
        """Return the event that makes the change, later in version than the one held whatever its clock said."""
        time = now.astimezone(UTC)
        if self.held is not None:
            time = max(time, self.held.time.astimezone(UTC) + timedelta(milliseconds=1))
        superseded = self.held.id if self.held else ""
        content = "\0".join((self.key, superseded, _encode(self.after).decode()))
        event = {
            "specversion": "1.0",
            "id": hashlib.sha256(content.encode()).hexdigest()[:32],
            "source": SOURCE,
            "type": self.type,
            "time": time.isoformat().replace("+00:00", "Z"),
            "data": self.after,
        }
        if self.held is not None and self.held.sequence is not None:
            event["sequence"] = self.held.sequence
        return _encode(event)


def changes(wanted: Mapping[str, tuple[str, Record]], held: Mapping[str, ReferenceEvent]) -> list[ReferenceChange]:
    """Return what differs between a file's records and those held, in the file's order."""
    found = []
    for key, (type_, after) in wanted.items():
        event = held.get(key)
        before = _data(event) if event is not None else None
        names = after.keys() | (before or {}).keys()
        if before is None or not all(_same(name, before.get(name), after.get(name)) for name in names):
            found.append(ReferenceChange(key, type_, before, after, event))
    return found


def _data(event: ReferenceEvent) -> Record:
    data: Record = msgspec.to_builtins(event.data)
    return {name: value for name, value in data.items() if value is not None}


def _same(name: str, old: object, new: object) -> bool:
    if name in _NUMBERS and isinstance(old, str) and isinstance(new, str):
        return Decimal(old) == Decimal(new)
    return old == new


def _shown(value: object) -> str:
    if isinstance(value, list):
        # The stages of a pipeline.
        return ", ".join(f"{one['name']} ({one['stage']})" for one in value) or "none"
    return "nothing" if value is None else str(value)
