"""What of a workbook (.xlsx) python-calamine does not tell."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element, ParseError, iterparse

from producers.importer.source import SourceFile

_WORKBOOK, _TARGETS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
NO_WORKBOOK = (OSError, EOFError, KeyError, ParseError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What reading another kind of spreadsheet raises, or a damaged one, which is told where it is read."""
_HEAD = 1 << 18
_NO_VALUE = re.compile(rb"<c(?![^>]* t=\"str\")[^>]*>\s*<f[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>|</c>)").search
"""A formula whose value nobody has worked out; of one that gives an empty text it is said that it is a text."""


def counts_from_1904(source: SourceFile) -> bool:
    """Whether its days are counted from 1904 on, as Excel on a Mac did: cells that are days are told rightly then.

    Cells that are numbers, and stand for days, are not.
    """
    try:
        with archive_of(source) as archive:
            found = [one.get("date1904", "0") for one in _elements(archive, _WORKBOOK, "workbookPr")]
    except NO_WORKBOOK:
        return False
    return any(one in ("1", "true", "on") for one in found)


def lacks_values(source: SourceFile, sheet: str) -> bool:
    """Whether a sheet begins with formulas that have no values: who wrote it did not work them out."""
    try:
        with archive_of(source) as archive:
            part = part_of(archive, sheet)
            head = archive.open(part).read(_HEAD) if part else b""
    except NO_WORKBOOK:
        return False
    return _NO_VALUE(head) is not None


def part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a workbook in which a sheet is."""
    ids = [one.attrib for one in _elements(archive, _WORKBOOK, "sheet") if one.get("name") == sheet]
    targets = {one.get("Id"): one.get("Target", "") for one in _elements(archive, _TARGETS, "Relationship")}
    named = [targets[id_] for one in ids for name, id_ in one.items() if name.endswith("}id") and id_ in targets]
    return next((one[1:] if one.startswith("/") else f"xl/{one}" for one in named), None)


@contextmanager
def archive_of(source: SourceFile) -> Iterator[zipfile.ZipFile]:
    """The files that a workbook is made of. Raises NO_WORKBOOK."""
    with source.packed() as stream, zipfile.ZipFile(stream) as archive:
        yield archive


def _elements(archive: zipfile.ZipFile, part: str, name: str) -> Iterator[Element]:
    with archive.open(part) as stream:
        for _, found in iterparse(stream):  # noqa: S314 - a person's own file, and expat bounds entities
            if found.tag.rpartition("}")[2] == name:
                yield found
