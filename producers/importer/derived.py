"""Ids for events of tables that have none: the same for the same version of the same entity, however often it comes."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ENTITY = (
    "payment_id", "meeting_id", "rating_id", "cost_id", "call_id", "chat_id", "lead_id", "deal_id", "invoice_id",
)  # fmt: skip
"""What an event is about, the most special first: a payment names a deal too."""


def derived_id(event: Mapping[str, Any]) -> str:
    """Return an id that the same version of the same entity gets every time."""
    data = event["data"]
    entity = next((data[name] for name in ENTITY if name in data), "")
    version = versioned(entity, event.get("sequence", ""), event["time"], data.get("author", ""))
    if not entity:  # reference data: its content
        version = f"{version}\0{msgspec.json.encode(data, order='sorted').decode()}"
    return digest(event["source"], event["type"], version)


def versioned(entity: object, sequence: object, time: object, author: object) -> str:
    """What tells versions of entities apart."""
    return f"{entity}\0{sequence}\0{time}\0{author}"


def digests(source: str, versions: Iterable[tuple[object, ...]]) -> list[str]:
    """The ids of many versions: of each its type, entity, sequence, time and author."""
    sha256 = hashlib.sha256
    return [
        sha256(f"{source}\0{type_}\0{entity}\0{sequence}\0{time}\0{author}".encode()).hexdigest()[:32]
        for type_, entity, sequence, time, author in versions
    ]


def digest(source: object, type_: object, version: str) -> str:
    """The id of a version of an entity."""
    return hashlib.sha256(f"{source}\0{type_}\0{version}".encode()).hexdigest()[:32]
