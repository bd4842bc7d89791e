"""Tables as people's programs write them: read right, or refused with what to do; each row is accounted for."""

import codecs
import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.errors import Refused
from producers.importer.cells import NOTHING
from producers.importer.errors import ImportProblem, MappingProblem
from producers.importer.formats import singly
from producers.importer.mapping import MappingFile, load_mapping
from producers.importer.money import AmountReader
from producers.importer.report import ImportReport, judge
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable

NOW_MS = 1_795_435_200_000  # 2026-11-23 12:00 UTC
HEADER = "ID;Client;Owner;Amount;Created;Closed"
ROW = "1;7;m-1;1250;01.09.2026;21.09.2026"
DAY = {"column": "Closed", "format": "%d.%m.%Y"}
RULE = {
    "type": {"constant": "sales.deal.changed.v1"},
    "time": DAY,
    "data": {
        "deal_id": "ID",
        "client_id": {"column": "Client", "prefix": "crm-"},
        "manager_id": "Owner",
        "pipeline": {"constant": "retail"},
        "stage": {"constant": "won"},
        "status": {"constant": "won"},
        "amount": "Amount",
        "currency": {"constant": "RUB"},
        "created_at": {"column": "Created", "format": "%d.%m.%Y"},
        "closed_at": DAY,
    },
}
FILE = {"source": "crm://case", "timezone": "Europe/Moscow", "events": [RULE]}


class Found:
    """What became of a table: its events' data, what was left out and refused, what was said."""

    def __init__(self, path, file=None):
        self.table = MappedTable(RowMapper(MappingFile.model_validate(FILE | (file or {}))))
        self.report = ImportReport()
        self.records = list(singly(self.table.records(SourceFile(str(path)), State())))
        self.events = []
        for record in self.records:
            try:
                judge(record, NOW_MS, self.report)
                self.events += [json.loads(value) for value in record.values]
            except Refused as refused:
                self.report.refuse(record.number, refused)

    @property
    def amounts(self):
        return [event["data"]["amount"] for event in self.events]

    @property
    def problems(self):
        return [problem for several in self.report.examples.values() for problem in several]


@pytest.fixture
def read(tmp_path):
    """Read bytes or text as a table."""

    def read_(content, file=None, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Found(path, file)

    return read_


def changed(field, **spec):
    """The rule with one field of its data said otherwise."""
    return {"events": [RULE | {"data": RULE["data"] | {field: spec}}]}


# -- files


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r", "cp866"]
)
def test_any_encoding_and_line_end(read, encoding, end):
    """A table is read whatever encoding and line ends it has, and a guess is told."""
    header = HEADER.replace("Owner", "Ответственный менеджер").replace("Client", "Клиент")
    lines = [header, *(f"{n};Клиент {n};Иванова Мария;{n}00;01.09.2026;21.09.2026" for n in range(5))]
    data = RULE["data"] | {
        "manager_id": "Ответственный менеджер",
        "client_id": "Клиент",
        "team_id": "Ответственный менеджер",
    }
    found = read((end.join(lines) + end).encode(encoding), {"events": [RULE | {"data": data}]})
    assert [event["data"]["team_id"] for event in found.events] == ["Иванова Мария"] * 5
    if encoding in ("cp1251", "koi8-r", "cp866"):
        assert f"read as {codecs.lookup(encoding).name} (guessed)" in found.table.notes[0].replace("_", "-")


def test_a_wrong_encoding_is_named(read):
    """A mapping that says another encoding than the file has is told what the file looks like."""
    data = RULE["data"] | {"manager_id": "Ответственный"}
    content = HEADER.replace("Owner", "Ответственный") + "\n" + ROW.replace("m-1", "Петров Илья Сергеевич") + "\n"
    with pytest.raises(ImportProblem, match="not utf-8, as `encoding` in the mapping says; it looks like cp1251"):
        read(content.encode("cp1251"), {"encoding": "utf-8", "events": [RULE | {"data": data}]})


