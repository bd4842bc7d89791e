"""What a new type of event needs beside its model is known to be there, and clashes with nothing."""

import ast
from collections import defaultdict
from inspect import get_annotations
from pathlib import Path
from types import ModuleType

from metrics.catalogue.titles import ENTITIES
from producers.events import ALL_TYPES, EVENT_TYPES, wire
from producers.importer.entities import KINDS
from producers.importer.fields import KINDS as FIELDS
from producers.importer.fields import FieldKind
from streams.fold import handlers
from streams.ledger.held import KINDS as HELD
from tests.laws.mixtures import KINDS as MIXED
from tests.laws.mixtures import encode, event

ROOT = Path(__file__).parents[2]
HAPPENINGS = {"sales.call.started.v1", "sales.call.answered.v1"} | {
    f"sales.chat.{what}.v1" for what in ("message", "handed_off", "closed")
}
"""What happened and has no versions."""


def test_what_has_versions_names_its_entity():
    """A type whose data has an id of its own is an entity's, unless it is known to have no versions."""
    assert KINDS.keys() == EVENT_TYPES.keys() - HAPPENINGS
    for type_, (_, field) in KINDS.items():
        assert EVENT_TYPES[type_].model_fields["data"].annotation.model_fields[field].is_required()


def test_every_kind_of_entity_has_titles():
    """Explain shows a kind in both languages, and the ledger keeps it."""
    kinds = {kind for kind, _ in KINDS.values()}
    assert kinds <= ENTITIES.keys()
    assert kinds <= set(HELD)


def test_a_field_means_the_same_in_every_type():
    """A column is converted by its field's name alone."""
    said = defaultdict(set)
    for model in ALL_TYPES.values():
        for name, annotation in get_annotations(get_annotations(model)["data"]).items():
            said[name].add(str(annotation).removesuffix(" | None").removeprefix("typing.Optional[").removesuffix("]"))
    assert {name: kinds for name, kinds in said.items() if name in FIELDS and len(kinds) > 1} == {}
    assert (FIELDS["score"], FIELDS["probability"], FIELDS["active"]) == (
        FieldKind.WHOLE,
        FieldKind.SHARE,
        FieldKind.TRUTH,
    )
    assert {FIELDS[name] for name in ("amount", "cost", "target", "rate")} == {FieldKind.AMOUNT}
    assert {FIELDS[name] for name in ("time", "started_at", "due_at", "closed_at")} == {FieldKind.TIME}
    assert "client_id" not in FIELDS


def test_key_prefixes_of_entities_and_handlers_of_types_are_used_once():
    """Nothing overwrites anything: a key prefix is one kind's, within a module too, and a type is one domain's."""
    for name, held in (("KEEPERS", handlers._KEEPERS), ("HANDLERS", handlers.HANDLERS)):
        assert sum(len(getattr(domain, name)) for domain in handlers._DOMAINS) == len(held)
        written = sum(len(_keys(domain, name)) for domain in handlers._DOMAINS)
        assert written == len(held), f"{name}: two rows have the same key"


def _keys(domain: ModuleType, name: str) -> list[ast.expr | None]:
    """The keys of a domain's table as they are written, where a dict has lost those that are equal."""
    source = (ROOT / domain.__name__.replace(".", "/")).with_suffix(".py")
    (table,) = (
        node.value
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    )
    assert isinstance(table, ast.Dict)
    return table.keys


def test_generated_examples_are_of_every_type():
    """Laws draw every type of the contract, and none as if it were another."""
    assert {f"sales.{kind}.v1" for kind in MIXED} == EVENT_TYPES.keys()
    for number in range(len(MIXED)):
        wire.decode(encode(event(number, 0, 0, 0, 0)))
