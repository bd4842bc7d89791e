"""The contract for other languages as files: JSON Schemas, AsyncAPI, conformance cases."""

import json
from typing import Any

from producers.events.conformance import cases
from producers.events.registry import ALL_TYPES
from producers.events.schema import asyncapi, schema

FOLDER = "producers/events/schemas"
"""Where they are committed, from the root of the repository; nothing else lies there."""

_NOTE = "Made by `sales-pulse generate` from the models in producers/events; do not edit."


def files() -> dict[str, bytes]:
    """Path from the root of the repository → content, for every generated file of this room."""
    made = {f"{kind}.json": {"$comment": _NOTE, **schema(model)} for kind, model in ALL_TYPES.items()}
    made["asyncapi.json"] = {**asyncapi(), "x-note": _NOTE}
    made["conformance.json"] = {"note": _NOTE, "cases": [case._asdict() for case in cases()]}
    return {f"{FOLDER}/{name}": _text(document) for name, document in sorted(made.items())}


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