def test_a_bad_byte_harms_its_row_alone(read):
    """A byte that is not text refuses the row where it is used, and none where it is not."""
    content = f"{HEADER};Note\n{ROW};a\n2;8;m-\xff;1;01.09.2026;21.09.2026;b\n3;9;m-1;1;01.09.2026;21.09.2026;\xff\n"
    found = read(content.encode("latin-1"), {"encoding": "utf-8"})
    assert [event["data"]["deal_id"] for event in found.events] == ["1", "3"]
    assert [number for number, _ in found.problems] == [3]
    assert found.records[1].raw == content.encode("latin-1").splitlines(keepends=True)[2]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_found(read, delimiter):
    """A delimiter that the mapping does not say is found; one that does not fit is replaced, and that is told."""
    content = f"{HEADER}\n{ROW}\n".replace(";", delimiter)
    assert read(content).amounts == ["1250"]
    found = read(content, {"delimiter": "^"})
    assert found.amounts == ["1250"]
    assert f"separated by {delimiter!r}, not by '^'" in found.table.notes[0]


def test_titles_and_sep_lines(read):
    """What stands above the header is left out, and told."""
    found = read(f"sep=;\nDeals; exported 21.09.2026\n\n{HEADER}\n{ROW}\n")
    assert found.amounts == ["1250"]
    assert "the header is line 4" in found.table.notes[0]


def test_headers_that_differ(read):
    """Case and spaces of names do not matter; a name that is there twice and one that is missing are refused."""
    assert read(f"{HEADER.lower().replace('owner', ' OWNER ')}\n{ROW}\n").amounts == ["1250"]
    assert read(f"{HEADER};;\n{ROW};;\n").amounts == ["1250"]
    assert read(f"{HEADER};Note;Note\n{ROW};;\n").amounts == ["1250"]
    with pytest.raises(ImportProblem, match=r"'Owner' more than once \(columns 3, 7\)"):
        read(f"{HEADER};Owner\n{ROW};x\n")
    with pytest.raises(ImportProblem, match=r"Owner \(nearest: Owners\); line 1 has ID"):
        read(f"{HEADER.replace('Owner', 'Owners')}\n{ROW}\n")


@pytest.mark.parametrize("packed", ["gz", "zip"])
def test_packed(tmp_path, packed):
    """A gzip and a zip with one file are read as if they were not packed; what macOS adds does not count."""
    path = tmp_path / f"t.csv.{packed}"
    content = f"{HEADER}\n{ROW}\n".encode()
    if packed == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("deals.csv", content)
            archive.writestr("__MACOSX/._deals.csv", b"x")
    assert Found(path).amounts == ["1250"]


