"""What of a workbook python-calamine does not tell."""

import zipfile
from xml.etree.ElementTree import ParseError, iterparse

from producers.importer.source import SourceFile

_PART = "xl/workbook.xml"


def counts_from_1904(source: SourceFile) -> bool:
    """Whether an .xlsx counts its days from 1904 on, as Excel on a Mac did: cells that are days are told rightly then.

    Cells that are numbers, and stand for days, are not.
    """
    try:
        with source.packed() as stream, zipfile.ZipFile(stream) as archive, archive.open(_PART) as part:
            return any(
                found.tag.endswith("}workbookPr") and found.get("date1904", "0") in ("1", "true", "on")
                for _, found in iterparse(part)  # noqa: S314 - a person's own file, and expat bounds entities
            )
    except (OSError, EOFError, KeyError, ParseError, NotImplementedError, zipfile.BadZipFile):
        return False  # another kind of spreadsheet, or none that can be read, which is told where it is
