"""All entities of some days in a stream: what it says, whose it is, and that nothing is read on for who has left."""

import csv
import io
import json

import pytest

from metrics.catalogue import BY_EXPOSED
from metrics.errors import AwayError
from metrics.exporter.http.entities import _table, _written
from tests.support.explanations import Explainer, row
from tests.unit.metrics.test_explained import DAY, client_of, exporter

__all__ = ["exporter"]
ROWS = [
    row("4711-abcdef12", 50.5, kind="deal", client="=c"), row("=1+1", 40, "m-2", "south"), row("b", -3.25, "unknown"),
    row("c", 2), row("d", 1, time=None),
]  # fmt: skip


async def ask(exporter, explainer, status=200, **query):
    async with client_of(exporter, explainer) as client:
        answer = await client.get("/api/v1/entities", params=query)
    assert answer.status_code == status, answer.text
    return answer


async def test_a_table_of_all(exporter):
    """Each entity once, with names, titles, units, links, the family's labels; nothing that a spreadsheet would run."""
    explainer = Explainer(ROWS)
    answer = await ask(exporter, explainer, family="sales_won_amount", **{"from": "2026-11-01", "to": "2026-11-18"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="sales_won_amount-2026-11-01-2026-11-18.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [one["id"] for one in rows] == ["4711-abcdef12", "'=1+1", "b", "c", "d"]
    assert [one["contribution"] for one in rows] == ["50.5", "40", "-3.25", "2", "1"]
    assert rows[0]["link"] == "https://crm.example.com/deals/4711/?from=pulse"
    assert (rows[0]["manager_name"], rows[0]["title"], rows[0]["unit"], rows[0]["client"]) == (
        "Anna",
        "Deal",
        "currency",
        "'=c",
    )
    assert "pipeline" in rows[0]
    assert explainer.asked == [("sales_won_amount", {}, None, None, "day", (DAY - 17, DAY))]
    assert explainer.left


async def test_no_two_columns_are_called_the_same(exporter):
    """A response has a kind, as its entity has."""
    for family in BY_EXPOSED:
        head, _ = _table(exporter, family, "en")
        (names,) = csv.reader(io.StringIO(head))
        assert len(set(names)) == len(names)
    assert "label_kind" in (await ask(exporter, Explainer(), family="sales_response_seconds")).text


async def test_lines_of_json(exporter):
    """The same by line, with labels as they are; by default the last thirty days."""
    explainer = Explainer(ROWS)
    answer = await ask(
        exporter, explainer, family="sales_calls", team="north", direction="inbound", format="jsonl", lang="ru"
    )
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["id"] for one in found] == ["4711-abcdef12", "=1+1", "b", "c", "d"]
    assert found[1]["title"] == "Звонок"
    assert explainer.asked == [("sales_calls", {"direction": "inbound"}, None, "north", "day", (DAY - 29, DAY))]


async def test_of_nothing_there_is_a_heading(exporter):
    answer = await ask(exporter, Explainer(), family="sales_calls")
    assert answer.text.splitlines() == [
        "kind,title,id,client,manager,manager_name,team,time,contribution,unit,converted,source,link,direction,outcome"
    ]
    assert (await ask(exporter, Explainer(), family="sales_calls", format="jsonl")).text == ""


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"family": "nothing"}, "nothing is not about days"),
        ({"family": "sales_open_deals"}, "is not about days"),
        ({"family": "sales_plan_target"}, "is not about days"),
        ({"family": "sales_calls", "window": "day"}, "no label 'window'"),
        ({"family": "sales_calls", "limit": "5"}, "no label 'limit'"),
        ({"family": "sales_calls", "at": "2026-11-18T00:00:00Z"}, "no label 'at'"),
        ({"family": "sales_response_seconds", "quantile": "0.5"}, "no label 'quantile'"),
        ({"family": "sales_calls", "from": "2020-01-01"}, "more than 800 days back"),
        ({"family": "sales_calls", "from": "2026-11-19"}, "lies after"),
        ({"family": "sales_calls", "to": "yesterday"}, "is not a date"),
        ({"family": "sales_calls", "team": "All"}, "team='All'"),
        ({"family": "sales_calls", "manager": "m-1", "team": "south"}, "contradicts manager='m-1'"),
        ({"family": "sales_calls", "format": "xml"}, "format="),
        ({"family": "sales_calls", "direction": ["a", "b"]}, "direction= is stated 2 times"),
        ({}, "family="),
    ],
)
async def test_what_is_unknown_is_named(exporter, query, why):
    explainer = Explainer(ROWS)
    assert why in (await ask(exporter, explainer, 400, **query)).json()["detail"]
    assert explainer.asked == []


async def test_what_is_away_is_503_before_it_begins(exporter):
    """Not a beginning of a table."""

    class AwayEntities(Explainer):
        async def entities(self, *_):
            raise AwayError("the ledger reads")
            yield b""

    class Refusing(Explainer):
        async def entities(self, *_):
            raise ValueError("no such thing")
            yield b""

    assert (await ask(exporter, AwayEntities(), 503, family="sales_calls")).json()["detail"] == "the ledger reads"
    assert (await ask(exporter, Refusing(), 400, family="sales_calls")).json()["detail"] == "no such thing"
    assert (await ask(exporter, None, 501, family="sales_calls")).status_code == 501


async def test_nothing_is_read_on_for_who_has_left():
    """A piece is asked for when the one before is gone; whoever leaves ends the reading."""
    explainer = Explainer([row(str(n)) for n in range(100)])
    pieces = explainer.entities("sales_calls", {}, None, None, "day", (1, 2))
    written = _written("head\n", lambda one: f"{one['id']}\n", await anext(pieces), pieces)
    assert await anext(written) == "head\n"
    assert await anext(written) == "0\n1\n"
    assert await anext(written) == "2\n3\n"
    assert explainer.given == 2
    await written.aclose()
    assert explainer.left
    assert explainer.given == 2
