"""The files that an exchange's records lie in: every documented order of columns, and what programs make of them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.pbx import PbxRow

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


def written(rows: Iterable[PbxRow], layout: tuple[str, bool, str], zone: str | None = "Europe/Moscow") -> bytes:
    """The rows as a file; `zone` None is GMT."""
    names, header, delimiter = layout
    text = io.StringIO()
    write = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        write.writerow(names.split())
    for row in rows:
        write.writerow(_cells(row, names.split(), zone))
    return text.getvalue().encode()


def before_twelve(rows: Iterable[PbxRow]) -> list[PbxRow]:
    """What an exchange before Asterisk 12 writes: of each channel that called one record, of what came last in it."""
    kept: dict[str, list[PbxRow]] = {}
    for row in rows:
        kept.setdefault(row.channel, []).append(row)
    return sorted((_as_one(legs) for legs in kept.values()), key=lambda row: row.end)


def _as_one(legs: list[PbxRow]) -> PbxRow:
    legs.sort(key=lambda row: (row.end, row.answer is not None))
    last, found = legs[-1], {leg.disposition for leg in legs}
    dialled = [leg for leg in legs if leg.dstchannel]
    return replace(
        last,
        start=min(leg.start for leg in legs),
        answer=min((leg.answer for leg in legs if leg.answer is not None), default=None),
        disposition=next(one for one in ("ANSWERED", "NO ANSWER", "BUSY", "FAILED") if one in found),
        dstchannel=dialled[-1].dstchannel if dialled else "",
    )


def _cells(row: PbxRow, names: Sequence[str], zone: str | None) -> list[str]:
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
