"""Foreign tables as formats: CSV and JSON objects, made into events by a mapping."""

import csv
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from producers.errors import Refused
from producers.importer.errors import ImportProblem
from producers.importer.formats import Record
from producers.importer.rows import RowMapper
from producers.importer.source import LONGEST, Line, Source

_decode = msgspec.json.Decoder(dict[str, str | int | float | bool | None])


class CsvTable:
    """CSV with a header line; a quoted cell may hold line breaks."""

    whole = False

    def __init__(self, mapper: RowMapper) -> None:
        self._mapper = mapper
        self._names: list[str] | None = None
        self.header = b""

    def begin(self, source: Source) -> None:
        """Read the header line."""
        with source.lines() as lines:
            self._head(_joined(lines))

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        """Yield a record for each row. Raises ImportProblem when a mapped column is missing."""
        rows = _joined(lines)
        if self._names is None:
            self._head(rows)
        names = self._names or []
        for number, raw, end in rows:
            if not raw.strip():
                continue
            try:
                row = self._row(raw, names)
                yield Record(number, raw, end, self._mapper.events(row))
            except Refused as refused:
                yield Record(number, raw, end, (), refused)

    def _head(self, rows: Iterator[Line]) -> None:
        first = next(rows, None)
        if first is None:
            return
        self.header = first.raw if first.raw.endswith(b"\n") else first.raw + b"\n"
        try:
            names = [name.strip() for name in self._cells(first.raw.removeprefix(b"\xef\xbb\xbf"))]
        except Refused as refused:
            raise ImportProblem(f"the header line cannot be read: {refused.detail}") from refused
        missing = sorted(self._mapper.columns - set(names))
        if missing:
            raise ImportProblem(f"the mapping names columns that are not there: {', '.join(missing)}")
        self._names = names

    def _cells(self, raw: bytes) -> list[str]:
        file = self._mapper.file
        try:
            text = raw.decode(file.encoding)
        except UnicodeDecodeError as error:
            raise Refused("invalid_data", f"the line is not {file.encoding}: {error.reason}") from error
        try:
            found = next(csv.reader(text.splitlines(keepends=True), delimiter=file.delimiter, strict=True), None)
        except csv.Error as error:
            raise Refused("invalid_data", f"the line is no CSV: {error}") from error
        return found or []

    def _row(self, raw: bytes, names: list[str]) -> Mapping[str, str]:
        cells = self._cells(raw)
        if len(cells) != len(names):
            raise Refused("invalid_data", f"the line has {len(cells)} cells, the header {len(names)}")
        return dict(zip(names, cells, strict=True))


class JsonTable:
    """One flat JSON object a line."""

    whole = False
    header = b""

    def __init__(self, mapper: RowMapper) -> None:
        self._mapper = mapper

    def begin(self, source: Source) -> None:
        """Learn nothing: each line stands for itself."""

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        """Yield a record for each line that is not blank; keys that are absent count as empty."""
        blank = dict.fromkeys(self._mapper.columns, "")
        for number, raw, end in lines:
            value = raw.strip()
            if not value:
                continue
            try:
                cells = {name: _text(cell) for name, cell in _decode.decode(value).items()}
                yield Record(number, raw, end, self._mapper.events(blank | cells))
            except msgspec.DecodeError as error:
                yield Record(number, raw, end, (), Refused("not_json", f"the line is no flat JSON object: {error}"))
            except Refused as refused:
                yield Record(number, raw, end, (), refused)


def _text(cell: str | float | bool | None) -> str:
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _joined(lines: Iterable[Line]) -> Iterator[Line]:
    """Join lines while a quote is open. A quote that is never closed ends with the longest line allowed."""
    parts: list[bytes] = []
    number = quotes = size = end = 0
    for line in lines:
        number = number or line.number
        parts.append(line.raw)
        quotes += line.raw.count(b'"')
        size += len(line.raw)
        end = line.end
        if quotes % 2 == 0 or size > LONGEST:
            yield Line(number, b"".join(parts), end)
            parts = []
            number = quotes = size = 0
    if parts:
        yield Line(number, b"".join(parts), end)
