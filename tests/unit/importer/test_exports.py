"""Tables as programs export them, with what they write for nothing and around texts: counted right, or refused."""

import json
import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from producers.connectors.asterisk.config import Config
from producers.errors import Refused
from producers.identities.numbers import local, normalise
from producers.importer.errors import ImportProblem, MappingProblem
from producers.importer.formats import JsonLines
from producers.importer.ids import id_text
from producers.importer.mapping import MappingFile, load_mapping
from producers.importer.money import AmountReader
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable
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
    assert "so digits are lost" in Found(tmp_path / "long.xlsx").problems[0][1]


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
        with pytest.raises(Refused, match="is not a number"):
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
            list(JsonLines().records(SourceFile(str(tmp_path / "t.csv")), State()))


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
        ({"source": "1c://x"}, "source: '1c://x' is not a URI-reference"),
        ({"source": "my crm"}, "source: 'my crm' is not a URI-reference"),
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
    with pytest.raises(ValueError, match="is not a URI-reference"):
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
    with pytest.raises(Refused, match="is not a time"):
        read("7 брюмера 2026")


# -- cells that are not texts

day = datetime.fromisoformat


def book(tmp_path, rows, name="book.xlsx", epoch=None):
    """A workbook of these rows, read as a table."""
    made = openpyxl.Workbook()
    if epoch is not None:
        made.epoch = epoch
    for row in rows:
        made.active.append(row)
    made.save(tmp_path / name)
    return tmp_path / name


NAMES = HEADER.split(";")


@pytest.mark.parametrize(
    ("word", "cell"),
    [
        ("0", 0), ("-1", -1), ("0.0", 0), ("0,5", 0.5), ("01.01.1900", day("1900-01-01")), ("false", False),
        ("1900-01-01", day("1900-01-01")), ("1900-01-01 00:00:00", day("1900-01-01")), ("FALSE", False),
    ],
)  # fmt: skip
def test_empty_words_in_cells_that_are_no_texts(tmp_path, word, cell):
    """What `empty` names is nothing, too, where the cell is a number, a day or a truth."""
    data = RULE["data"] | {"closed_at": "Created", "created_at": "Created", "team_id": "Closed"}
    rule = RULE | {"time": {"column": "Created"}, "data": data}
    rows = [NAMES, [1, 7, "m-1", 5, day("2026-09-01"), cell], [2, 7, "m-1", 5, day("2026-09-01"), 12]]
    found = Found(book(tmp_path, rows), {"events": [rule], "empty": word})
    assert not found.problems
    assert [event["data"].get("team_id") for event in found.events] == [None, "12"]


def test_empty_words_in_json(read):
    """As in spreadsheets; a truth is not a number."""
    line = dict(zip(NAMES, ROW.split(";"), strict=True))
    rows = "\n".join(json.dumps(line | {"Owner": owner}) for owner in (-1, 9, True, "x"))
    found = read(rows, {"format": "jsonl", "empty": ["-1", "9.0"]})
    assert [event["data"]["manager_id"] for event in found.events] == ["true", "x"]
    assert all("manager_id: is missing" in why for _, why in found.problems)


@pytest.mark.parametrize(
    ("spec", "becomes"),
    [
        ("ID", ["1017", "1017", "10.0.0", None, None, None]),
        ({"join": ["ID", "Owner"]}, ["1017-m", "1017-m", "10.0.0-m", None, None, None]),
        ({"join": ["ID"], "prefix": "d-"}, ["d-1017", "d-1017", "d-10.0.0", None, None, None]),
        ({"column": ["None", "ID"]}, ["1017", "1017", "10.0.0", None, None, None]),
    ],
)
def test_ids_that_programs_took_for_quantities(read, spec, becomes):
    """A fraction of zero is no part of an id; one whose digits are lost is refused, as part of a joined id, too."""
    ids = ["1017", "1017.0", "10.0.0", "1.2E+10", "8e+10", "1.2E10"]
    rows = "".join(f"{id_};7;m;5;01.09.2026;21.09.2026;\n" for id_ in ids)
    for each in (rows, *rows.splitlines(keepends=True)):
        found = read(f"{HEADER};None\n{each}", changed("deal_id", **({"column": spec} if spec == "ID" else spec)))
        taken = {event["data"]["deal_id"] for event in found.events}
        assert taken <= {one for one in becomes if one}
        assert all("so digits are lost" in why for _, why in found.problems)
        if each is rows:
            assert [event["data"]["deal_id"] for event in found.events] == [one for one in becomes if one]
            assert [number for number, _ in found.problems] == [5, 6, 7]


