"""What pydantic finds wrong in a file that a person wrote, in words that say what to do."""

from typing import Any

_SAY = {
    "missing": "is missing; write it",
    "extra_forbidden": "is not known here; check its spelling or remove it",
    "model_type": "is not a group of fields; write them as name: value",
    "model_attributes_type": "is not a group of fields; write them as name: value",
    "dict_type": "is not a group of fields; write them as name: value",
    "list_type": "is not a list; write - before each item",
    "tuple_type": "is not a list; write - before each item",
    "string_type": "is not text; put it in quotes",
}


def say(fault: Any) -> str:
    """One fault of a ValidationError, without its place."""
    return _SAY.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
