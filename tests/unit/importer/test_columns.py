"""What is done for many rows at once is what is done for each of them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producers.errors import Refused
from producers.importer.cells import text
from producers.importer.hours import ByTheHour
from producers.importer.mapping import MappingFile
from producers.importer.money import AmountReader, Styles
from producers.importer.places import ColumnPlaces
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.text_rows import TextReader
from producers.importer.times import one_by_one, time_reader

HEADER = ("ID", "Client", "Kind", "Sum", "Chance", "Day", "Moment", "Note", "Version", "State")
FORMS = ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"]
AMOUNTS = st.one_of(
    st.decimals(0, 10**6, places=2).map(str),
    st.sampled_from(
        [
            "",
            " ",
            "1 250,50",
            "1,5",
            "12 руб.",
            "-7",
            "much",
            "0.12345",
            "1250",
            "1e3",
            "(5)",
            "1e30",
            "-1e999",
            "9" * 19,
        ]
    ),
)
MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2026, 12, 31))  # noqa: DTZ001 - tables know no zones
DATES = st.one_of(
    st.tuples(MOMENTS, st.sampled_from([*FORMS, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"])).map(
        lambda pair: pair[0].strftime(pair[1])
    ),
    st.sampled_from(["", "soon", "1.2.2026 3:04", " 01.02.2026 ", "31.02.2026", "01.02.2026 24:00"]),
)
TEXTS = st.one_of(
    st.sampled_from(["a", "b", "m-1", "", " ", ' a","b ', "\\", 'x"', "\udcff", "é\u2028\0", "1"]), st.text(max_size=6)
)
CELLS = st.one_of(TEXTS, st.integers(-3, 3), st.booleans(), st.floats(-9, 9), st.just(1e300), MOMENTS)
ROW = st.tuples(
    TEXTS, TEXTS, st.sampled_from(["won", "open", "", "x"]), AMOUNTS, AMOUNTS, DATES, DATES, TEXTS, TEXTS, TEXTS
)  # fmt: skip
ROWS = st.lists(st.one_of(ROW, ROW, ROW, st.lists(CELLS, min_size=8, max_size=11).map(tuple)), max_size=12)

DEAL = {
    "type": {"constant": "sales.deal.changed.v1"},
    "time": {"column": ["Moment", "Day"], "format": FORMS},
    "data": {
        "deal_id": "ID", "client_id": {"column": "Client", "prefix": "crm-"}, "manager_id": {"constant": "m-1"},
        "pipeline": {"constant": 'r%s"t'}, "stage": {"column": "Note", "default": "none"},
        "status": {"column": "Kind", "values": {"won": "won", "open": "open"}, "default": "lost"},
        "amount": {"column": "Sum", "places": 2}, "currency": {"constant": "RUB"},
        "probability": {"column": "Chance", "scale": "0.01"}, "created_at": {"column": "Day", "format": FORMS},
        "closed_at": {"column": "Day", "format": FORMS, "default": "2026-01-01T00:00:00Z"},
    },
}  # fmt: skip
PAYMENT = {
    "type": {"column": "State", "values": {"a": "sales.payment.received.v1"}, "default": "sales.payment.refunded.v1"},
    "when": [{"column": "Kind", "is": ["won", "x"]}, {"column": "Sum", "negative": False}],
    "time": {"column": "Day", "format": FORMS}, "id": {"join": ["ID", "Note"]},
    "sequence": {"column": "Version", "width": 5},
    "data": {
        "payment_id": "ID", "client_id": "Client", "manager_id": "Note", "amount": "Sum", "currency": "State",
        'odd"\n\\\u00e9': "Note", 'so"\n': {"constant": 1},
    },
}  # fmt: skip
CHAT = {
    "type": {"constant": "sales.chat.message.v1"}, "time": {"column": "Moment", "format": "%d.%m.%Y %H:%M:%S"},
    "sequence": {"column": "Version", "default": 3},
    "data": {
        "channel": {"column": "Note", "default": 7}, "chat_id": {"join": ["ID", "State"], "with": "/"},
        "client_id": "Client", "author": "Kind",
    },
}  # fmt: skip
RATING = {
    "type": {"constant": "sales.rating.given.v1"}, "time": {"column": "Day", "format": ["%d.%m.%Y", "excel"]},
    "data": {"rating_id": "ID", "client_id": "Client", "manager_id": "Kind", "score": {"column": "Sum", "default": 5}},
}  # fmt: skip

ZERO = ("d-1", "c-1", "won", "1", "0.1", 0, datetime(2026, 9, 21), "new", "1", "a")  # noqa: DTZ001
"""A spreadsheet's 0 where there should be a day."""


