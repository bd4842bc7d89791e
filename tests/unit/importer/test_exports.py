"""Tables as programs export them, with what they write for nothing and around texts: counted right, or refused."""

import json
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from producers.connectors.asterisk.config import Config
from producers.errors import Refused
from producers.identities.numbers import local, normalise
from producers.importer.errors import ImportProblem, MappingProblem
from producers.importer.formats import JsonLines
from producers.importer.mapping import load_mapping
from producers.importer.money import AmountReader
from producers.importer.source import Source
from producers.importer.state import State
from producers.importer.times import one_by_one
from tests.unit.importer.test_tables import FILE, HEADER, ROW, RULE, Found, changed, read

__all__ = ["read"]

QUOTED = '"""none"""'


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "field", "becomes"),
    [
        ("m-1", "NULL", "team_id", None),
        ("m-1", "0000-00-00 00:00:00", "team_id", None),
        (";7;", ";7\u200b;", "client_id", "crm-7"),
        (";7;", ";\ufeff7;", "client_id", "crm-7"),
        (";7;", ";7\u200b ;", "client_id", "crm-7"),
        (";7;", "; \u200b7;", "client_id", "crm-7"),
        (";7;", ';="007" ;', "client_id", "crm-007"),
        (";7;", ";\u202a7\u202c;", "client_id", "crm-7"),
        (";7;", ';="007";', "client_id", "crm-007"),
        (";7;", ";NULLA;", "client_id", "crm-NULLA"),
    ],
)
def test_what_cells_mean(read, old, new, field, becomes, quoted):
    """Nothing is nothing, however a program writes it, and what nobody sees makes no other client."""
    data = RULE["data"] | {"manager_id": {"constant": "m"}, "team_id": "Owner"}
    rule = RULE | {"time": {"column": "At"}, "data": data}
    row = ROW.replace(old, new)
    if quoted:
        row = ";".join('"' + cell.replace('"', '""') + '"' for cell in row.split(";"))
    found = read(f"{HEADER};At\n{row};2026-09-22\n", {"events": [rule]})
    assert not found.problems
    assert found.events[0]["data"].get(field) == becomes


def test_nothing_in_a_dump(read):
    r"""A dump whose quotes are escaped says \N, which is neither a manager nor N; `empty` says other words."""
    for escape in (None, "\\"):
        found = read(
            f'{HEADER}\n{ROW.replace("m-1", chr(92) + "N")}\n{ROW};\n"1";"{chr(92)}N";m-1;5', {"escape": escape}
        )
        assert "manager_id: is missing" in found.problems[0][1]
        assert len(found.events) == 1
    data = RULE["data"] | {"status": {"constant": "open"}}
    rule = RULE | {"time": {"column": "Created", "format": "%d.%m.%Y"}, "data": data}
    content = f"{HEADER}\n{ROW.replace('21.09.2026', 'не закрыта')}\n"
    assert "to be named in `empty`" in read(content, {"events": [rule]}).problems[0][1]
    found = read(content, {"events": [rule], "empty": "не закрыта"})
    assert len(found.events) == 1
    assert read(f"{HEADER}\n{ROW.replace('m-1', 'NULL')}", {"empty": []}).events[0]["data"]["manager_id"] == "NULL"
    content = f"{HEADER}\n{ROW.replace('m-1', QUOTED)}"
    assert "manager_id: is missing" in read(content, {"empty": '"none"'}).problems[0][1]


def test_guarded_in_a_dump(read):
    """A guard against spreadsheets is none of an id, however quotes in cells are written."""
    found = read(f'{HEADER}\n"=\\"007\\"";{ROW[2:]}\n', {"escape": "\\"})
    assert found.events[0]["data"]["deal_id"] == "007"


def test_nothing_holds_no_condition(read):
    """What a program writes for nothing is not filled."""
    rule = RULE | {"when": {"column": "Owner", "filled": True}}
    found = read(f"{HEADER}\n{ROW}\n{ROW.replace('m-1', 'NULL')}\n", {"events": [rule]})
    assert (len(found.events), found.report.left_out.total()) == (1, 1)


def test_ids_that_lost_their_digits(read, tmp_path):
    """Two numbers that a spreadsheet has shortened to the same text are not one deal: refused with what to do."""
    found = read(f"{HEADER}\n1,23457E+11{ROW[1:]}\n{ROW}\n1.5E+2{ROW[1:]}\nE+1{ROW[1:]}\n")
    assert [number for number, _ in found.problems] == [2, 4]
    assert len(read(f"{HEADER}\n1.23457e+11{ROW[1:]}\n{ROW}\n 1,23457E+11 {ROW[1:]}\n").problems) == 2
    assert "deal_id: '1,23457E+11' is a long number that a spreadsheet has shortened" in found.problems[0][1]
    book = openpyxl.Workbook()
    for row in (HEADER.split(";"), [12345678901234567, 7, "m-1", 5, "01.09.2026", "21.09.2026"]):
        book.active.append(row)
    book.save(tmp_path / "long.xlsx")
    assert "its digits are lost" in Found(tmp_path / "long.xlsx").problems[0][1]


def test_a_number_that_became_a_quantity():
    """A number with a fraction of zero is the number; one that was shortened is none."""
    assert normalise("79211234567.0", "RU") == normalise("+7 921 123-45-67", "RU")
    assert local("214943.0") is None or local("2149430.0") == "2149430"
    assert normalise("7,92112E+10", "RU") is None


