"""The gateway's OpenAPI, made from the event models, so that a generated client knows every field of every type."""

from typing import Any

from fastapi import FastAPI

from producers.events.registry import ALL_TYPES
from producers.events.schema import inline, schema
from producers.gateway.limits import MOST_EVENTS

Json = dict[str, Any]

_PROBLEM_FIELDS: Json = {
    "index": {"type": "integer", "description": "place in the batch, from 0"},
    "reason": {"type": "string"},
    "field": {"type": "string"},
    "detail": {"type": "string"},
}

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
                "properties": _PROBLEM_FIELDS,
            },
        },
    },
}
_WARNINGS: Json = {
    "type": "array",
    "description": "fields that are unknown and ignored, of the first ten events; of all in a dry run",
    "items": {
        "type": "object",
        "required": ["index", "field", "detail"],
        "properties": {name: _PROBLEM_FIELDS[name] for name in ("index", "field", "detail")},
    },
}
_ACCEPTED: Json = {
    "type": "object",
    "required": ["accepted"],
    "properties": {"accepted": {"type": "integer"}, "warnings": _WARNINGS},
}
_DRY: Json = {
    "type": "object",
    "required": ["accepted", "dry_run", "good", "warnings"],
    "properties": _ACCEPTED["properties"] | {"dry_run": {"const": True}, "good": {"type": "integer"}},
}
_PARTIAL: Json = {
    "type": "object",
    "required": ["accepted", "refused", "results"],
    "properties": _DRY["properties"]
    | {
        "refused": {"type": "integer"},
        "results": {
            "type": "array",
            "description": "one for each event: 202 (200 in a dry run), 400 or 403",
            "items": {
                "type": "object",
                "required": ["index", "status"],
                "properties": _PROBLEM_FIELDS | {"status": {"type": "integer"}},
            },
        },
    },
}
_SECONDS = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
_LOGIN = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
_EVENT = {"$ref": "#/components/schemas/Event"}


def problem(description: str, **more: Any) -> Json:
    """An answer in problem+json."""
    found = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": found}}, **more}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


RESPONSES: dict[int | str, Json] = {
    200: _json("A dry run: all events are good, and none was sent.", _DRY),
    202: _json("Kafka has all events.", _ACCEPTED),
    207: _json("`partial`: Kafka has the good events; each has its verdict.", _PARTIAL),
    400: problem("Some event is bad; each is named with index, field and rule. None was sent."),
    401: problem("No valid token or signature.", headers=_LOGIN),
    403: problem("The token belongs to another source, or its rights do not name the type."),
    408: problem("The body did not arrive in time.", headers=_SECONDS),
    413: problem("The body is too large, unpacked too, or has too many events, or more than a second allows."),
    415: problem("The content type or encoding is not read."),
    429: problem("The source sends too fast.", headers=_SECONDS),
    503: problem("Kafka is away or its queue is full; send again.", headers=_SECONDS),
}  # fmt: skip
SCHEMA_RESPONSES: dict[int | str, Json] = {
    200: {"description": "The schema.", "content": {"application/schema+json": {"schema": {"type": "object"}}}},
    404: problem("No such schema."),
}
_HEADER = {"schema": {"type": "string"}}
HANDSHAKE_RESPONSES: dict[int | str, Json] = {
    200: {
        "description": "An answer; with these headers it is permission.",
        "headers": {"WebHook-Allowed-Origin": _HEADER, "WebHook-Allowed-Rate": _HEADER},
    },
    204: {"description": "Nobody asked for permission; `Allow` says which methods there are."},
}
_REMEDIED: Json = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["events", "remedy"],
        "properties": {"events": {"type": "integer"}, "remedy": {"type": "string"}},
    },
}
_COUNTS: Json = {"type": "object", "additionalProperties": {"type": "integer"}}
_SOURCE: Json = {
    "type": "object",
    "required": ["source", "since", "taken", "refused", "forwarded", "refusals", "last"],
    "properties": {
        "source": {"type": "string"},
        "since": {"type": "string", "format": "date-time"},
        "taken": {"type": "integer", "description": "over HTTP"},
        "counted": {"type": "integer", "description": "by workers, whichever way they came"},
        "per_minute": {"type": "number", "description": "over the last quarter of an hour or two"},
        "by_hour": {"type": "array", "items": {"type": "object"}},
        "last": {"type": "object", "description": "type: when its last event came over HTTP"},
        "refused": _COUNTS | {"description": "by reason, over HTTP and by workers"},
        "refusals": {"type": "array", "maxItems": 100, "items": {"type": "object"}},
        "unknown_fields": _COUNTS,
        "forwarded": _REMEDIED,
        "dead_letters": {"anyOf": [_REMEDIED, {"type": "null"}], "description": "open ones; null while nobody tells"},
        "missing": {"type": "string", "description": "what of this is not known now"},
    },
}
SOURCE_RESPONSES: dict[int | str, Json] = {
    200: _json(
        "The last day.",
        {"anyOf": [_SOURCE, {"type": "object", "properties": {"sources": {"type": "array", "items": _SOURCE}}}]},
    ),
    401: problem("No valid token or signature.", headers=_LOGIN),
    403: problem("The token belongs to another source."),
}
OPERATION: Json = {
    "parameters": [
        {"name": name, "in": "query", "description": text, "schema": {"type": "boolean", "default": False}}
        for name, text in (
            ("dry_run", "judge the events, send nothing"),
            ("partial", "send the good events of a batch that has bad ones, and answer 207"),
        )
    ],
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