def test_archives_that_cannot_be_read(tmp_path):
    """Several files, none, half an archive, an empty spreadsheet and a page of HTML are refused in one clear line."""
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(ImportProblem, match=r"2 files \(a.csv, b.csv\); unpack"):
        Found(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImportProblem, match="not a complete zip"):
        Found(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(ImportProblem, match="not a spreadsheet"):
        Found(path)
    path.write_text("<html><table><tr><td>ID</td></tr></table></html>")
    with pytest.raises(ImportProblem, match="page of HTML"):
        Found(path)


def damaged(packed, way):
    """Bytes of a packed file with one kind of damage."""
    flipped = bytes([packed[len(packed) // 2] ^ 0xFF, packed[len(packed) // 2 + 1] ^ 0x5A])
    return {
        "cut": packed[: len(packed) * 2 // 3],
        "flipped": packed[: len(packed) // 2] + flipped + packed[len(packed) // 2 + 2 :],
        "checksum": packed[:-8] + bytes(8),
    }[way]


@pytest.mark.parametrize("rows", [10, 40_000])
@pytest.mark.parametrize("way", ["cut", "flipped", "checksum"])
def test_damaged_while_it_was_packed_or_sent(tmp_path, rows, way):
    """However large it is, and wherever the damage lies, it is one clear line: never a traceback, never "Aborted"."""
    path = tmp_path / "t.csv.gz"
    content = "".join(f"{n};{n % 7};m-{n % 5};{n * 7919 % 100_003};01.09.2026;21.09.2026\n" for n in range(rows))
    path.write_bytes(damaged(gzip.compress(f"{HEADER}\n{content}".encode(), 1), way))
    with pytest.raises(ImportProblem, match=r"t\.csv\.gz: cannot be read: .*again"):
        Found(path)


@pytest.mark.parametrize("place", [(8, 10), (4, 6)], ids=["way", "version"])
def test_packed_in_a_way_that_is_not_known(tmp_path, place):
    """Windows packs large files by Deflate64, other programs by ways of their own: that is told."""
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deals.csv", f"{HEADER}\n{ROW}\n")
    whole = bytearray(path.read_bytes())
    for begin, skip in ((whole.index(b"PK\x03\x04"), 0), (whole.index(b"PK\x01\x02"), 2)):
        whole[begin + place[0] + skip : begin + place[1] + skip] = (99).to_bytes(2, "little")
    path.write_bytes(whole)
    with pytest.raises(ImportProblem, match=r"t\.zip: .*(not supported|zip file version 9)"):
        Found(path)


def test_the_wrong_sheet(tmp_path):
    """Who forgets that the table is on another sheet learns which there are, and of which file."""
    book = openpyxl.Workbook()
    book.active.title = "About"
    book.create_sheet("Deals").append(HEADER.split(";"))
    book.save(tmp_path / "deals.xlsx")
    with pytest.raises(ImportProblem, match=r"deals\.xlsx: is empty; of the sheets About, Deals the first is read"):
        Found(tmp_path / "deals.xlsx")


def test_spreadsheet(tmp_path):
    """Numbers, moments and texts of a spreadsheet come as what they are; the sheet can be named; rejects are CSV."""
    book = openpyxl.Workbook()
    book.active.title = "About"
    sheet = book.create_sheet("Deals")
    sheet.append(["Deals of the year"])
    sheet.append(HEADER.split(";"))
    # Spreadsheets know no zones.
    days = datetime(2026, 9, 1), datetime(2026, 9, 21, 10, 15)  # noqa: DTZ001
    sheet.append([1, 7, "m-1", 1250.1, *days])
    sheet.append([2, 8, "m-1", "1 250,50", "01.09.2026", "21.09.2026"])
    sheet.append([3, 8, "m-1", 0.1 + 0.2, 46266, "21.09.2026"])
    sheet.append([None] * 6)
    sheet.append([4, 8, "m-1", "much", "01.09.2026", "21.09.2026"])
    path = tmp_path / "deals.xlsx"
    book.save(path)
    file = {"sheet": "Deals"} | changed("created_at", column="Created", format=["%d.%m.%Y", "excel"])
    found = Found(path, file)
    assert found.amounts == ["1250.1", "1250.50", "0.3"]
    assert found.events[0]["time"] == "2026-09-21T07:15:00Z"
    assert found.events[2]["data"]["created_at"] == "2026-08-31T21:00:00Z"
    assert found.report.left_out == {"the row is empty": 1}
    assert found.problems[0][0] == 7
    again = tmp_path / "again.csv"
    again.write_bytes(found.table.header + found.records[0].raw + found.records[1].raw)
    assert Found(again, file).amounts == ["1250.1", "1250.50"]
    with pytest.raises(ImportProblem, match="it has About, Deals"):
        Found(path, {"sheet": "deals"})


# -- rows


def test_quotes_that_are_not_meant(read):
    """A quote that opens a cell by mistake costs its own row; the other rows are read."""
    rows = [f"{n};{n};m-1;{n};01.09.2026;21.09.2026" for n in range(1, 1001)]
    rows[499] = rows[499].replace("500;500;", '500;24" monitor;')
    assert len(read("\n".join([HEADER, *rows])).events) == 1000
    rows[499] = rows[499].replace('24" monitor', '"24 monitor')
    found = read("\n".join([HEADER, *rows]))
    assert len(found.events) == 999
    assert [number for number, _ in found.problems] == [501]
    rows[600] = rows[600].replace("601;601;", '601;"other;')
    found = read("\n".join([HEADER, *rows]))
    assert len(found.events) == 998
    assert [number for number, _ in found.problems] == [501, 602]


def test_quotes_inside_cells(read):
    """Doubled quotes and line breaks are read; others are refused with the setting that reads them."""
    rows = ['1;"a ""b""\nc";m-1;1;01.09.2026;21.09.2026', '2;"a \\"b\\"";m-1;1;01.09.2026;21.09.2026']
    found = read("\n".join([HEADER, *rows]))
    assert [event["data"]["client_id"] for event in found.events] == ['crm-a "b"\nc']
    assert 'escape: "\\\\"' in found.problems[0][1]
    assert found.problems[0][0] == 4
    escaped = read(f"{HEADER}\n{rows[1]}", {"escape": "\\"})
    assert [event["data"]["client_id"] for event in escaped.events] == ['crm-a "b"']


def test_rows_of_another_length(read):
    """Empty cells too many are nothing; cells that are missing or have no name refuse the row."""
    found = read(f"{HEADER};Note\n{ROW}\n{ROW};x;;\n{ROW};x;y\n1;2;m-1;5\n\n;;;;;;\n")
    assert len(found.events) == 2
    assert [number for number, _ in found.problems] == [4, 5]
    assert found.report.left_out == {"the row is empty": 2}


def test_every_row_has_its_end(read):
    """Rows are taken, left out by what stands in them, or refused; the three add up to what was read."""
    rule = RULE | {"when": [{"column": "Owner", "not": "m-9"}, {"column": "Amount", "filled": True}]}
    found = read(
        f"{HEADER}\n{ROW}\n{ROW.replace('m-1', 'm-9')}\n{ROW.replace('1250', '')}\n{ROW.replace('1250', 'x')}\n",
        {"events": [rule]},
    )
    assert found.report.taken == 1
    assert dict(found.report.left_out) == {
        "no rule's `when` holds: Owner is 'm-9', Amount is '1250'": 1,
        "no rule's `when` holds: Owner is 'm-1', Amount is ''": 1,
    }
    assert found.report.reasons.total() == 1


# -- amounts


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1250", "1250"), ("1250,5", "1250.5"), ("1 250,50", "1250.50"), ("1\u00a0250,50", "1250.50"),
        ("1\u202f250.50", "1250.50"), ("1,250.00", "1250.00"), ("1.250,00", "1250.00"), ("12,500,000", "12500000"),
        ("1'250.50", "1250.50"), ("1 250 руб.", "1250"), ("1250 ₽", "1250"), ("RUB 1250", "1250"), ("1250|RUB", "1250"),
        ("1.25E+3", "1250"), ("1250.000000", "1250.0000"), ("0,125", "0.125"), (".5", "0.5"), ("1 250,125", "1250.125"),
        ("1250,125", "1250.125"), ("+1250", "1250"),
    ],
)  # fmt: skip
def test_amounts(read, written, amount):
    """An amount that can be read in one way only is read, whatever marks, signs and words it has."""
    assert read(f"{HEADER}\n{ROW.replace('1250', written)}\n").amounts == [amount]


@pytest.mark.parametrize("options", [{}, {"places": 2}, {"scale": Decimal(-1)}])
def test_nothing_has_no_sign(options):
    """Spreadsheets and JSON have a zero below zero; in money it is no credit."""
    assert not AmountReader("amount", **options)(-0.0).startswith("-")


@pytest.mark.parametrize(
    "written",
    ["much", "1.2.3,4", "1,25,0", "12 abc", "5 из 7", "$1,250.00", "€5", "-1250", "(1250)", "−5", "1249.99999", "1..5"],
)
def test_amounts_that_are_refused(read, written):
    """What is no amount, is negative, has too many decimals or is in another currency is refused by its row."""
    found = read(f"{HEADER}\n{ROW.replace('1250', written)}\n{ROW}\n")
    assert found.amounts == ["1250"]
    assert "amount" in found.problems[0][1]


@pytest.mark.parametrize(
    ("other", "amount"), [("3,50", "1.250"), ("3.50", "1250"), ("2.000,00", "1.250"), ("1 000,5", "1.250")]
)
def test_a_column_decides_its_mark(read, other, amount):
    """`1,250` is read as the other amounts of its column show."""
    assert read(f"{HEADER}\n{ROW.replace('1250', '1,250')}\n{ROW.replace('1250', other)}\n").amounts[0] == amount


def test_a_column_that_does_not_decide(read):
    """Where nothing decides, nothing is imported, and both readings are told; the mapping can say it."""
    content = f"{HEADER}\n{ROW}\n{ROW.replace('1250', '1,250')}\n"
    with pytest.raises(ImportProblem, match=r"""line 3, Amount: '1,250' is 1.250 with decimal: "," and 1250 with"""):
        read(content)
    assert read(content, changed("amount", column="Amount", decimal=",")).amounts[1] == "1.250"
    assert read(content, changed("amount", column="Amount", decimal=".")).amounts[1] == "1250"
    both = read(f"{content}{ROW.replace('1250', '3,50')}\n{ROW.replace('1250', '3.50')}\n")
    assert both.amounts == ["1250", "3.50", "3.50"]
    assert "both 3,50 (line 4) and 3.50 (line 5)" in both.table.notes[0]


def test_rounding_and_refunds(read):
    """Long fractions are rounded where the mapping says so; negative amounts are what its rules make of them."""
    assert read(
        f"{HEADER}\n{ROW.replace('1250', '1249.9999999998')}\n", changed("amount", column="Amount", places=2)
    ).amounts == ["1250.00"]
    ids = {"client_id": "Client", "manager_id": "Owner", "currency": {"constant": "RUB"}}
    paid = {"payment_id": "ID", **ids, "amount": "Amount"}
    rules = [
        {
            "type": {"constant": "sales.payment.received.v1"},
            "time": DAY,
            "data": paid,
            "when": {"column": "Amount", "negative": False},
        },
        {
            "type": {"constant": "sales.payment.refunded.v1"},
            "time": DAY,
            "data": paid | {"amount": {"column": "Amount", "absolute": True}},
            "when": {"column": "Amount", "negative": True},
        },
    ]
    found = read(f"{HEADER}\n{ROW}\n{ROW.replace('1250', '-7,50')}\n{ROW.replace('1250', '(9)')}\n", {"events": rules})
    assert [(event["type"], event["data"]["amount"]) for event in found.events] == [
        ("sales.payment.received.v1", "1250"),
        ("sales.payment.refunded.v1", "7.50"),
        ("sales.payment.refunded.v1", "9"),
    ]


# -- times


@pytest.mark.parametrize(
    ("forms", "written", "moment"),
    [
        (["%d.%m.%Y", "%d.%m.%Y %H:%M"], "21.09.2026 10:15", "2026-09-21T07:15:00Z"),
        ("%d.%m.%Y", "2026-09-21T10:15:30.000+0000", "2026-09-21T10:15:30Z"),
        ((), "2026-09-21 10:15", "2026-09-21T07:15:00Z"),
        ((), "2026-09-21T10:15:30.1234567Z", "2026-09-21T10:15:30.123456Z"),
        ("unix", "1790000000", "2026-09-21T14:13:20Z"),
        ("unix", "1790000000000", "2026-09-21T14:13:20Z"),
        ("excel", "46286.4271", "2026-09-21T07:15:01.440000Z"),
        ("%m/%d/%Y, %I:%M %p", "9/21/2026, 10:15\u202fAM", "2026-09-21T07:15:00Z"),
        ("%d %B %Y", "21 сентября 2026", "2026-09-20T21:00:00Z"),
        ("%d %B %Y", "21 сент. 2026", "2026-09-20T21:00:00Z"),
        ("%d %b %Y", "1 мая 2026", "2026-04-30T21:00:00Z"),
        ("%B %d, %Y", "September 21, 2026", "2026-09-20T21:00:00Z"),
        ("%d.%m.%y", "21.09.26", "2026-09-20T21:00:00Z"),
    ],
)
def test_times(read, forms, written, moment):
    """Times are read in any of the forms that the mapping names, and full dates of ISO 8601 always."""
    rule = RULE | {"time": {"column": "At", "format": forms}}
    found = read(f'{HEADER};At\n{ROW.replace("09.2026", "01.2026")};"{written}"\n', {"events": [rule]})
    assert [event["time"] for event in found.events] == [moment]


def test_times_that_are_refused(read):
    """A time in no form that is named says which there are, and an empty one that it is empty."""
    found = read(f"{HEADER}\n{ROW.replace('21.09.2026', '21/09/2026')}\n{ROW.replace('21.09.2026', '')}\n")
    assert "closed_at: '21/09/2026' is not a time in the form %d.%m.%Y; `format` may be a list" in found.problems[0][1]
    assert "time: the cell is empty" in found.problems[1][1]


# -- mappings


def test_columns_put_together(read):
    """A field can be the first filled of several columns, or several joined; an open deal has no closing."""
    data = RULE["data"] | {
        "client_id": {"column": ["Company", "Client"]},
        "deal_id": {"join": ["ID", "Line"], "with": "/"},
        "status": {"column": "Status", "values": {"Open": "open", "Won": "won"}},
    }
    header, rows = (
        f"{HEADER};Company;Line;Status",
        [f"{ROW};;2;Won", f"{ROW};x;;Open".replace("21.09.2026", "20.11.2026")],
    )
    found = read("\n".join([header, *rows]), {"events": [RULE | {"data": data}]})
    first, second = (event["data"] for event in found.events)
    assert (first["client_id"], first["deal_id"], "closed_at" in first) == ("7", "1/2", True)
    assert (second["client_id"], second["deal_id"], "closed_at" in second) == ("x", "1", False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("delimeter: ','", ":2: delimeter: is not a key here; did you mean delimiter?"),
        ("timezone: Moscow", ":2: timezone: 'Moscow' is not an IANA time zone"),
        ("format: xml", ":2: format:"),
        ("\tx: 1", ":2: is not YAML"),
    ],
)
def test_mistakes_in_a_mapping(tmp_path, line, said):
    """Each mistake is told in our words with the file's line and the nearest key."""
    path = tmp_path / "m.yaml"
    rule = json.dumps(RULE)
    path.write_text(f"source: crm://x\n{line}\nevents:\n  - {rule}\n")
    with pytest.raises(MappingProblem) as problem:
        load_mapping(path)
    assert said in str(problem.value)
    assert "pydantic" not in str(problem.value).lower()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"data": {"manger_id": "Owner"}},
            "data.manger_id: sales.deal.changed.v1 has no such field; did you mean manager_id?",
        ),
        ({"type": {"constant": "sales.deal.change.v1"}}, "did you mean sales.deal.changed.v1?"),
    ],
)
def test_mistakes_against_the_contract(change, said):
    """A type or field that the contract does not have is refused before anything is read."""
    with pytest.raises(MappingProblem) as problem:
        RowMapper(MappingFile.model_validate(FILE | {"events": [RULE | change]}))
    assert said in str(problem.value)


