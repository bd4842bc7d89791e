"""The files that an exchange's records lie in: every documented order of columns, and what programs make of them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.pbx import Row

_CSV = (
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec"
    " disposition amaflags"
)
_CUSTOM = (
    "clid src dst dcontext channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags"
    " accountcode uniqueid userfield sequence"
)
_FREEPBX = (
    "calldate clid src dst dcontext channel dstchannel lastapp lastdata duration billsec disposition amaflags"
    " accountcode uniqueid userfield did recordingfile cnum cnam outbound_cnum outbound_cnam dst_cnam linkedid"
    " peeraccount sequence"
)
LAYOUTS = {
    "21 columns": (f"{_CSV} uniqueid userfield peeraccount linkedid sequence", False, ","),
    "20 columns": (f"{_CSV} uniqueid peeraccount linkedid sequence", False, ","),
    "header": (f"{_CSV} uniqueid userfield peeraccount linkedid sequence", True, ","),
    "FreePBX": (_FREEPBX, True, ","),
    "FreePBX, semicolons": (_FREEPBX, True, ";"),
    "shuffled header": (" ".join(sorted(_FREEPBX.split())), True, "\t"),
}
UNLINKED = {
    "18 columns": (f"{_CSV} uniqueid userfield", False, ","),
    "custom": (_CUSTOM, False, ","),
    "17 columns": (f"{_CSV} uniqueid", False, ","),
}
BARE = {"16 columns": (_CSV, False, ",")}


def written(rows: Iterable[Row], layout: tuple[str, bool, str], zone: str | None = "Europe/Moscow") -> bytes:
    """The rows as a file; `zone` None is GMT."""
    names, header, delimiter = layout
    text = io.StringIO()
    write = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        write.writerow(names.split())
    for row in rows:
        write.writerow(_cells(row, names.split(), zone))
    return text.getvalue().encode()


def _cells(row: Row, names: Sequence[str], zone: str | None) -> list[str]:
    known = dict.fromkeys(("accountcode", "userfield", "peeraccount"), "") | {
        "amaflags": "DOCUMENTATION",
        "did": "78120000000",
        "start": _time(row.start, zone),
        "calldate": _time(row.start, zone),
        "answer": _time(row.answer, zone),
        "end": _time(row.end, zone),
    }
    return [known[name] if name in known else str(getattr(row, name, "")) for name in names]


def _time(seconds: int | None, zone: str | None) -> str:
    return (
        ""
        if seconds is None
        else datetime.fromtimestamp(seconds, ZoneInfo(zone) if zone else UTC).strftime("%Y-%m-%d %H:%M:%S")
    )
