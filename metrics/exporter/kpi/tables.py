"""Tables as CSV, which spreadsheets open: text that they would run as a formula stays text."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_RUNS = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def cell(value: object) -> object:
    """A cell. Names come from anywhere: what a spreadsheet would take for a formula begins with an apostrophe."""
    if isinstance(value, str) and _RUNS.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def row(values: Iterable[object]) -> str:
    """One line."""
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) for value in values])
    return out.getvalue()


def table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A heading and its lines."""
    return row(head) + "".join(map(row, rows))