@settings(max_examples=120)
@given(
    rows=ROWS,
    rules=st.lists(st.sampled_from([DEAL, PAYMENT, CHAT, RATING]), min_size=1, max_size=2),
    zone=st.sampled_from(["Europe/Moscow", "America/St_Johns", "UTC", None]),
    mark=st.sampled_from([None, ".", ","]),
)
@example(rows=[ZERO], rules=[DEAL], zone="UTC", mark=None)
def test_columns_are_rows(rows, rules, zone, mark):
    """The events of rows made together are the very bytes of those made one by one; others are left to that."""
    mapper = RowMapper(MappingFile.model_validate({"source": "crm://x", "timezone": zone, "events": rules}))
    places = ColumnPlaces({name: place for place, name in enumerate(HEADER)}, {"Sum": mark, "Chance": mark})
    make, make_many = mapper.bind(places), mapper.bind_many(places, len(HEADER))
    assert make_many is not None
    together = make_many(rows)
    assert len(together) == len(rows)
    for row, made in zip(rows, together, strict=True):
        try:
            alone = make(row) if len(row) == len(HEADER) else ()
        except (Refused, UnicodeEncodeError):
            alone = ()
        # What has no id of its own is told apart by all that it says, one by one.
        assert made == alone or (not made and not text(row[0]))


