"""From bytes to a pydantic model, or to the reason why not: the slow, plain reading of the contract."""

from typing import Any

import msgspec
from pydantic import ValidationError

from producers.errors import Refused
from producers.events import json_text
from producers.events.envelope import Attributes, Event
from producers.events.registry import ALL_TYPES, EVENT_TYPES, REFERENCE_TYPES

_MOST_NAMED = 3
_BOUNDS = {"less_than_equal": ("le", "at most"), "greater_than_equal": ("ge", "at least")}
_SAY = {
    "missing": "is missing; send it",
    "string_type": "is not a string; send a JSON string",
    "string_too_short": "is empty; send at least one character",
    "int_type": "is not a whole number; send a JSON number like 4",
    "float_type": "is not a number; send a JSON number like 0.4",
    "bool_type": "is not a truth value; send true or false",
    "datetime_type": "is not an RFC 3339 time with a zone; send one like 2026-11-23T09:15:02Z or +03:00",
}


def parse(value: bytes | None, *, reference: bool | None = None) -> Event:
    """The model of a record's value. Raises `Refused`.

    `reference` False takes the types of the events topic, True those of the reference topic, None both.
    """
    if value is None:
        raise Refused("not_json", "the record has no value; send one JSON object as UTF-8")
    json_text.check(value)
    try:
        members = json_text.members(value)
    except TypeError as error:
        raise Refused("not_cloudevents", "the value is not a JSON object; send a CloudEvent as one object") from error
    plain = _read(members, Attributes)
    attributes = _attributes(plain)
    types = ALL_TYPES if reference is None else REFERENCE_TYPES if reference else EVENT_TYPES
    model = types.get(attributes)
    if model is None:
        raise Refused("unknown_type", f"type: none of this topic; send one of {', '.join(types)}")
    return _event(model, plain, members.get("data"))


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """Each wrong field as (its path, what is wrong and what to send)."""
    found = []
    for problem in error.errors(include_url=False, include_input=False):
        context = problem.get("ctx", {})
        path = context.get("field") or ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "literal_error":
            say = f"is none of the values of the contract; send {context['expected']}"
        elif problem["type"] == "string_too_long":
            say = f"is too long; send at most {context['max_length']} characters"
        elif problem["type"] in _BOUNDS:
            name, words = _BOUNDS[problem["type"]]
            say = f"is out of range; send {words} {context[name]:g}"
        else:
            say = _SAY.get(problem["type"]) or _lower(problem["msg"])
        found.append((path, say))
    return found


def explain(error: ValidationError) -> str:
    """One line: the first wrong fields, each with what to do."""
    found = problems(error)
    lines = [f"{path}: {say}" for path, say in found[:_MOST_NAMED]]
    more = len(found) - len(lines)
    return " | ".join(lines) + (f" | and {more} more" if more else "")


def _attributes(plain: dict[str, Any]) -> str:
    # A time out of range is a CloudEvent all the same: another reason, told when nothing else is wrong.
    try:
        return Attributes.model_validate(plain).type
    except ValidationError as error:
        if not _only_out_of_range(error):
            raise Refused("not_cloudevents", explain(error)) from error
    name: str = plain["type"]
    return name


def _event(model: type[Event], plain: dict[str, Any], raw: msgspec.Raw | None) -> Event:
    if raw is None:
        raise Refused("invalid_data", "data: is missing; send an object")
    try:
        members = json_text.members(raw)
    except TypeError as error:
        raise Refused("invalid_data", "data: is not an object; send an object with the fields of the type") from error
    data = _read(members, model.model_fields["data"].annotation)
    try:
        return model.model_validate({**plain, "data": data})
    except ValidationError as error:
        reason = "time_out_of_range" if _only_out_of_range(error) else "invalid_data"
        raise Refused(reason, explain(error)) from error


def _only_out_of_range(error: ValidationError) -> bool:
    return all((p["loc"], p["type"]) == (("time",), "time_out_of_range") for p in error.errors())


def _read(members: dict[str, msgspec.Raw], model: Any) -> dict[str, Any]:
    return {name: _value(members[name]) for name in model.model_fields if name in members}


def _value(raw: msgspec.Raw) -> object:
    try:
        return json_text.whole(raw)
    except Refused:
        # A number that no computer holds is JSON; as a value it fits no field.
        return msgspec.UNSET


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
