"""The gateway's OpenAPI, made from the event models, so that a generated client knows every field of every type."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from producers.events.registry import ALL_TYPES
from producers.events.schema import inline, schema

Json = dict[str, Any]
MOST_EVENTS = 10_000
"""In one batch."""

PROBLEM: Json = {
    "type": "object",
    "required": ["type", "status", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string", "description": "what is wrong and what to do"},
        "errors": {
            "type": "array",
            "description": "the first 100 bad events of the request",
            "items": {
                "type": "object",
                "required": ["index", "reason", "field", "detail"],
                "properties": {
                    "index": {"type": "integer", "description": "place in the batch, from 0"},
                    "reason": {"type": "string"},
                    "field": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_ACCEPTED: Json = {"type": "object", "required": ["accepted"], "properties": {"accepted": {"type": "integer"}}}
_SECONDS = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
_LOGIN = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
_EVENT = {"$ref": "#/components/schemas/Event"}


def problem(description: str, **more: Any) -> Json:
    """An answer in problem+json."""
    found = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": found}}, **more}


RESPONSES: dict[int | str, Json] = {
    202: {"description": "Kafka has all events.", "content": {"application/json": {"schema": _ACCEPTED}}},
    400: problem("Some event is bad; each is named with index, field and rule. None was sent."),
    401: problem("No valid token or signature.", headers=_LOGIN),
    403: problem("The token belongs to another source."),
    408: problem("The body did not arrive in time.", headers=_SECONDS),
    413: problem("The body is too large, or has more events than the source may send in a second."),
    415: problem("The content type or encoding is not read."),
    429: problem("The source sends too fast.", headers=_SECONDS),
    503: problem("Kafka is away or its queue is full; send again.", headers=_SECONDS),
}  # fmt: skip
SCHEMA_RESPONSES: dict[int | str, Json] = {
    200: {"description": "The schema.", "content": {"application/schema+json": {"schema": {"type": "object"}}}},
    404: problem("No such schema."),
}
OPERATION: Json = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": _EVENT},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "maxItems": MOST_EVENTS, "items": _EVENT}
            },
            "application/json": {"schema": _EVENT},
        },
    },
    "security": [{"token": []}, {"signature": []}, {}],
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "The token of one source."},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks, with webhook-id and webhook-timestamp.",
    },
}


def describe(app: FastAPI) -> None:
    """Make the application serve its document with the models of the contract in it."""
    made_by_fastapi = app.openapi

    def made() -> Json:
        if app.openapi_schema is None:
            document = made_by_fastapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= _schemas()
            document["components"]["securitySchemes"] = _SECURITY
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _schemas() -> Json:
    made: Json = {"Problem": PROBLEM}
    for kind, model in ALL_TYPES.items():
        found = inline(schema(model))
        made[kind] = {name: part for name, part in found.items() if name not in {"$schema", "$id"}}
    references = {kind: f"#/components/schemas/{kind}" for kind in ALL_TYPES}
    made["Event"] = {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "type", "mapping": references},
    }
    return made


def render() -> str:
    """The document as it is committed."""
    from producers.gateway.app import create_app  # noqa: PLC0415 - the application imports this module
    from producers.gateway.settings import GatewaySettings  # noqa: PLC0415

    class Nowhere:
        """No publisher is needed to describe the gateway."""

        async def publish_many_raw(self, records: Sequence[tuple[bytes, bytes]], *, reference: bool = False) -> int:
            raise NotImplementedError

    document = create_app(Nowhere(), GatewaySettings(_env_file=None)).openapi()
    note = {"x-note": "Made by `sales-pulse generate` from the models; do not edit."}
    return json.dumps(document | note, ensure_ascii=False, indent=2) + "\n"