@pytest.mark.parametrize("zone", [
    "Europe/Moscow", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
])  # fmt: skip
@settings(max_examples=60)
@given(
    cells=st.lists(
        st.tuples(st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1)), st.sampled_from(range(5)), st.booleans()),  # noqa: DTZ001
        min_size=1, max_size=20,
    ),
    forms=st.sampled_from([
        FORMS, ["%d.%m.%Y %H:%M:%S"], [], ["%m.%d.%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"], ["%d-%m-%y %H-%M"], ["%Y%m%d"],
        ["%H:%M %d.%m.%Y"], ["%Y-%d-%m %H:%M:%S"],
    ]),
)  # fmt: skip
def test_times_by_the_hour(cells, forms, zone):
    """A time that is looked up is what reading it by itself gives, at changes of the clock, too."""
    plain, quick = (make("time", forms, ZoneInfo(zone)) for make in (one_by_one, time_reader))
    written = [*forms, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%MZ"]
    changes = [datetime(2024, month, day, hour) for month, day in ((3, 10), (3, 31), (10, 27)) for hour in range(24)]  # noqa: DTZ001
    for moment, form, is_change in cells:
        at = changes[moment.day % len(changes)] + timedelta(minutes=moment.minute) if is_change else moment
        cell = at.strftime(written[form % len(written)])
        for _ in range(2):
            assert quick(cell) == plain(cell)
    texts = [moment.strftime(written[form % len(written)]) for moment, form, _ in cells]
    fresh = time_reader("time", forms, ZoneInfo(zone))
    for reader in (quick, fresh):
        assert reader.many(texts) == list(map(plain, texts))
        for form in written:  # as columns are: all in one form
            alike = [moment.strftime(form) for moment, _, _ in cells]
            assert reader.many(alike) == list(map(plain, alike))


def test_years_in_no_order():
    """A table that is sorted by client has all its days in each block of rows: a day is read at most three times."""
    form, days, count = "%d.%m.%Y %H:%M", 10 * 365, 0
    plain = one_by_one("time", [form], ZoneInfo("Europe/Moscow"))

    def read(cell):
        nonlocal count
        count += 1
        return plain(cell)

    reader = ByTheHour(read, [form], ZoneInfo("Europe/Moscow"))
    for begin in range(0, 2 * days, 500):
        moments = (datetime(2016, 1, 1) + timedelta(days=number * 1013 % days) for number in range(begin, begin + 500))  # noqa: DTZ001
        reader.many([moment.strftime(form) for moment in moments])
    assert count <= 3 * days


@given(
    st.lists(
        st.one_of(
            AMOUNTS,
            st.sampled_from([".5", "5.", "1.2345", "1.250", "1,250", "1\n2", "٣"]),
            st.sampled_from(
                ["1 250", "12\u00a0250,5", "1\u202f250 000.0000", "0 250", "001 250,50", "1 250,500", "1  250"]
            ),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([".", ",", None]),
    st.booleans(),
)
def test_amounts_of_columns(cells, mark, is_absolute):
    """Many amounts are read as each of them is, and all are refused where one is."""
    reader = AmountReader("amount", mark, absolute=is_absolute)
    found = []
    for way in (reader.many, lambda cells: list(map(reader, cells))):
        try:
            found.append(list(way(cells)))
        except Refused as refused:
            found.append(refused.detail)
    assert found[0] == found[1]


AMOUNT = st.one_of(
    st.decimals(0, 10**6, places=2).map(str),
    st.sampled_from(["", ".5", "5.", "1.2345", "1.250", "1,250", "12", "1 2.5", "1.2.3", "x", 3.5, "1\n2"]),
    st.sampled_from(["1 250", "12\u00a0250,5", "1\u202f250 000.00", "1 250,500"]),
)


@given(st.lists(st.lists(AMOUNT, min_size=1, max_size=5), max_size=5))
def test_marks_of_columns(columns):
    """What many amounts together show of their decimal mark is what each of them shows."""
    together, alone, number = Styles(), Styles(), 1
    for cells in columns:
        together.look_at_all(number, cells)
        for number, cell in enumerate(cells, number):  # noqa: B020
            alone.look(number, cell)
        number += 1
    assert together.marks == alone.marks
    if alone.unclear is not None or together.unclear is not None:
        assert together.unclear == alone.unclear


PIECES = st.sampled_from([*'a1;;"\n\n\r\\é', '""', "\r\n", "a;b;c\n", '"a";"b";"c"\n'])
ESCAPES = st.sampled_from([None, "\\"])


@settings(max_examples=120)
@given(text=st.lists(PIECES, max_size=40).map("".join), escape=ESCAPES, width=st.sampled_from([0, 3]))
def test_any_piece(tmp_path_factory, text, escape, width):
    """Rows are the same however many characters are read at once; all bytes of the file are in one of them."""
    path = tmp_path_factory.getbasetemp() / "pieces.csv"
    path.write_bytes(text.encode())
    file = MappingFile.model_validate({"source": "x", "events": [DEAL], "escape": escape, "encoding": "utf-8"})
    found = []
    for piece in (1, 7, 1 << 16):
        blocks = TextReader(SourceFile(str(path)), file, piece).blocks(";", width)
        reads = [block.read(index) for block in blocks for index in range(len(block.rows))]
        found.append([read._replace(problem=str(read.problem)) for read in reads])
    assert found[0] == found[1] == found[2]
    whole = b"".join(read.raw for read in found[0])
    assert whole == text.encode() or whole == text.encode() + b"\n"


SHEET_AMOUNTS = st.one_of(st.none(), st.floats(0, 1e18), st.integers(0, 10**6).map(lambda cents: cents / 100))
SHEET_DAYS = st.one_of(st.none(), st.just(""), MOMENTS, MOMENTS.map(lambda moment: moment.replace(microsecond=0)))


def _of_a_sheet(row, cells):
    """A row with an amount and two moments that a spreadsheet knows as such, where they are given."""
    given = dict(zip((3, 5, 6), cells, strict=True))
    return [cell if given.get(place) is None else given[place] for place, cell in enumerate(row)]


@settings(max_examples=60, deadline=None)
@given(
    some=st.lists(ROW, min_size=1, max_size=4),
    count=st.sampled_from([1, 63, 65, 90, 300]),
    differ=st.sets(st.sampled_from(range(len(HEADER)))),
    cells=st.lists(st.tuples(SHEET_AMOUNTS, SHEET_DAYS, SHEET_DAYS), min_size=1, max_size=6),
    absent=st.sets(st.sampled_from(range(len(HEADER)))),
    rule=st.sampled_from([DEAL, PAYMENT, CHAT, RATING]),
    order=st.randoms(use_true_random=False),
)
def test_many_rows_are_rows(some, count, differ, cells, absent, rule, order):
    """The same where columns say few or many different things, or nothing in any row, whichever field is the first."""
    data = list(rule["data"].items())
    order.shuffle(data)
    file = {"source": "crm://x", "timezone": "UTC", "events": [rule | {"data": dict(data)}]}
    mapper = RowMapper(MappingFile.model_validate(file))
    places = ColumnPlaces({name: place for place, name in enumerate(HEADER)}, {"Sum": ".", "Chance": "."})
    make, make_many = mapper.bind(places), mapper.bind_many(places, len(HEADER))
    rows = [
        tuple(
            "" if place in absent else f"{cell}{number}" if place in differ else cell
            for place, cell in enumerate(_of_a_sheet(some[number % len(some)], cells[number % len(cells)]))
        )
        for number in range(count)
    ]
    for row, made in zip(rows, make_many(rows), strict=True):
        try:
            alone = make(row)
        except (Refused, UnicodeEncodeError):
            alone = ()
        assert made == alone or (not made and not text(row[0]))