@pytest.mark.parametrize(
    ("written", "amount"),
    [("р.250,50", "250.50"), ("1 250,50р.", "1250.50"), ("12 50", None), ("1250 000", None), ("1 25,0", None)],
)
def test_amounts_of_exports(written, amount):
    """A sign may have a point behind it; digits that are grouped otherwise than by thousands are no one number."""
    reader = AmountReader("amount", None)
    if amount is None:
        with pytest.raises(Refused, match="is no number"):
            reader(written)
    else:
        assert reader(written) == amount


@pytest.mark.parametrize(("chance", "share"), [("35%", 0.35), ("0,5", 0.005), ("33.333", 0.33333), ("12,5 %", 0.125)])
def test_shares(read, chance, share):
    """A share has no thousands, so that whichever mark it has is its decimal mark."""
    content = f"{HEADER};Chance\n{ROW};{chance}\n"
    found = read(content, changed("probability", column="Chance", scale="0.01"))
    assert found.events[0]["data"]["probability"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("form", "written", "moment"),
    [
        ((), "2026-09-21 10:15:00 UTC", "2026-09-21T10:15:00Z"),
        ("%d.%m.%Y %H:%M %Z", "21.09.2026 10:15 GMT", "2026-09-21T10:15:00Z"),
        ("%d.%m.%Y %H:%M UTC", "21.09.2026 10:15 UTC", "2026-09-21T10:15:00Z"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-09-21T10:15:00Z", "2026-09-21T10:15:00Z"),
        ("%d.%m.%Y %H:%M %Z", "21.09.2026 10:15 MSK", None),
        ("%d.%m.%Y %H:%M %Z", "21.09.2026 10:15 +0200", "2026-09-21T08:15:00Z"),
    ],
)
def test_zones_by_name(read, form, written, moment):
    """A time that says UTC is in UTC, whatever the mapping's zone; a name that may mean several is refused."""
    rule = RULE | {"time": {"column": "At", "format": form}}
    found = read(f"{HEADER};At\n{ROW.replace('09.2026', '01.2026')};{written}\n", {"events": [rule]})
    assert [event["time"] for event in found.events] == ([moment] if moment else [])


def test_json_of_any_shape(read, tmp_path):
    """What is in fields that nobody asked for harms nothing; a whole array is refused with how to unpack it."""
    row = dict(zip(HEADER.split(";"), ROW.split(";"), strict=True)) | {"tags": ["a"], "owner": {"id": 1}}
    found = read(json.dumps(row) + "\n" + json.dumps(row | {"Client": {"id": 1}}), {"format": "jsonl"})
    assert len(found.events) == 1
    assert "Client: is an object or an array" in found.problems[0][1]
    for text in (json.dumps([row]), json.dumps([row], indent=1), json.dumps(row, indent=1)):
        with pytest.raises(ImportProblem, match="write one object a line: jq -c"):
            read(text, {"format": "jsonl"})
        with pytest.raises(ImportProblem, match="write one object a line: jq -c"):
            list(JsonLines().records(Source(str(tmp_path / "t.csv")), State()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("ID~Client~Owner\n", "line 1 is: ID~Client~Owner; is there a delimiter"),
    ],
)
def test_files_without_a_header(read, content, said):
    """Where no header is found, it says how the file begins."""
    with pytest.raises(ImportProblem, match=said):
        read(content)


def test_unseen_in_a_header(read):
    """A name in a header is the name, whatever unseen stands around it."""
    assert len(read(f"\ufeff{HEADER.replace('Owner', chr(0x200B) + 'Owner' + chr(0xA0))}\n{ROW}\n").events) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "1c://x"}, "source: '1c://x' is no URI-reference"),
        ({"source": "my crm"}, "source: 'my crm' is no URI-reference"),
        (
            {"events": [RULE | {"time": {"column": "Closed", "format": ["%d/%m/%Y", "%m/%d/%Y"]}}]},
            "%d/%m/%Y and %m/%d/%Y fit the same texts",
        ),
    ],
)
def test_mappings_that_cannot_be_right(tmp_path, change, said):
    """What would refuse each row, or read it in one of two ways, is told before any is read."""
    path = tmp_path / "m.yaml"
    path.write_text(json.dumps(FILE | change))
    with pytest.raises(MappingProblem) as problem:
        load_mapping(path)
    assert said in str(problem.value)


def test_an_exchange_has_a_source():
    """As a mapping's, so is an exchange's."""
    with pytest.raises(ValueError, match="is no URI-reference"):
        Config.model_validate({"source": "1st pbx"})


MONTHS = """
January Jan Jan. январь января янв янв.
February Feb Feb. февраль февраля фев фев. февр.
March Mar Mar. март марта мар мар.
April Apr Apr. апрель апреля апр апр.
May МАЙ май мая
June Jun Jun. июнь июня июн июн.
July Jul Jul. июль июля июл июл.
August Aug Aug. август августа авг авг.
September Sep Sept. сентябрь сентября сен сент.
October Oct Oct. октябрь октября окт окт.
November Nov Nov. ноябрь ноября ноя нояб.
December Dec DEC декабрь декабря дек дек.
"""


def test_every_month():
    """All twelve, in full and in short, in any case, in English and Russian."""
    read = one_by_one("time", ["%d %B %Y"], ZoneInfo("UTC"))
    for number, names in enumerate(MONTHS.strip().splitlines(), 1):
        for name in names.split():
            assert read(f"7 {name} 2026") == f"2026-{number:02}-07T00:00:00Z", name
    with pytest.raises(Refused, match="is no time"):
        read("7 брюмера 2026")