# -- any table, written in any way

TEXTS = (
    st.text(st.characters(codec="cp1251", exclude_categories=("Cc",)), max_size=12)
    .map(str.strip)
    .filter(lambda text: text not in NOTHING)
)
ROWS = st.lists(
    st.tuples(TEXTS, TEXTS.filter(bool), st.integers(0, 10**9), st.integers(0, 8000)), min_size=1, max_size=20
)
NUMBERS = {
    "1250.5": lambda n: f"{n / 100:.2f}",
    "1250,5": lambda n: f"{n / 100:.2f}".replace(".", ","),
    "1 250,5": lambda n: f"{n / 100:,.2f}".replace(",", "\u00a0").replace(".", ","),
    "1,250.5": lambda n: f"{n / 100:,.2f}",
    "1.250,5 ₽": lambda n: f"{n / 100:,.2f}".translate(str.maketrans(",.", ".,")) + " руб.",
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    dialect=st.sampled_from([";", ",", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1251"]),
    declared=st.booleans(),
    number=st.sampled_from(sorted(NUMBERS)),
    title=st.booleans(),
    damage=st.dictionaries(st.integers(0, 19), st.sampled_from(["amount", "quote", "short", "long"]), max_size=3),
)
def test_any_table(tmp_path, rows, dialect, quoting, end, encoding, declared, number, title, damage):
    """A random table, written out in a random way, comes back as the same events, or refused; no row disappears.

    Rows that are damaged, a quote that is never closed among it, cost themselves and no other row.
    """
    file = io.StringIO()
    writer = csv.writer(file, delimiter=dialect, quoting=quoting, lineterminator=end)
    if title:
        file.write(f"Выгрузка сделок{end}")
    writer.writerow([*HEADER.split(";"), "Примечание"])
    day = datetime(2001, 1, 1, tzinfo=UTC)
    expected = []
    for index, (note, client, cents, days) in enumerate(rows):
        closed = day + timedelta(days=days)
        how = damage.get(index)
        if how in ("quote", "short"):
            cells = [f"d-{index}", '"x' if how == "quote" else "x", "m-1", "5", "02.01.2000", "03.01.2001", "x"]
            file.write(dialect.join(cells if how == "quote" else cells[:4]) + end)
            continue
        cells = [f"d-{index}", client, "m-1", NUMBERS[number](cents), "02.01.2000", f"{closed:%d.%m.%Y}", note]
        if how == "amount":
            cells[3] = "нет"
        writer.writerow([*cells, *["more"] * (how == "long")])
        if how is None:
            expected.append((f"d-{index}", f"crm-{client}", cents))
    path = tmp_path / "t"
    path.write_bytes(file.getvalue().encode(encoding))
    said = {"encoding": encoding} if declared or encoding == "cp1251" else {}
    found = Found(path, said)
    got = [
        (e["data"]["deal_id"], e["data"]["client_id"], round(float(e["data"]["amount"]) * 100)) for e in found.events
    ]
    assert got == expected, (found.problems, found.table.notes, path.read_bytes())
    report = found.report
    assert report.reasons.total() == len([index for index in damage if index < len(rows)])
    assert report.taken + report.left_out.total() + report.reasons.total() == len(rows) == len(found.records)
