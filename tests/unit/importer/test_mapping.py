"""A table becomes the events that its mapping says, and what does not fit is refused with the field's name."""

import json
from pathlib import Path

import pytest
import yaml

from producers.events.wire import decode
from producers.importer.errors import ImportProblem, MappingProblem
from producers.importer.formats import singly
from producers.importer.mapping import MappingFile, load_mapping
from producers.importer.rows import RowMapper
from producers.importer.run import dry_run
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable
from producers.importer.template import TEMPLATE

HEADER = "Number;Client;Owner;Department;Stage;Status;Amount;Currency;Chance;Created;Changed;Closed;Version;Paid"
WON = '7;42;m-1;north;DONE;Won;"1 250,50";;100%;01.11.2026 09:00;03.11.2026 12:30;03.11.2026 12:30;3;04.11.2026 10:00'
OPEN = '8;43;m-2;south;"NEW\nline";Other;1000;USD;40;01.11.2026 09:00;01.11.2026 09:00;;1;'


@pytest.fixture
def mapper():
    return RowMapper(MappingFile.model_validate(yaml.safe_load(TEMPLATE)))


def records(mapper, tmp_path, text, encoding="utf-8"):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    return list(singly(MappedTable(mapper).records(SourceFile(str(path)), State())))


def test_template_makes_events(mapper, tmp_path):
    """The printed template works: times get the zone, money its point, percent becomes a share."""
    won, open_ = records(mapper, tmp_path, f"{HEADER}\n{WON}\n{OPEN}\n".replace("Other", "Open"))
    deal, payment = (json.loads(value) for value in won.values)
    assert deal["time"] == "2026-11-03T09:30:00Z"
    assert deal["sequence"] == "0000000003"
    assert deal["data"]["amount"] == "1250.50"
    assert deal["data"]["currency"] == "RUB"
    assert deal["data"]["probability"] == 1.0
    assert deal["data"]["closed_at"] == "2026-11-03T09:30:00Z"
    assert payment["data"]["payment_id"] == "pay-7"
    assert payment["data"]["client_id"] == "crm-42"
    (only,) = (json.loads(value) for value in open_.values)
    assert only["data"]["stage"] == "NEW\nline"
    assert "closed_at" not in only["data"]
    for record in (won, open_):
        for value in record.values:
            decode(value)


def test_ids_are_derived_from_the_version(mapper, tmp_path):
    """The same row has the same ids again; another version has others."""
    first = records(mapper, tmp_path, f"{HEADER}\n{WON}\n")[0].values
    again = records(mapper, tmp_path, f"{HEADER}\n{WON}\n")[0].values
    newer = records(mapper, tmp_path, f"{HEADER}\n{WON.replace(';3;', ';4;')}\n")[0].values
    assert first == again
    assert json.loads(first[0])["id"] != json.loads(newer[0])["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("03.11.2026 12:30;3", "3/11/2026;3"), "closed_at"),
        (("1 250,50", "much"), "amount"),
        ((";north;", ";"), "cells"),
        (("100%", "sure"), "probability"),
    ],
)
def test_what_does_not_fit_is_refused(mapper, tmp_path, change, field):
    """The reason names the field; the row is kept as it came, and the next one is read."""
    bad, good = records(mapper, tmp_path, f"{HEADER}\n{WON.replace(*change)}\n{WON}\n")
    assert bad.problem is not None
    assert field in bad.problem.detail
    assert bad.raw == f"{WON.replace(*change)}\n".encode()
    assert good.problem is None


def test_other_encodings(tmp_path):
    """A table in cp1251 is read, and one that is not says so."""
    file = {
        "source": "crm://x",
        "encoding": "cp1251",
        "events": [
            {
                "type": {"constant": "sales.manager.changed.v1"},
                "time": {"constant": "2026-11-01T00:00:00Z"},
                "data": {"manager_id": "id", "name": "имя", "team_id": "отдел", "active": "в штате"},
            }
        ],
    }
    mapper = RowMapper(MappingFile.model_validate(file))
    (record,) = records(mapper, tmp_path, "id,имя,отдел,в штате\nm-1,Анна,Север,да\n", "cp1251")
    data = json.loads(record.values[0])["data"]
    assert data == {"manager_id": "m-1", "name": "Анна", "team_id": "Север", "active": True}


def test_missing_column(mapper, tmp_path):
    """A table without a mapped column is refused as a whole, naming the column."""
    with pytest.raises(ImportProblem, match="Number"):
        records(mapper, tmp_path, f"{HEADER.replace('Number', 'No')}\n{WON}\n")


def test_json_objects(tmp_path):
    """Flat JSON objects are rows too; a nested one is refused."""
    rule = {
        "type": {"constant": "sales.rating.given.v1"},
        "time": {"column": "at", "format": "unix"},
        "data": {"rating_id": "id", "client_id": "client", "manager_id": "who", "score": "stars"},
    }
    mapper = RowMapper(MappingFile.model_validate({"source": "crm://x", "format": "jsonl", "events": [rule]}))
    path = tmp_path / "t.jsonl"
    path.write_text('{"at": 1795000000, "id": 1, "client": "c", "who": "m", "stars": 5}\n{"at": {}}\n{"at": "x"}\n')
    report = dry_run(SourceFile(str(path)), MappedTable(mapper), 1_795_435_200_000, lambda _: None)
    assert report.types == {"sales.rating.given.v1": 1}
    assert report.reasons == {"not_json": 1, "invalid_data": 1}


@pytest.mark.parametrize("number", [7, 10**14 + 1, 1_234_567_890_123_456_789, -(10**18) - 1, 2**63 - 1, 2**64 - 1])
def test_whole_numbers_are_what_they_are(tmp_path, number):
    """Systems number things with all of 64 bits; no two of those become one."""
    data = {"deal_id": "id", "client_id": {"constant": "c"}}
    rule = {"type": {"constant": "sales.deal.deleted.v1"}, "time": {"column": "at", "format": "unix"}, "data": data}
    mapper = RowMapper(MappingFile.model_validate({"source": "crm://x", "format": "jsonl", "events": [rule]}))
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"at": 1795000000, "id": {number}}}\n')
    (record,) = singly(MappedTable(mapper).records(SourceFile(str(path)), State()))
    assert json.loads(record.values[0])["data"]["deal_id"] == str(number)


def test_a_wrong_mapping_says_where(tmp_path):
    """Each mistake in a mapping is named with its place."""
    path = tmp_path / "m.yaml"
    path.write_text("source: x\ntimezone: Mars\nevents:\n  - {type: a, time: b, data: {}, extra: 1}\n")
    with pytest.raises(MappingProblem) as problem:
        load_mapping(path)
    assert "timezone" in str(problem.value)
    assert "extra" in str(problem.value)


VALUES = "{{type: {{constant: x}}, time: T, data: {{status: {{column: A, values: {{ok: a, {key}: b}}}}}}}}"


@pytest.mark.parametrize(("block", "said"), [
    ("[]", "t.yaml:2: events: is empty; give at least one"),
    *((f"\n- {VALUES.format(key=key)}", f"YAML reads a key as {read}; write keys like") for key, read in (
        ("no", "false"), ("on", "true"), ("1", "1"),
    )),
])  # fmt: skip
def test_what_yaml_makes_of_it(tmp_path, monkeypatch, block, said):
    """What a person did not mean is told in words, once, and a list with something wrong in it is not called empty."""
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_text(f"source: crm://x\nevents: {block}\n")
    with pytest.raises(MappingProblem) as problem:
        load_mapping(Path("t.yaml"))
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)
