"""Where the columns of call records are: by their header, else by the orders that Asterisk and FreePBX document."""

import csv
import re
from collections.abc import Mapping, Sequence

from producers.connectors.asterisk.clock import Clock
from producers.connectors.asterisk.legs import Leg, epoch
from producers.errors import Refused
from producers.importer.cells import NOTHING

_CSV = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
_CUSTOM = (
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "accountcode",
    "uniqueid", "userfield", "sequence",
)  # fmt: skip
_DATABASE = (
    "start", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata",
    "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield",
)  # fmt: skip
_ALIASES = {"calldate": "start", "answerdate": "answer", "hangupdate": "end"}
_NEEDED = ("start", "src", "dst", "dcontext", "channel", "disposition")
_USEFUL = ("dstchannel", "lastapp", "lastdata", "answer", "end", "uniqueid", "linkedid")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.*|\d{9,10}\.\d+")
DISPOSITIONS = frozenset({"ANSWERED", "NO ANSWER", "NOANSWER", "BUSY", "FAILED", "CONGESTION"})
_DELIMITERS = ",;\t|"


class Layout:
    """Reads rows of one file. Without a header each row is read by the order that its own times show."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._header: dict[str, int] | None = None
        self._delimiter = ","

    def is_header(self, raw: bytes) -> bool:
        """Whether a line names columns; if so, rows are read by it from here on. Raises Refused."""
        text = raw.decode("utf-8-sig", "surrogateescape").strip("\r\n")
        delimiter = max(_DELIMITERS, key=text.count)
        names = [cell.strip().lower() for cell in _cells(text, delimiter)]
        if "disposition" not in names:
            return False
        self._delimiter = delimiter
        self._header = {}
        for place, name in enumerate(names):
            self._header.setdefault(_ALIASES.get(name, name), place)
        if missing := [name for name in _NEEDED if name not in self._header]:
            raise Refused("invalid_data", f"the header has no column {', '.join(missing)}")
        return True

    def leg(self, raw: bytes) -> Leg:
        """Return the leg in a row. Raises Refused. Bytes that are no UTF-8 harm only where they count."""
        cells = _cells(raw.decode("utf-8", "surrogateescape").strip("\r\n"), self._delimiter)
        cells = ["" if cell in NOTHING else cell for cell in cells]
        row = _ordered(cells) if self._header is None else _named(cells, self._header)
        disposition = row["disposition"].upper()
        if disposition not in DISPOSITIONS:
            raise Refused("invalid_data", f"disposition: {row['disposition']!r} is none that is known")
        uniqueid = _id("uniqueid", row.get("uniqueid", ""))
        linkedid = _id("linkedid", row.get("linkedid", ""))
        born = epoch(uniqueid)
        start = self._clock.read("start", row["start"], born)
        end = self._clock.read("end", row["end"], born) if row.get("end") else start
        if end <= start:  # no such column, or clocks were set back meanwhile
            end = start + _seconds(row, "duration")
        answer: float | None = None
        if row.get("answer", "").strip("0-: "):
            answer = self._clock.read("answer", row["answer"], born)
        elif disposition == "ANSWERED" and ("answer" not in row or _seconds(row, "billsec")):
            answer = end - _seconds(row, "billsec")  # what is billed is what lies behind the answer
        if answer is not None:
            answer = min(max(answer, start), end)
        return Leg(
            _id("channel", row["channel"]), _id("dstchannel", row.get("dstchannel", "")),
            row["src"], row["dst"], row["dcontext"], row.get("lastapp", ""), row.get("lastdata", ""),
            start, answer, end, "NO ANSWER" if disposition == "NOANSWER" else disposition, uniqueid, linkedid,
            int(row["sequence"]) if row.get("sequence", "").isdecimal() else 0,
        )  # fmt: skip


def _named(cells: Sequence[str], header: Mapping[str, int]) -> Mapping[str, str]:
    if len(cells) <= max(header.values()):
        raise Refused("invalid_data", f"the line has {len(cells)} cells, its header names more")
    return {name: cells[place] for name, place in header.items()}


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True, delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Refused("invalid_data", f"the line is not a call record: {error}") from error


def _ordered(cells: Sequence[str]) -> Mapping[str, str]:
    """A row by the order that it must have, as its times and its disposition show."""
    for names, marks in ((_CSV, (9, 11, 14)), (_CUSTOM, (8, 10, 13)), (_DATABASE, (0, 0, 11))):
        begin, end, disposition = marks
        if (
            len(cells) >= min(len(names), 16)
            and _TIME.fullmatch(cells[begin])
            and _TIME.fullmatch(cells[end])
            and cells[disposition].upper() in DISPOSITIONS
        ):
            row = dict(zip(names, cells, strict=False))
            row.update(_tail(cells[len(names) :]))
            return row
    raise Refused(
        "invalid_data",
        f"the {len(cells)} cells of the line are in none of the orders of cdr_csv, cdr_custom or FreePBX's table; "
        f"give the file a first line that names its columns, {', '.join(_NEEDED + _USEFUL)} among them; a report of a "
        "web interface leaves some of them out: export the table cdr itself",
    )


def _tail(cells: Sequence[str]) -> Mapping[str, str]:
    """What may stand behind the fixed columns: uniqueid, userfield, then peeraccount, linkedid, sequence."""
    found: dict[str, str] = {}
    rest = list(cells)
    for place in range(len(rest) - 1, 0, -1):
        if place >= 2 and rest[place].isdecimal() and epoch(rest[place - 1]) is not None:
            found = {"linkedid": rest[place - 1], "sequence": rest[place]}
            rest = rest[: place - 2]
            break
    ids = [cell for cell in rest if epoch(cell) is not None]
    if ids:
        found["uniqueid"] = ids[0]
    return found


def _id(column: str, text: str) -> str:
    if not text.isprintable():
        raise Refused("invalid_data", f"{column}: has bytes that are not text")
    return text


def _seconds(row: Mapping[str, str], column: str) -> float:
    try:
        return float(row.get(column) or 0)
    except ValueError:
        raise Refused("invalid_data", f"{column}: {row[column]!r} is not a number of seconds") from None
