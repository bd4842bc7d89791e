"""A large sheet that is read piece by piece has the rows that it has as a whole."""

import io
import re
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.importer import readers
from producers.importer.errors import ImportProblem
from producers.importer.mapping import MappingFile
from producers.importer.pieces import pieces_of
from producers.importer.readers import SheetReader
from producers.importer.source import SourceFile
from tests.unit.importer.test_tables import FILE, Found

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TARGETS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="{type}" Target="{target}"/></Relationships>'
)
STYLES = (
    '<styleSheet xmlns="{main}"><numFmts count="1"><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy\\ hh:mm"/>'
    '</numFmts><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="46"/>'
    "</cellXfs></styleSheet>"
)
TEXTS = st.sampled_from(
    ["", " Anna ", "&lt;row r=&quot;1&quot;&gt;", "Ж", "a\nb", ' t="s">', "_x000D_", "7", "]]", "'"]
)
MERGED = '<mergeCells count="2"><mergeCell ref="B2:C4"/><mergeCell ref="A1:C1"/></mergeCells>'
NUMBERS = st.sampled_from(["0", "1", "45000", "45000.5", "-3", "1250.5", "1E3", "12345678", "0.25"])
VALUES = {
    "n": NUMBERS,
    "str": TEXTS,
    "b": st.sampled_from("01"),
    "e": st.just("#N/A"),
    "d": st.sampled_from(["2026-01-02T03:04:05", "2026-01-02"]),
}


def letters(column):
    """What a column is called."""
    return openpyxl.utils.get_column_letter(column)


class Written:
    """A sheet as some program writes it: quotes, order of attributes, what is between tags, prefix of names."""

    def __init__(self, draw):
        self.draw = draw
        self.quote = draw(st.sampled_from(['"', '"', "'"]))
        self.between = draw(st.sampled_from(["", "\n", "  "]))
        self.shared = []

    def _attributes(self, **named):
        return "".join(f" {name}={self.quote}{value}{self.quote}" for name, value in named.items() if value is not None)

    def _text(self):
        text = self.draw(TEXTS)
        kept = f'<t xml:space="preserve">{text}</t>'
        rich = f"<r><rPr><b/></rPr>{kept}</r><r>{kept}</r>"
        read = f'{kept}<rPh sb="0" eb="1"><t>kana</t></rPh>'
        return self.draw(st.sampled_from([kept, f"<t>{text}</t>", rich, read]))

    def cell(self, at):
        """One cell."""
        draw = self.draw
        kind = draw(st.sampled_from(["n", "n", "s", "s", "inlineStr", "str", "b", "e", "d", "empty"]))
        named = {"r": at, "s": draw(st.sampled_from([None, 0, 1, 2, 3])), "t": None if kind in ("n", "empty") else kind}
        if draw(st.booleans()):
            named = dict(reversed(named.items()))
        begun = f"<c{self._attributes(**named)}"
        if kind == "empty":
            return f"{begun}/>"
        if kind == "inlineStr":
            return f"{begun}><is>{self._text()}</is></c>"
        if kind == "s":
            self.shared.append(self._text())
            return f"{begun}><v>{draw(st.integers(0, len(self.shared) - 1))}</v></c>"
        formula = draw(st.sampled_from(["", "<f>SUM(A1:A2)</f>", '<f t="shared" si="0"/>']))
        return f"{begun}>{formula}<v>{draw(VALUES[kind])}</v></c>"

    def sheet(self):
        """The whole of it; its rows have gaps, and some have no cell."""
        draw = self.draw
        number, rows = 0, []
        for _ in range(draw(st.integers(1, 12))):
            number += draw(st.sampled_from([1, 1, 1, 2, 9]))
            columns = sorted(draw(st.sets(st.integers(1, 6), max_size=4)))
            cells = self.between.join(self.cell(f"{letters(column)}{number}") for column in columns)
            named = self._attributes(r=number, spans=draw(st.sampled_from(["1:6", None])))
            rows.append(f"<row{named}>{cells}</row>" if cells else f"<row{named}/>")
        before, merged = '<dimension ref="A1"/><cols><col min="1" max="3"/></cols>', draw(st.sampled_from(["", MERGED]))
        made = f"{before}<sheetData>{self.between.join(rows)}</sheetData>{merged}<rowBreaks/>"
        if draw(st.booleans()):
            made = re.sub(r"<(/?)(\w)", r"<\1x:\2", made)
            return f'<?xml version="1.0"?>\n<x:worksheet xmlns:x="{MAIN}">{made}</x:worksheet>'
        return f'<worksheet xmlns="{MAIN}">{made}</worksheet>'


