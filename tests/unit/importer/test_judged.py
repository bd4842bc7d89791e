"""A file that another process reads is the same file: batches, what is refused, what is told, and how it ends."""

import multiprocessing
import os
import signal

import pytest

from producers.importer.errors import ImportProblem
from producers.importer.formats import JsonLines
from producers.importer.judged import judged
from producers.importer.mapping import MappingFile
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable

MAPPING = MappingFile.model_validate({
    "source": "crm://x", "timezone": "UTC",
    "events": [{
        "type": {"constant": "sales.cost.booked.v1"}, "time": {"column": "Day", "format": "%d.%m.%Y"},
        "when": {"column": "Kind", "is": ["cost"]},
        "data": {"cost_id": "ID", "amount": "Sum", "currency": {"constant": "RUB"}, "category": "Kind"},
    }],
})  # fmt: skip


def written(path, count):
    rows = ["A title", "ID;Kind;Sum;Day"]
    for number in range(count):
        kind, day = "other" if number % 5 == 4 else "cost", "x" if number % 7 == 6 else "01.02.2026"
        rows.append(f"{number};{kind};{number},50;{day}")
    path.write_text("\n".join(rows) + "\n")
    return SourceFile(str(path))


async def read(source, format_, after, *, apart):
    """All that is told of a file; the report is the same object from batch to batch where it is read here."""
    told = []
    async with judged(source, format_, after, 100, lambda: 1_790_000_000_000, apart=apart) as batches:
        async for batch in batches:
            told.append((batch.ready, batch.refused, batch.report.totals, batch.end, batch.line, batch.records))
            report = batch.report
    return told, report, format_.header, format_.notes


@pytest.mark.parametrize("after", [State(), State(end=150, line=152)], ids=["whole", "the rest"])
async def test_the_same_apart(tmp_path, after):
    """Batches, places, refused rows with their bytes, header, notes and the report are those of reading it here."""
    source = written(tmp_path / "costs.csv", 450)
    here, apart = [await read(source, MappedTable(RowMapper(MAPPING)), after, apart=way) for way in (False, True)]
    assert here == apart
    assert len(here[0]) == (5 if after.end == 0 else 3)
    assert here[3]
    assert sum(len(refused) for _, refused, *_ in here[0]) == here[1].reasons.total() > 20


async def test_what_stops_it(tmp_path):
    """What cannot be read at all is told as if it were read here."""
    (tmp_path / "a.csv").write_text("ID;Sum\n1;2\n")
    with pytest.raises(ImportProblem, match="columns that are not there: Day"):
        await read(SourceFile(str(tmp_path / "a.csv")), MappedTable(RowMapper(MAPPING)), State(), apart=True)


@pytest.mark.parametrize("way", ["killed", "left"])
async def test_its_end(tmp_path, way):
    """A process that is killed is told of and is no end of the file; one that nobody reads on is gone at once."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\n" * 200_000)
    seen = 0

    async def go():
        nonlocal seen
        async with judged(SourceFile(str(path)), JsonLines(), State(), 100, lambda: 0, apart=True) as batches:
            async for batch in batches:
                seen += batch.records
                if way == "left":
                    return
                for child in multiprocessing.active_children():
                    os.kill(child.pid, signal.SIGKILL)

    if way == "killed":
        with pytest.raises(ImportProblem, match="was ended"):
            await go()
    else:
        await go()
    assert 0 < seen < 200_000
    assert not multiprocessing.active_children()
