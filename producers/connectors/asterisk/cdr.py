"""Call detail records (Master.csv): calls made directly, in and out; calls in queues are the queue log's."""

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from producers.connectors.asterisk.config import Names
from producers.connectors.asterisk.events import CALL_TYPES, event, records, stamp
from producers.errors import Refused
from producers.importer.formats import Origin, Record
from producers.importer.source import Source
from producers.importer.state import State

_COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield",
)  # fmt: skip
_OUTCOMES = {
    "ANSWERED": "answered",
    "NO ANSWER": "missed",
    "BUSY": "busy",
    "FAILED": "failed",
    "CONGESTION": "failed",
}


class Cdr:
    """Makes the end of each call; one line is one call. Calls inside the house are left out."""

    header = b""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.origin = Origin(names.config.source, CALL_TYPES, given=True)
        self.notes: list[str] = []

    def records(self, source: Source, after: State) -> Iterator[Record]:
        """Yield a record for each line; most have an event, some none."""
        return records(source, after, self._events)

    def _events(self, raw: bytes) -> list[bytes]:
        row = _row(raw)
        config = self._names.config
        inbound = row["dcontext"] in config.inbound_contexts
        if (not inbound and row["dcontext"] not in config.outbound_contexts) or row["lastapp"] == "Queue":
            return []
        outcome = _OUTCOMES.get(row["disposition"])
        if outcome is None:
            raise Refused("invalid_data", f"disposition: {row['disposition']!r} is none that is known")
        if inbound and outcome == "missed":
            outcome = "abandoned" if not row["dstchannel"] else "missed"
        started, ended = self._moment(row, "start"), self._moment(row, "end")
        call = row["uniqueid"]
        number, agent = (row["src"], row["dstchannel"]) if inbound else (row["dst"], row["channel"])
        data: dict[str, Any] = {
            "call_id": call,
            "client_id": self._names.client(number, call),
            **self._names.who(agent),
            "direction": "inbound" if inbound else "outbound",
            "outcome": outcome,
            "started_at": stamp(started),
        }
        if outcome == "answered" and row["answer"]:
            data["answered_at"] = stamp(self._moment(row, "answer"))
        return [event(config.source, "ended", ended, data)]

    def _moment(self, row: dict[str, str], column: str) -> float:
        try:
            return datetime.fromisoformat(row[column]).replace(tzinfo=self._names.zone).timestamp()
        except ValueError:
            raise Refused("invalid_data", f"{column}: {row[column]!r} is no time") from None


def _row(raw: bytes) -> dict[str, str]:
    try:
        cells = next(csv.reader([raw.decode().strip("\r\n")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused("invalid_data", f"the line is no call record: {error}") from error
    if len(cells) < len(_COLUMNS) - 1:
        raise Refused("invalid_data", f"the line has {len(cells)} cells, a call record {len(_COLUMNS)}")
    return dict(zip(_COLUMNS, [*cells, ""], strict=False))