def workbook(sheet, shared=(), from_1904=False):
    """The bytes of a workbook with one sheet."""
    since = '<workbookPr date1904="1"/>' if from_1904 else ""
    sheets = f'{since}<sheets><sheet name="Deals" sheetId="1" r:id="rId1"/></sheets>'
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": TARGETS.format(type=f"{OFFICE}/officeDocument", target="xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": TARGETS.format(type=f"{OFFICE}/worksheet", target="/xl/worksheets/one.xml"),
        "xl/styles.xml": STYLES.format(main=MAIN),
        "xl/worksheets/one.xml": sheet,
    }
    if shared:
        texts = "".join(f"<si>{one}</si>" if one else "<si/>" for one in shared)
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{texts}</sst>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def rows_of(path, width):
    """Rows by number, without what is empty behind them; and the cells that are merged."""
    reader = SheetReader(SourceFile(str(path)), MappingFile.model_validate(FILE))
    rows, number = {}, 1
    for block in reader.blocks("", width):
        assert block.number == number
        number += len(block.rows)
        for index, row in enumerate(block.rows):
            cells = [(type(cell), cell) for cell in row]
            while cells and cells[-1][1] == "":
                cells.pop()
            if cells:
                rows[block.number + index] = cells
    return rows, dict(reader.merged)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_same_rows(tmp_path_factory, data):
    """Whatever a program writes, and wherever it is cut."""
    written = Written(data.draw)
    sheet = written.sheet()
    path = tmp_path_factory.mktemp("sheet") / "book.xlsx"
    path.write_bytes(workbook(sheet, written.shared, data.draw(st.booleans())))
    piece = data.draw(st.sampled_from([1, 40, 300, 5000]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(readers, "pieces_of", lambda *_: None)
        whole = rows_of(path, 6)
        cut = []
        patched.setattr(readers, "pieces_of", lambda *of: cut.append(pieces_of(*of, large=0, piece=piece)) or cut[-1])
        assert rows_of(path, 6) == whole
    assert cut[0] is not None or ' t="s">' in sheet  # what looks like a cell is not cut


@pytest.mark.parametrize("large", [0, 1 << 30])
def test_no_duration(tmp_path, monkeypatch, large):
    """A number that is shown as hours, and is too large to be any, is told."""
    path = tmp_path / "book.xlsx"
    row = '<row r="1"><c r="A1" s="3"><v>123456789012345678</v></c></row>'
    path.write_bytes(workbook(f'<worksheet xmlns="{MAIN}"><sheetData>{row}</sheetData></worksheet>'))
    monkeypatch.setattr(readers, "pieces_of", lambda *of: pieces_of(*of, large=large))
    with pytest.raises(ImportProblem, match="after row 0 a cell is not a day or duration"):
        rows_of(path, 1)


ROW = '<row r="{0}"><c r="A{0}" t="s"><v>0</v></c></row>'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sheetData>", "<!-- <row r='1'/> --><sheetData>"),
        ("<v>0</v></c></row></sheetData>", "<v>0</v></c><!-- <row r='9'/> --></row></sheetData>"),
        ('<row r="1">', "<row>"),
        ("<v>0</v>", "<v >0</v>"),
        ("<v>0</v>", "<f>A1</f><v>0</v>"),
    ],
)
def test_what_might_be_cut_wrongly_is_not_cut(tmp_path, old, new):
    """It is read as a whole then."""
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{ROW.format(1)}{ROW.format(2)}</sheetData></worksheet>'
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook(sheet, ["<t>Anna</t>"]))
    assert pieces_of(SourceFile(str(path)), "Deals", large=0) is not None
    assert pieces_of(SourceFile(str(path)), "Deals") is None, "it is small"
    path.write_bytes(workbook(sheet.replace(old, new, 1), ["<t>Anna</t>"]))
    assert pieces_of(SourceFile(str(path)), "Deals", large=0) is None
    assert len(rows_of(path, 1)[0]) == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROW.format(1) + ROW.format(1).replace(' t="s"', ' t = "s"'), "string index not found"),
        (ROW.format(5) + ROW.format(2), "not in order after row 5; save it as CSV"),
        (ROW.format(1).replace(">0<", ">7<"), "string index not found"),
    ],
)
def test_nothing_is_read_wrongly(tmp_path, monkeypatch, rows, said):
    """What is odd where nobody looked ends the import, and says what to do."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook(f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>', ["<t>Anna</t>"]))
    monkeypatch.setattr(readers, "pieces_of", lambda *of: pieces_of(*of, large=0, piece=1))
    with pytest.raises(ImportProblem, match=said):
        rows_of(path, 1)


def test_a_sheet_that_is_written_anew(tmp_path):
    """Somebody saves another one while it is read: the import ends, and says so."""
    path = tmp_path / "book.xlsx"
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{ROW.format(1)}{ROW.format(2)}</sheetData></worksheet>'
    path.write_bytes(workbook(sheet, ["<t>Anna</t>"]))
    pieces = pieces_of(SourceFile(str(path)), "Deals", large=0, piece=1)
    path.write_bytes(workbook(sheet.replace(' r="1"', ""), ["<t>Anna</t>"]))
    with pytest.raises(ImportProblem, match="the sheet cannot be read"):
        list(pieces.sheets())


DAYS = {"created_at": "Created", "closed_at": "Closed"}


def test_a_table_in_pieces(tmp_path, monkeypatch):
    """Events, refusals and rows left out are those of the whole; so are notes, and where a resumed import goes on."""
    made = openpyxl.Workbook()
    made.active.append(["Deals of 2026"])
    made.active.append([])
    made.active.append(["ID", "Client", "Owner", "Amount", "Created", "Closed"])
    for number in range(300):
        owner = None if number % 50 == 7 else "m-1"
        made.active.append([number, 7, owner, 1250.5, datetime(2026, 9, 1), date(2026, 9, 21)])  # noqa: DTZ001
        if number % 90 == 0:
            made.active.append([])
    made.active.cell(200, 9, "a note beside the table")
    made.active.merge_cells("C40:C41")
    path = tmp_path / "book.xlsx"
    made.save(path)
    rule = FILE["events"][0]
    days = {name: {"column": column, "format": "excel"} for name, column in DAYS.items()}
    file = FILE | {"events": [rule | {"time": days["closed_at"], "data": rule["data"] | days}]}
    monkeypatch.setattr(readers, "pieces_of", lambda *_: None)
    whole = Found(path, file)
    monkeypatch.setattr(readers, "pieces_of", lambda *of: pieces_of(*of, large=0, piece=2000))
    pieces = Found(path, file)
    assert len(whole.events) == 293
    assert pieces.events == whole.events
    assert pieces.problems == whole.problems
    assert pieces.table.notes == whole.table.notes
    assert [(one.number, one.end) for one in pieces.records] == [(one.number, one.end) for one in whole.records]
    assert [_cells(one.raw) for one in pieces.records] == [_cells(one.raw) for one in whole.records]


def _cells(raw):
    """The cells below the header."""
    return raw.rstrip(b"\n").split(b";")[:6]
