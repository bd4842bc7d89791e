"""Lines of the queue log in all forms: the file with pipes, and the table that realtime fills, as it is exported."""

import csv
from collections.abc import Sequence
from typing import NamedTuple

from producers.connectors.asterisk.clock import Clock
from producers.connectors.asterisk.legs import epoch
from producers.errors import Refused
from producers.importer.cells import NOTHING

_TABLE = ("time", "callid", "queuename", "agent", "event")
_ALIASES = {"queue": "queuename", "verb": "event", "uniqueid": "callid", "created": "time"}
_IN_MENUS = 900
"""Seconds that a call may spend elsewhere before it enters a queue, to know GMT by; no zone is nearer to it."""
_DELIMITERS = ",;\t|"


class Said(NamedTuple):
    """One event of a queue; `now` in seconds since the epoch."""

    now: float
    call: str
    queue: str
    agent: str
    verb: str
    rest: Sequence[str]


class QueueLines:
    """Reads the lines of one file."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._header: list[str] | None = None
        self._delimiter = ","

    def is_header(self, raw: bytes) -> bool:
        """Whether a line names columns; if so, lines are read by it from here on. Raises Refused."""
        text = raw.decode("utf-8-sig", "surrogateescape").strip("\r\n")
        delimiter = max(_DELIMITERS, key=text.count)
        names = [_ALIASES.get(cell.strip(' "').lower(), cell.strip(' "').lower()) for cell in text.split(delimiter)]
        if "queuename" not in names:
            return False
        self._header, self._delimiter = names, delimiter
        if missing := [name for name in _TABLE if name not in names]:
            raise Refused("invalid_data", f"the header has no column {', '.join(missing)}")
        return True

    def said(self, raw: bytes) -> Said:
        """Return what a line says. Raises Refused."""
        text = raw.decode("utf-8", "surrogateescape").strip("\r\n")
        if self._header is None:
            cells = text.split("|")
            if len(cells) < 5:
                cells = _cells(text, max(",;\t", key=text.count))
            if len(cells) < 5 or (len(cells) > 5 and cells[0].isdecimal() and len(cells[0]) < 9):
                raise Refused(
                    "invalid_data",
                    "the line is not time|call|queue|agent|event; of a table give a first line that names its columns: "
                    "id,time,callid,queuename,agent,event,data1,data2,data3,data4,data5",
                )
            return self._of(cells[:5], cells[5:])
        cells = _cells(text, self._delimiter)
        if len(cells) < len(self._header):
            raise Refused("invalid_data", f"the line has {len(cells)} cells, its header {len(self._header)}")
        row = dict(zip(self._header, cells, strict=False))
        data = [row[name] for name in ("data", "data1", "data2", "data3", "data4", "data5") if name in row]
        return self._of([row[name] for name in _TABLE], data)

    def _of(self, first: Sequence[str], data: Sequence[str]) -> Said:
        time, call, queue, agent, verb = (cell.strip() for cell in first)
        now = self._clock.read("time", time, epoch(call), _IN_MENUS if verb == "ENTERQUEUE" else 0)
        # A table has five columns for data; what there is more of lies in the last, with its pipes.
        joined = "|".join("" if cell in NOTHING else cell for cell in data)
        return Said(now, call, queue, agent, verb, joined.rstrip("|").split("|"))


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True, delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Refused("invalid_data", f"the line is not a row of a queue log: {error}") from error
