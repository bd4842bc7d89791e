"""Takes back what an earlier import sent and the file no longer has: shown first, and done when it is asked for."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from producers.events.wire import Event
from producers.importer.entities import KINDS, item
from producers.importer.formats import EventOrigin
from producers.importer.raising import bumped, is_derived

_EXAMPLES = 3
_encode = msgspec.json.encode


@dataclass(slots=True)
class Missing:
    """What vanished from the file, by kind: how many and the first ids. kept: what the contract cannot take back."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None

    def add(self, kind: str, name: str, time: datetime) -> None:
        """Count one that can be withdrawn."""
        self.counts[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES:
            examples.append(name)
        self.first = min(self.first or time, time)
        self.last = max(self.last or time, time)


async def withdrawals(
    events: AsyncIterator[Event], origin: EventOrigin, missing: Missing
) -> AsyncIterator[tuple[bytes, bytes]]:
    """Key and value of what takes back each of these events, as far as they are an import's and still count."""
    async for event in events:
        kind, named = KINDS[event.type]
        name: str = getattr(event.data, named)
        types = [type_ for type_, (one, _) in KINDS.items() if one == kind]
        version = item(event).version
        if not origin.given and not is_derived(event.id, event.source, version, types, (named, name)):
            continue
        changes = _nothing(kind, event)
        if changes is None:
            missing.kept[kind] += 1
        elif changes:
            missing.add(kind, name, event.time)
            yield event.key.encode(), _encode(msgspec.to_builtins(event) | {"id": bumped(event.id)} | changes)


def _nothing(kind: str, event: Event) -> dict[str, Any] | None:
    """What makes an event contribute nothing; None when the contract has no way, {} when it does already."""
    data: dict[str, Any] = msgspec.to_builtins(event.data)
    if kind in ("deal", "lead"):
        deleted = f"sales.{kind}.deleted.v1"
        return {} if event.type == deleted else {"type": deleted, "data": _named(data, f"{kind}_id")}
    if kind == "invoice":
        return {} if data["status"] == "cancelled" else {"data": data | {"status": "cancelled"}}
    if kind in ("payment", "refund", "cost"):
        return {} if not data["amount"].strip("0.") else {"data": data | {"amount": "0"}}
    return None


def _named(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: data[field] for field in (name, "client_id")}


def kinds(types: Iterable[str]) -> list[str]:
    """The kinds of entities that events of these types are versions of."""
    return sorted({KINDS[type_][0] for type_ in types if type_ in KINDS})
