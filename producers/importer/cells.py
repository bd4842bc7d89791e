"""What stands in a cell of a table: a text, or what a spreadsheet knows to be a number, a moment or a truth."""

from datetime import date, datetime, time, timedelta

NOTHING = ("NULL", "\\N", "#N/A", "#Н/Д", "0000-00-00", "0000-00-00 00:00:00")
"""Texts that no column means: what databases and spreadsheets write where there is nothing."""
Cell = str | int | float | bool | datetime


def text(cell: Cell) -> str:
    """The cell as a person sees it, with nothing around it."""
    if type(cell) is str:
        return cell.strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        # Fifteen digits are what a spreadsheet shows of its binary numbers.
        return format(cell, ".15g") if abs(cell) < 10**15 else format(cell, ".0f")
    if isinstance(cell, datetime):
        return cell.isoformat()
    return str(cell).strip()


def day_text(cell: Cell) -> str:
    """The same, a day without a time: 2026-09-21 and 14:05:33 of two columns are one moment."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return text(cell)


def from_sheet(value: str | float | bool | time | timedelta | date | None) -> Cell:
    """A value of python-calamine as a cell."""
    if value is None:
        return ""
    if isinstance(value, str | bool | float | int | datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the mapping's zone is added later
    return str(value)
