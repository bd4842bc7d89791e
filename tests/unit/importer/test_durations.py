"""Reports of calls that say when a call began and how long it took."""

import re
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import Refused
from producers.importer.durations import duration
from producers.importer.errors import MappingProblem
from producers.importer.mapping import MappingFile
from producers.importer.rows import RowMapper
from tests.unit.importer.test_tables import Found, read

__all__ = ["read"]
DOCUMENT = Path(__file__).parents[3] / "deploy/docs/import.md"
HEADER = "Number;Day;Begun;From;To;Status;Ringing;Talking"
BEGAN = {"join": ["Day", "Begun"], "with": " ", "format": "%d.%m.%Y %H:%M:%S"}
CALL = {
    "type": {"constant": "sales.call.ended.v1"},
    "when": {"column": "Status", "filled": True},
    "time": BEGAN | {"plus": ["Ringing", "Talking"]},
    "data": {
        "call_id": "Number", "client_id": {"column": "From", "prefix": "c-"}, "manager_id": "To",
        "direction": {"constant": "inbound"},
        "outcome": {"column": "Status", "values": {"Answered": "answered", "Unanswered": "missed"}},
        "started_at": BEGAN, "answered_at": BEGAN | {"plus": "Ringing"},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("", 0), ("0", 0), ("125", 125), (125, 125), (125.0, 125), ("8,25", 8.25), ("0:02:05", 125), ("00:00:00", 0),
        ("30:00:01", 108_001), ("1 day, 6:00:01", 108_001), ("2 days, 0:00:01", 172_801), ("0:02:05.500", 125.5),
        ("2 min 5 s", 125), ("2m5s", 125), ("1 ч 2 мин. 3 сек.", 3723), ("1h, 2m", 3720), ("45с", 45),
        ("1 д 1 ч", 90_000),
    ],
)  # fmt: skip
def test_durations(written, seconds):
    """As programs write them."""
    assert duration("time", written, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2:05", 'minutes with clock: "m:ss" and hours with clock: "h:mm"'), ("0.0868", "is not a duration"),
        (0.5, "is not a duration"), ("-5", "is not a duration"),
        ("2:65:00", "is not a duration"), ("soon", "is not a duration"),
        ("5 x", "is not a duration"),
        ("9" * 400, "is not a duration"), ("9" * 400 + ":00:00", "is not a duration"), ("2 min 5", "is not a duration"),
    ],
)  # fmt: skip
def test_no_duration(written, said):
    """A part of a day is none: it might be seconds, too."""
    with pytest.raises(Refused, match=said):
        duration("time", written, None)


def test_two_parts():
    """The mapping says what they are."""
    assert duration("time", "2:05", "m:ss") == timedelta(minutes=2, seconds=5)
    assert duration("time", "2:05", "h:mm") == timedelta(hours=2, minutes=5)
    assert duration("time", "75:05", "m:ss") == timedelta(minutes=75, seconds=5)
    assert duration("time", "0:02:05", "h:mm") == timedelta(minutes=2, seconds=5)


@given(st.timedeltas(timedelta(), timedelta(days=3000)))
def test_what_python_writes(lasted):
    """Spreadsheets' durations come in as Python writes them."""
    assert duration("time", str(lasted), None) == lasted


def test_a_report_of_calls(read):
    """The end is the beginning and all that came after; who did not answer has talked for no time."""
    rows = [
        "1;21.09.2026;14:05:33;7;m-1;Answered;00:00:08;0:02:05", "2;21.09.2026;14:06:33;8;m-1;Unanswered;20;",
        "Totals:;;;;;;00:00:28;0:02:05", "3;21.09.2026;23:59:50;9;m-1;Answered;2:05;8", "4;;;9;m-1;Answered;8;8",
    ]  # fmt: skip
    found = read("\n".join(["Call Logs", "", HEADER, *rows]), {"events": [CALL]})
    assert [(event["time"], event["data"]["answered_at"]) for event in found.events] == [
        ("2026-09-21T11:07:46Z", "2026-09-21T11:05:41Z"), ("2026-09-21T11:06:53Z", "2026-09-21T11:06:53Z"),
    ]  # fmt: skip
    assert found.report.totals == (2, 1, 2)
    assert "which" in found.problems[0][1]
    assert "time: the cell is empty" in found.problems[1][1]
    clocks = {"time": CALL["time"] | {"clock": "m:ss"}}
    data = CALL["data"] | {"answered_at": CALL["data"]["answered_at"] | {"clock": "m:ss"}}
    found = read("\n".join([HEADER, *rows]), {"events": [CALL | clocks | {"data": data}]})
    assert found.events[-1]["time"] == "2026-09-21T21:02:03Z"


def test_a_report_as_a_spreadsheet(tmp_path):
    """Days, times and durations that are cells of their kinds."""
    made = openpyxl.Workbook()
    made.active.append(HEADER.split(";"))
    day, begun = timedelta(days=46286), timedelta(hours=14, minutes=5, seconds=33)
    made.active.append([1, day, begun, 7, "m-1", "Answered", timedelta(seconds=8), timedelta(hours=30)])
    for column, form in (("B", "dd.mm.yyyy"), ("C", "hh:mm:ss"), ("G", "hh:mm:ss"), ("H", "[h]:mm:ss")):
        made.active[f"{column}2"].number_format = form
    made.save(tmp_path / "calls.xlsx")
    days = {"format": "%Y-%m-%d %H:%M:%S"}
    began = {key: value | days for key, value in CALL["data"].items() if isinstance(value, dict) and "join" in value}
    rule = CALL | {"time": CALL["time"] | days, "data": CALL["data"] | began}
    found = Found(tmp_path / "calls.xlsx", {"events": [rule]})
    assert not found.problems
    assert found.events[0]["time"] == "2026-09-22T17:05:41Z"
    assert found.events[0]["data"]["answered_at"] == "2026-09-21T11:05:41Z"


def test_the_mapping_of_the_document(read):
    """It reads a report of calls; whose numbers they are the identities would say."""
    blocks = re.findall(r"```yaml\n(events:.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (rules,) = (yaml.safe_load(one)["events"] for one in blocks if "plus:" in one)
    rules[0]["data"]["client_id"] = {"column": "From", "prefix": "c-"}
    found = read(
        f"{HEADER}\n1;21.09.2026;14:05:33;7;m-1;Answered;00:00:08;0:02:05\nTotals:;;;;;;8;125", {"events": rules}
    )
    assert [event["time"] for event in found.events] == ["2026-09-21T11:07:46Z"]
    assert found.report.totals == (1, 1, 0)


@pytest.mark.parametrize(
    "change", [{"data": CALL["data"] | {"manager_id": {"column": "To", "plus": "Ringing"}}},
               {"time": {"constant": "2026-01-01T00:00:00Z", "plus": "Ringing"}}],
)  # fmt: skip
def test_only_times_have_durations(change):
    """Of other fields it is told that they have none."""
    with pytest.raises(MappingProblem, match="plus is for times that a column has"):
        RowMapper(MappingFile.model_validate({"source": "pbx://x", "timezone": "UTC", "events": [CALL | change]}))