def test_a_joined_id_keeps_its_end(read):
    """What looks like a fraction once parts are joined is none."""
    found = read(
        f"{HEADER}\n12;7;0;5;01.09.2026;21.09.2026\n", changed("deal_id", join=["ID", "Owner"], **{"with": "."})
    )
    assert found.events[0]["data"]["deal_id"] == "12.0"


def test_ids_of_clients_that_lost_their_digits(read):
    """A client's own id beside a phone is an id."""
    with pytest.raises(Refused, match="so digits are lost"):
        id_text("client_id", "1,2E+10")
    found = read(f"{HEADER}\n{ROW.replace(';7;', ';1,2E+10;')}\n{ROW.replace(';7;', ';12.0;')}\n")
    assert [event["data"]["client_id"] for event in found.events] == ["crm-12"]


@pytest.mark.parametrize(
    ("form", "written", "day"),
    [
        ("%d %b. %Y", "7 янв. 2026", "2026-01-07"), ("%d %b. %Y", "7 Jan. 2026", "2026-01-07"),
        ("%d %b. %Y", "7 мая 2026", "2026-05-07"), ("%d %b. %Y", "7 May 2026", "2026-05-07"),
        ("%d %b. %Y", "7 Sept. 2026", "2026-09-07"), ("%d %b. %Y г.", "7 сент. 2026 г.", "2026-09-07"),
        ("%b. %d, %Y", "Sep. 7, 2026", "2026-09-07"), ("%d.%b.%Y", "07.янв.2026", "2026-01-07"),
        ("%d.%b.%Y", "07.May.2026", "2026-05-07"), ("%d %B. %Y", "7 февр. 2026", "2026-02-07"),
        ("%d %b %Y", "7 февр. 2026", "2026-02-07"), ("%d-%b-%y", "07-Feb-26", "2026-02-07"),
    ],
)  # fmt: skip
def test_months_with_a_point(form, written, day):
    """A point behind a month's name may be there or not, in the form and in the text."""
    assert one_by_one("time", [form], ZoneInfo("UTC"))(written) == f"{day}T00:00:00Z"


@pytest.mark.parametrize("space", ["  ", "\u00a0\u00a0", "\u202f", " \u202f", "\u2009", "\u2008", "\u3000", "\t"])
def test_any_space_between_thousands(space):
    """However many spaces, and of which kind, stand between thousands; groups of other sizes are no number."""
    assert AmountReader("amount", None)(f"1{space}250{space}000,50 ₽") == "1250000.50"
    for written in (f"12{space}50", f"1{space}2500", f"1{space}250,{space}50"):
        with pytest.raises(Refused, match="is not a number"):
            AmountReader("amount", None)(written)


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_days_from_1904(tmp_path, epoch):
    """Days are what a person sees in the workbook, whether they are cells of days or numbers that stand for them."""
    serial = 46286.5 if epoch is None else 46286.5 - 1462
    rows = [NAMES, [1, 7, "m-1", 5, day("2026-09-01"), serial]]
    spec = {"column": "Closed", "format": "excel"}
    data = RULE["data"] | {"created_at": "Created", "closed_at": spec}
    found = Found(
        book(tmp_path, rows, epoch=epoch), {"events": [RULE | {"time": spec, "data": data}], "timezone": "UTC"}
    )
    assert [(event["time"], event["data"]["created_at"]) for event in found.events] == [
        ("2026-09-21T12:00:00Z", "2026-09-01T00:00:00Z")
    ]


