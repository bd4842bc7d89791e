"""The page's table of cases, each tried: what it says happens is what happens."""

import gzip
import io
import re
import zipfile
from pathlib import Path

import pytest

from producers.importer.errors import ImportProblem
from tests.unit.importer.test_tables import DAY, HEADER, ROW, RULE, changed, read

__all__ = ["read"]
PAGE = Path(__file__).parents[3] / "deploy" / "docs" / "import.md"
TABLE = f"{HEADER}\n{ROW}\n"
ANOTHER = ROW.replace("1;7", "2;8")


OPEN = RULE["data"] | {"status": {"constant": "open"}}


def cell(old, new):
    """The table with a second row, in which something stands otherwise."""
    return f"{TABLE}{ANOTHER.replace(old, new)}\n"


def zipped(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, TABLE)
    return packed.getvalue()


def timed(*forms):
    return {"events": [RULE | {"time": {"column": "At", "format": list(forms)}}]}


def at(written):
    return f"{HEADER};At\n{ROW.replace('09.2026', '01.2026')};{written}\n"


JOINED = {"join": ["Closed", "At"], "with": " ", "format": "%d.%m.%Y %H:%M:%S"}
CASES = {
    # files
    "line ends of Windows, Unix or old Macs": [TABLE.replace("\n", end) for end in ("\r\n", "\r")],
    "UTF-8 and UTF-16, with a byte order mark or without": [TABLE.encode(name) for name in ("utf-8-sig", "utf-16")],
    "cp1251 and other single-byte encodings": [f"{HEADER};Имя\n{ROW};Анна Иванова\n".encode("cp1251")],
    "`.gz`, and a `.zip` of one file": [gzip.compress(TABLE.encode()), zipped("deals.csv")],
    "a `.zip` of several files": [zipped("a.csv", "b.csv")],
    "HTML or XML named `.xls`": [
        f"<html><table><tr><td>{ROW}</td></tr></table></html>", f'<?xml version="1.0"?>\n<Workbook>{ROW}</Workbook>',
    ],
    "a delimiter other than the mapping's": [(TABLE.replace(";", ","), {"delimiter": ";"})],
    "titles above the header, a line `sep=;`": [f"Deals of May\n\n{TABLE}", f"sep=;\n{TABLE}"],
    "a mapped column that occurs twice": [TABLE.replace("Created", "Owner")],
    "a mapped column that is missing": [TABLE.replace("Created", "Begun")],
    # rows
    "a quote inside an unquoted cell": [cell(";8;", ';24" monitor;')],
    "a quote that opens a cell and is never closed": [cell(";8;", ';"8;') + ROW.replace("1;7", "3;9")],
    "a quote inside a quoted cell that is not doubled": [cell(";8;", ';"OOO "Lily"";')],
    "a line break inside quotes": [cell(";8;", ';"two\nlines";')],
    "too few cells, or too many filled ones": [cell(";21.09.2026", ""), cell("21.09.2026", "21.09.2026;x")],
    "an empty row": [f"{TABLE}\n;;;;;\n"],
    "the header repeated, as on each printed page": [f"{TABLE}{HEADER}\n{ANOTHER}\n"],
    "a row of totals": [f"{TABLE}Total;;;1250;;\n"],
    "a different header, of files joined into one": [f"{TABLE}{HEADER.replace('ID;Client', 'Client;ID')}\n{ROW}\n"],
    "an undecodable byte in a mapped cell": [
        (cell(";8;", ";\udcff;") + ROW.replace("1;7", "3;Анна")).encode("utf-8", "surrogateescape"),
    ],
    # amounts
    "`1 250,50 ₽`, `1,250.00`, `RUB 1250`": [cell("1250", one) for one in ("1 250,50 ₽", "1,250.00", "RUB 1250")],
    "`1,250`, and no other amount shows the decimal mark": [cell("1250", "1,250")],
    "`1,250`, and another amount shows it": [f"{cell('1250', '1,250')}{ROW.replace('1250', '3,50')}\n"],
    "`1  250` with two spaces, or narrow ones": [cell("1250", one) for one in ("1  250", "1\u202f250", "1 \u00a0250")],
    "`$1250` when the mapping says RUB": [cell("1250", "$1250")],
    "`-1250`, `(1250)` without a `when` for it": [cell("1250", one) for one in ("-1250", "(1250)")],
    "`12 50`, `5 pcs`": [cell("1250", one) for one in ("12 50", "5 pcs")],
    # times
    "a time in one of several forms": [(at("21.09.26 10:15"), timed("%d.%m.%Y", "%d.%m.%y %H:%M"))],
    "months by name, English or Russian": [
        (at("21 сент. 2026"), timed("%d %B %Y")), (at('"Sep 21, 2026"'), timed("%b %d, %Y")),
    ],
    "Unix times, days of a spreadsheet": [(at("1790000000000"), timed("unix")), (at("46286.4271"), timed("excel"))],
    "a time that fits none of the forms": [(at("yesterday"), timed("%d.%m.%Y"))],
    "two forms that fit the same texts": [(TABLE, timed("%d.%m.%Y", "%m.%d.%Y"))],
    # what programs write
    "`NULL`, `\\N`, `#N/A` in a required field": [cell("1250", one) for one in ("NULL", "\\N", "#N/A")],
    "`1,23457E+11` as an id": [cell("2;8", "1,23457E+11;8")],
    "`1,23457E+11` as a part of a joined id": [
        (cell("2;8", "1,23457E+11;8"), changed("deal_id", join=["ID", "Owner"])),
    ],
    "`1017.0` as an id": [cell("2;8", "1017.0;8")],
    "`#REF!`, `#ДЕЛ/0!` and the like as an id or a name": [
        cell("2;8", "#REF!;8"), cell("m-1", "#ДЕЛ/0!"), cell(";8;", ";#NAME?;"),
    ],
    "`########` as an id or a name": [cell("2;8", "########;8"), cell("m-1", "###")],
    "`1e30` as an amount": [(cell("1250", "1e30"), changed("amount", column="Amount", places=2))],
    "a day and a time in two columns, joined": [
        (f"{HEADER};At\n{ROW};9:05:33\n", {"events": [RULE | {"time": JOINED}]}),
    ],
    "`2:05` as a duration": [
        (f"{HEADER};Took\n{ROW};0:02:05\n{ANOTHER};2:05\n", {"events": [RULE | {"time": DAY | {"plus": "Took"}}]}),
    ],
    "a bare phone number as `client_id`": [(cell(";8;", ";+79211234567;"), changed("client_id", column="Client"))],
    "an expected closing date on an open deal": [
        (f"{HEADER};At\n{ROW};2026-09-02\n", {"events": [RULE | {"time": {"column": "At"}, "data": OPEN}]}),
    ],
    "a row for which no `when` holds": [
        (cell("m-1", "m-9"), {"events": [RULE | {"when": {"column": "Owner", "not": "m-9"}}]}),
    ],
}  # fmt: skip


