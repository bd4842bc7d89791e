"""Tables of calls and leads carry what call-backs and first touches need, by the mapping that the documents show."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from producers.events.wire import decode
from producers.importer.formats import singly
from producers.importer.mapping import MappingFile
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable
from streams.plain import PlainCalendar, PlainRules, recompute

UTC = ZoneInfo("UTC")
RULES = PlainRules(UTC, PlainCalendar(UTC))
DOCUMENT = Path(__file__).parents[3] / "deploy/docs/import.md"
HEAD = "source: table://calls\ntimezone: UTC\nformat: csv\n"
CALLS = """\
Call;Way;Client;Agent;Start;Answer;End;Result
1;in;7;;23.11.2026 10:00:00;;23.11.2026 10:00:40;no answer
2;out;7;m-2;23.11.2026 10:05:00;;23.11.2026 10:05:30;{result}
"""
LEADS = """\
Lead;Client;Owner;Created;Changed;Temperature;Status
1;7;m-1;23.11.2026 10:04:00;23.11.2026 10:04:00;cold;new
2;8;m-1;23.11.2026 10:00:00;23.11.2026 10:09:00;cold;{status}
"""


def mapped(first: str, path: Path, text: str) -> list:
    """The events of a table, by the mapping of the document whose first field is so called, without durations."""
    blocks = re.findall(r"```yaml\n(events:.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (block,) = (one for one in blocks if f"data: {{{first}:" in one and "plus:" not in one)
    path.write_text(text)
    table = MappedTable(RowMapper(MappingFile.model_validate(yaml.safe_load(HEAD + block))))
    found = list(singly(table.records(SourceFile(str(path)), State())))
    assert [record.problem for record in found] == [None] * len(found)
    return [decode(value) for record in found for value in record.values]


@pytest.mark.parametrize(
    ("result", "status", "what", "due"),
    [("no answer", "won", "called_back", {"1"}), ("congestion", "new", "lost", {"1", "2"})],
)
def test_calls_and_leads_of_tables(tmp_path, result, status, what, due):
    """An outbound attempt returns a missed client and touches his lead; a failed one does neither.

    A lead that is closed untouched is not due, one that is open is.
    """
    events = mapped("call_id", tmp_path / "calls.csv", CALLS.format(result=result))
    events += mapped("lead_id", tmp_path / "leads.csv", LEADS.format(status=status))
    counted = {(one.code, one.labels or one.entity) for one in recompute(events, RULES).contributions()}
    assert {labels for code, labels in counted if code == "mc"} == {(what,)}
    assert {entity for code, entity in counted if code == "ld"} == due
    assert bool({code for code, _ in counted} & {"cb", "lr"}) == (what == "called_back")


def test_what_a_table_says(tmp_path):
    """Direction, outcome, status and times arrive as they stand."""
    first, second = mapped("call_id", tmp_path / "calls.csv", CALLS.format(result="no answer"))
    assert (first.data.direction, first.data.outcome, first.data.manager_id) == ("inbound", "missed", None)
    assert (second.data.direction, second.data.outcome, second.data.manager_id) == ("outbound", "missed", "m-2")
    assert second.time.isoformat() == "2026-11-23T10:05:30+00:00"
    statuses = [event.data.status for event in mapped("lead_id", tmp_path / "l.csv", LEADS.format(status="lost"))]
    assert statuses == ["open", "lost"]