def test_numbers_as_ids_of_clients_are_told(read):
    """A table whose clients are phone numbers is read as it says, and told how they become the clients of calls."""
    found = read(f"{HEADER}\n{ROW.replace(';7;', ';+79211234567;')}\n", changed("client_id", column="Client"))
    assert found.events[0]["data"]["client_id"] == "+79211234567"
    assert any("phone: Client" in note and "7921" not in note for note in found.table.notes)
    assert not read(f"{HEADER}\n{ROW}\n", changed("client_id", column="Client")).table.notes


# -- workbooks as people and programs leave them


def test_a_workbook_that_begins_further_down(tmp_path):
    """Rows have the numbers that a person sees, wherever the table begins."""
    made = openpyxl.Workbook()
    for row, cells in ((4, NAMES), (5, ROW.split(";")), (6, ["2", "8", "m-1", "much", "01.09.2026", "21.09.2026"])):
        for column, cell in enumerate(cells, 3):
            made.active.cell(row, column, cell)
    made.save(tmp_path / "book.xlsx")
    found = Found(tmp_path / "book.xlsx")
    assert [(number, why) for number, why in found.problems] == [(6, "amount: 'much' is not a number")]
    assert "the header is line 4; what is above it was left out" in found.table.notes


def test_merged_cells_are_told(tmp_path):
    """What is merged over rows stands in the first alone; titles that are merged harm nothing."""
    made = openpyxl.Workbook()
    for row in (["Deals"], [], NAMES, *([n, 7, "m-1", 5, "01.09.2026", "21.09.2026"] for n in range(3))):
        made.active.append(row)
    made.active.merge_cells("A1:F2")
    made.save(tmp_path / "book.xlsx")
    assert not any("merged" in note for note in Found(tmp_path / "book.xlsx").table.notes)
    made.active.merge_cells("C4:C5")
    made.save(tmp_path / "book.xlsx")
    found = Found(tmp_path / "book.xlsx")
    assert any("merged over several rows (C4)" in note for note in found.table.notes)
    assert "manager_id: is missing" in found.problems[0][1]


@pytest.mark.parametrize("column", ["m-1", ";7;", "1;7"])
@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("#REF!", "a formula error"), ("#ССЫЛКА!", "a formula error"), ("#DIV/0!", "a formula error"),
        ("#ИМЯ?", "a formula error"), ("#NV", "a formula error"), ("########", "too narrow"),
        ("#Н/Д", "is missing"),
    ],
)  # fmt: skip
def test_an_error_of_a_spreadsheet_is_nobody(read, shown, said, column):
    """What a formula shows that failed names no manager, client or deal; of many rows those alone are refused."""
    bad = (
        ROW.replace(column, column.replace("m-1", shown).replace("7", shown))
        if column != "1;7"
        else f"{shown}{ROW[1:]}"
    )
    rows = [ROW.replace("1;7", f"{number};7") for number in range(100)]
    rows[50] = bad
    found = read("\n".join([HEADER, *rows]))
    assert len(found.events) == 99
    assert said in found.problems[0][1]
    whole = ROW.replace("m-1", "#1").replace(";7;", ";№#5;")
    assert read(f"{HEADER}\n{whole}").events[0]["data"]["manager_id"] == "#1"


def test_files_put_together(read):
    """A header in the middle is left out, or ends the import where it is another: rows would be misread."""
    again = read(f"{HEADER}\n{ROW}\n\ufeff{HEADER}\n{ROW.replace('1;7', '2;8')}")
    assert [event["data"]["deal_id"] for event in again.events] == ["1", "2"]
    other = HEADER.replace("ID;Client", "client;ID")
    with pytest.raises(ImportProblem, match="line 3 is a header with its columns in another order"):
        read(f"{HEADER}\n{ROW}\n{other}\n{ROW}")
    assert "'ID' is not a number" in read(f"{HEADER}\n{ROW.replace('1250', 'ID')}").problems[0][1]


def test_no_text_at_all(read):
    """What is packed in a way of its own is told so, and nothing of it commands the terminal."""
    with pytest.raises(ImportProblem, match="is it packed, or no text at all") as problem:
        read(b"Rar!\x1a\x07\x01\x00\x1b[31m\x1b]0;x\x07" + bytes(range(256)))
    assert str(problem.value).isprintable()
    with pytest.raises(ImportProblem, match="line 1 has") as problem:
        read(f"ID;\x1b[31mClient;Owner\n{ROW}")
    assert str(problem.value).isprintable()


