"""The contract for other languages says what the code does, and changes only by optional additions."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from producers.errors import Refused
from producers.events import ALL_TYPES, intake
from producers.events.conformance import Case, cases
from producers.events.generate import FOLDERS, files
from producers.events.rules import LOG_APPEND_TIME
from producers.events.schema import asyncapi, schema
from tests.support.compatibility import breaks, missing_types
from tests.support.folding import LogRecord
from tests.support.strategies import Json, any_events

ROOT = Path(__file__).parents[2]
RELEASED: dict[str, Any] = json.loads((Path(__file__).parent / "released-schemas.json").read_text())
SCHEMAS = {kind: schema(model) for kind, model in ALL_TYPES.items()}
VALIDATORS = {
    kind: jsonschema.Draft202012Validator(made, format_checker=jsonschema.FormatChecker(["date-time", "date"]))
    for kind, made in SCHEMAS.items()
}


def test_committed_files_are_fresh():
    """What is committed is what would be generated, and nothing else lies there."""
    made = files()
    found = {path for folder in FOLDERS for path in (ROOT / folder).iterdir() if path.name != "__pycache__"}
    assert {str(path.relative_to(ROOT)) for path in found} == set(made)
    assert all((ROOT / path).read_bytes() == content for path, content in made.items())


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_conformance(case: Case):
    """Every conformance case gets the verdict that the file promises."""
    verdict, detail = verdict_of(case)
    assert verdict == case.verdict
    assert case.field is None or f"{case.field}: " in detail


TYPES = {"CreateTime": 0, "LogAppendTime": LOG_APPEND_TIME}


def verdict_of(case: Case) -> tuple[str, str]:
    headers = tuple((name, value.encode()) for name, value in case.headers.items())
    record = LogRecord(0, case.key.encode(), case.value.encode(), case.timestamp, headers, TYPES[case.timestamp_type])
    try:
        (intake.check if case.topic == "events" else intake.check_reference)(record)
    except Refused as refused:
        return refused.reason, refused.detail
    return "accepted", "" if case.field is None else f"{case.field}: "


BEYOND_SCHEMA = {"time later than that", "time before 2000", "day that is none", "nanoseconds and offset"}


@pytest.mark.parametrize(
    "case",
    [c for c in cases() if c.verdict in {"accepted", "invalid_data"} and "ce_id" not in c.headers],
    ids=lambda c: c.name,
)
def test_schemas_agree_with_the_conformance_file(case: Case):
    """A JSON Schema validator comes to the same verdict, but for rules between times."""
    event = json.loads(case.value)
    valid = VALIDATORS[event["type"]].is_valid(event)
    assert valid == (case.verdict == "accepted") or case.name.split(": ", 1)[-1] in BEYOND_SCHEMA


@given(any_events())
def test_schemas_take_every_valid_event(event: Json):
    """No valid event is refused by its schema."""
    VALIDATORS[event["type"]].validate(event)


def test_asyncapi_names_every_type():
    """Every type is a message of exactly one channel, and every reference leads somewhere."""
    document = asyncapi()
    named = [kind for channel in document["channels"].values() for kind in channel["messages"]]
    assert sorted(named) == sorted(ALL_TYPES) == sorted(document["components"]["messages"])
    assert "$defs" not in json.dumps(document)
    for message in document["components"]["messages"].values():
        jsonschema.Draft202012Validator.check_schema(message["payload"]["schema"])


NARROWED = {"id: its rules changed", "source: its rules changed", "subject: its rules changed",
            "sequence: its rules changed"}  # fmt: skip
"""On purpose, once: attributes without a greatest length could outgrow what a worker may keep of an entity."""


def test_compatible_with_what_was_released():
    """Within a version only optional additions: a frozen copy of every released schema is the judge."""
    assert not missing_types(RELEASED, SCHEMAS)
    found = {kind: set(breaks(old, SCHEMAS[kind])) - NARROWED for kind, old in RELEASED.items()}
    assert not any(found.values()), found


@pytest.mark.parametrize(("name", "length"), [("id", 256), ("source", 256), ("subject", 256), ("sequence", 64)])
def test_only_lengths_were_narrowed(name: str, length: int):
    """What is refused now and was not before is longer than that, in every type; nothing else changed of it."""
    for kind, old in RELEASED.items():
        new = copy.deepcopy(SCHEMAS[kind])
        node = new["properties"][name]
        texts = [part for part in node.get("anyOf", [node]) if part.get("type") == "string"]
        assert [part.pop("maxLength") for part in texts] == [length]
        assert f"{name}: its rules changed" not in breaks(old, new)


def mutate(change: str) -> Json:
    """The deal's schema with one change."""
    made = copy.deepcopy(SCHEMAS["sales.deal.changed.v1"])
    data = made["$defs"]["DealChangedData"]
    match change:
        case "optional field":
            data["properties"]["campaign_id"] = {"type": "string"}
        case "description":
            data["properties"]["stage"]["description"] = "where it stands"
        case "required field":
            data["required"].append("team_id")
        case "no longer required":
            data["required"].remove("stage")
        case "field gone":
            del data["properties"]["cost"]
        case "tighter":
            data["properties"]["stage"]["maxLength"] = 64
        case "new value":
            data["properties"]["status"]["enum"].append("paused")
        case "rule between fields":
            del data["then"]
    return made


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("optional field", None),
        ("description", None),
        ("required field", "data.team_id"),
        ("no longer required", "data.stage"),
        ("field gone", "data.cost"),
        ("tighter", "data.stage"),
        ("new value", "data.status"),
        ("rule between fields", "data"),
    ],
)
def test_breaking_changes_are_named(change: str, path: str | None):
    """Optional additions pass; everything else is named by its path."""
    found = breaks(SCHEMAS["sales.deal.changed.v1"], mutate(change))
    assert [line.split(":")[0] for line in found] == ([] if path is None else [path])
