"""What is written from the models: JSON Schemas, AsyncAPI, conformance cases, and the structs of the fast path."""

import json
from typing import Any

from producers.events import struct_source
from producers.events.conformance import cases
from producers.events.registry import ALL_TYPES
from producers.events.schema import asyncapi, schema

FOLDER = "producers/events/schemas"
"""Where the contract for other languages is committed, from the root of the repository; nothing else lies there."""
FOLDERS = (FOLDER, struct_source.FOLDER)

_NOTE = "Made by `sales-pulse generate` from the models in producers/events; do not edit."


def files() -> dict[str, bytes]:
    """Path from the root of the repository → content, for every generated file of this room."""
    made = {f"{kind}.json": {"$comment": _NOTE, **schema(model)} for kind, model in ALL_TYPES.items()}
    made["asyncapi.json"] = {**asyncapi(), "x-note": _NOTE}
    made["conformance.json"] = {"note": _NOTE, "cases": [case._asdict() for case in cases()]}
    texts = {f"{FOLDER}/{name}": _text(document) for name, document in sorted(made.items())}
    return texts | struct_source.files()


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
