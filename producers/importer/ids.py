"""Cells that are ids and other texts: what a program has done to them is undone, or refused where something is lost."""

import re
from collections.abc import Sequence

from producers.errors import Refused
from producers.importer.cells import Cell, text

_SHORTENED = re.compile(r"\d(?:[.,]\d+[eE]\+?|[eE]\+)\d+", re.ASCII).fullmatch
_QUANTITY = re.compile(r"(\d+)\.0+", re.ASCII).fullmatch
_ODD = re.compile(r"^\d+(?:\.0+|[.,]\d+[eE]\+?\d+|[eE]\+\d+)$", re.ASCII | re.MULTILINE).search
_ERROR = re.compile(r"#(?:[^\W\d_]+(?:/0)?[!?]|N/A|Н/Д|NV)").fullmatch
"""What formulas show that cannot be worked out, in any language: #REF!, #ДЕЛ/0!, #NAME?."""
_NARROW = re.compile("##+").fullmatch
_EXACT = 10**15
"""Numbers from here on have more digits than spreadsheets keep."""


def plain_text(name: str, cell: Cell) -> str:
    """A text that is not what a spreadsheet shows instead of one. Raises Refused."""
    said = text(cell)
    if said[:1] == "#":
        if _NARROW(said):
            raise Refused(
                "invalid_data", f"{name}: {said!r} was saved from a column that is too narrow; widen it and save again"
            )
        if said.isupper() and _ERROR(said):
            raise Refused("invalid_data", f"{name}: {said!r} is a formula error; fix it and save again")
    return said


def id_text(name: str, cell: Cell) -> str:
    """The text of an id: `1017.0` is 1017, which a program took for a quantity. Raises Refused where digits are lost.

    name: the field that it is of. Several ids would become one of which a spreadsheet has lost digits.
    """
    said = plain_text(name, cell)
    if isinstance(cell, str):
        is_lost = _SHORTENED(said) is not None
        if not is_lost and (whole := _QUANTITY(said)):
            return whole[1]
    else:
        is_lost = isinstance(cell, float) and abs(cell) >= _EXACT
    if is_lost:
        raise Refused(
            "invalid_data",
            f"{name}: {said!r} is a long number that a spreadsheet has shortened, so digits are lost; make the "
            "column one of text before the numbers come in, and export again",
        )
    return said


def are_plain(ids: Sequence[str]) -> bool:
    """Whether texts are ids as they are, all at once."""
    said = "\n".join(ids)
    return "#" not in said and (not (".0" in said or "e" in said or "E" in said) or _ODD(said) is None)