@pytest.mark.parametrize(
    ("begun", "what"),
    [
        ("<meta http-equiv='Content-type'>\n<table><tr>", "a page of HTML"), ("\ufeff<html>", "a page of HTML"),
        ('<?xml version="1.0"?>\n<Workbook>', "is XML"),
        ("MIME-Version: 1.0\nX-Document-Type: Workbook", "a page of HTML"),
    ],
)  # fmt: skip
def test_pages_that_are_called_tables(read, begun, what):
    """What spreadsheets open all the same, and whose rows nobody could read here."""
    with pytest.raises(ImportProblem, match=what):
        read(begun, name="t.xls")


@pytest.mark.parametrize("written", ["1e30", "-1E+999", "1" * 19, "1 000 000 000 000 000 000,5"])
@pytest.mark.parametrize(
    ("name", "spec"),
    [("amount", {"places": 2}), ("amount", {"scale": "1.5"}), ("amount", {}), ("probability", {}), ("amount", None)],
)
def test_too_large_to_be_an_amount(read, written, name, spec):
    """It is refused by itself, whatever would have been made of it; the row behind it is counted."""
    rule = RULE | ({"when": {"column": "Amount", "negative": False}} if spec is None else {})
    data = RULE["data"] | ({} if spec is None else {name: {"column": "Amount"} | spec})
    found = read(
        f"{HEADER}\n{ROW.replace('1250', written)}\n{ROW.replace('1250', '0')}\n", {"events": [rule | {"data": data}]}
    )
    assert len(found.events) == 1
    assert any(said in found.problems[0][1] for said in ("is too large; 18 digits", "data.amount: is not an amount"))


@pytest.mark.parametrize("has_values", [False, True])
def test_formulas_without_values(tmp_path, has_values):
    """Who reads a workbook that nobody has worked out is told why cells are empty."""
    path = book(tmp_path, [NAMES, [1, 7, "m-1", "=1+1", "01.09.2026", "21.09.2026"]])
    if has_values:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part.replace(b"<v />", b"<v>2</v>").replace(b"<v></v>", b"<v>2</v>"))
    found = Found(path)
    assert any("formulas have no values" in note for note in found.table.notes) is not has_values
    assert len(found.events) == has_values


def test_one_bad_byte_in_utf8(read):
    """A text that is cut in one place does not make another encoding of the whole file."""
    rows = [ROW.replace("m-1", "Анна Иванова"), ROW.replace("m-1", "Анна\udcd0"), ROW.replace("m-1", "Пётр")]
    found = read("\n".join([HEADER, *rows]).encode("utf-8", "surrogateescape"))
    assert [event["data"]["manager_id"] for event in found.events] == ["Анна Иванова", "Пётр"]
    assert "bytes that are not text" in found.problems[0][1]
    assert any("read as utf-8, in which" in note for note in found.table.notes)


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866"])
def test_encodings_of_short_tables(read, encoding):
    """Of a few words the columns' names say more than the letters do."""
    header = HEADER.replace("Client", "Клиент").replace(";", "\t")
    content = f"{header}\r\n1\tООО Ромашка\tИванов И.И.\t1 250,50\t01.09.2026\t21.09.2026\r\n"
    found = read(content.encode(encoding), changed("client_id", column="Клиент"))
    assert found.events[0]["data"]["client_id"] == "ООО Ромашка"
    if encoding == "cp1251":
        content = f"{HEADER}\n1;ООО Ромашка;Иванов И.И.;1 250,50;01.09.2026;21.09.2026\n"
        assert read(content.encode(encoding)).events[0]["data"]["client_id"] == "crm-ООО Ромашка"


def test_a_file_that_grows(tmp_path):
    """Who reads a table that is still being written is told."""
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER}\n{ROW}\n")
    table, source = MappedTable(RowMapper(MappingFile.model_validate(FILE))), SourceFile(str(path))
    records = table.records(source, State())
    with path.open("a") as file:
        file.write(ROW)
    assert list(records)
    assert any("written to while it was read" in note for note in table.notes)
    assert not any("written to" in note for note in Found(path).table.notes)
