"""JSON Schema and AsyncAPI of the contract, made from the models, for producers in other languages."""

import re
from typing import Any

from producers.events.envelope import Event
from producers.events.registry import ALL_TYPES, EVENT_TYPES, REFERENCE_TYPES, keyed

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.0.0"
CONTENT_TYPE = "application/cloudevents+json"
_FIELD = re.compile(r"\{(\w+)\}")


def schema(model: type[Event]) -> Json:
    """The JSON Schema of one type: self-contained, open for unknown members."""
    made = model.model_json_schema(by_alias=True)
    properties = made["properties"]
    for name in ("specversion", "type"):
        properties[name].pop("default", None)
    # pydantic counts what has a default as optional; the contract fixes both, so they must be sent.
    required = ["specversion", "id", "source", "type", "time", "data"]
    kind = properties["type"]["const"]
    head = {"$schema": DIALECT, "$id": f"urn:sales-pulse:{kind}", "title": kind, "description": made.pop("description")}
    rest: Json = _tidy({**made, "required": required})
    return head | rest


def asyncapi(prefix: str = "sales") -> Json:
    """The AsyncAPI 3 document: topics, keys, message types."""
    messages = {kind: _message(kind, model) for kind, model in ALL_TYPES.items()}
    events = _channel(f"{prefix}.events", EVENT_TYPES, "everything that happens: one ordered log per client")
    reference = _channel(
        f"{prefix}.reference", REFERENCE_TYPES, "plans, managers, pipelines and rates, compacted by key"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sales Pulse events",
            "version": VERSION,
            "description": "CloudEvents 1.0, structured JSON. Unknown members are ignored; "
            "partition = murmur2 of the key (librdkafka: partitioner=murmur2_random).",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {"events": events, "reference": reference},
        "operations": {
            f"send-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in ("events", "reference")
        },
        "components": {"messages": messages},
    }


def _channel(address: str, types: dict[str, type[Event]], description: str) -> Json:
    return {
        "address": address,
        "description": description,
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in types},
        "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
    }


def _message(kind: str, model: type[Event]) -> Json:
    template = keyed(model)
    key = _FIELD.sub(r"data.\1" if _FIELD.fullmatch(template) else r"<data.\1>", template)
    return {
        "name": kind,
        "summary": " ".join((model.__doc__ or kind).split()),
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "properties": {"content-type": {"const": CONTENT_TYPE}}},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
        # A schema of its own dialect keeps its local references inside itself.
        "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": inline(schema(model))},
    }


def inline(made: Json) -> Json:
    """A schema without local references, to stand inside another document."""
    definitions = made.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            rest = {name: item for name, item in node.items() if name != "$ref"}
            return resolve(definitions[node["$ref"].rsplit("/", 1)[1]]) | resolve(rest)
        return {name: resolve(item) for name, item in node.items()}

    resolved: Json = resolve(made)
    return resolved


def _tidy(node: Any) -> Any:
    """Without the titles that pydantic makes of field names, and null defaults that say nothing."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: {key: _tidy(item) for key, item in value.items()} if name in {"properties", "$defs"} else _tidy(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and value is None)
    }