def table():
    """Case → what happens, as the page says it."""
    section = PAGE.read_text().partition("\n## Cases\n")[2].partition("\n## ")[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines() if row.startswith("| ")]
    return {case.strip(): what.strip() for case, what in rows[1:]}


def test_all_cases_are_there():
    """Each row of the table is tried, and each case that is tried stands there."""
    assert table().keys() == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_as_the_page_says(read, case):
    """Counted, left out, refused with its remedy, or nothing is imported: by the table's first words."""
    said = table()[case]
    for tried in CASES[case]:
        content, file = tried if isinstance(tried, tuple) else (tried, {})
        if said.startswith(("nothing is imported", "ends the import")):
            with pytest.raises((ImportProblem, ValueError)) as problem:
                read(content, file)
            shown = str(problem.value)
        else:
            found = read(content, file)
            rows = len(found.records)
            refused, left_out = found.report.reasons.total(), found.report.left_out.total()
            assert found.report.taken + refused + left_out == rows
            what = said.split()[0].rstrip(":;,")
            assert what == ("refused" if refused else "left" if left_out else "counted"), (found.problems, said)
            shown = " ".join([detail for _, detail in found.problems] + found.table.notes)
        for words in re.findall(r"\*(.*?)\*", said):
            assert words in shown
