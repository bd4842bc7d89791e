"""Pipelines and stages by what people call them: info series that a join never misses, and names in answers."""

import httpx
import pytest

from metrics.catalogue.service import PIPELINE_INFO, STAGE_INFO
from metrics.exporter.http.named import names_in, with_names
from metrics.exporter.http.server import create_app
from metrics.measure import key
from metrics.reference import build
from metrics.view import Field
from tests.support.boards import board, exporter_of, exposition, pipeline
from tests.unit.metrics.test_server import DAY, NOW


def infos(shown):
    """Lines of both families, as label values."""
    text = exposition(shown, NOW).decode()
    return [
        line.rpartition(" ")[0]
        for line in text.splitlines()
        if line.startswith(("sales_pipeline_info", "sales_stage_info"))
    ]


def filled():
    shown = board()
    shown.put(("o", 0), {Field(0, "m-1", "n"): {key("od", "7", "C7:PREPAYMENT"): 2, key("od", "b2b", "NEW"): 1}})
    shown.put(("d", DAY), {Field(0, "m-1", "n"): {key("dc", "9"): 1}})
    return shown


def test_each_is_there_once():
    """All that have numbers and all that have a name, those without one by their ids; no leads."""
    shown = filled()
    shown.put_reference({
        "a": pipeline("7", "Wholesale", {"C7:NEW": "New", "C7:PREPAYMENT": "Invoice sent"}),
        "b": pipeline("leads", "Leads", {"NEW": "Not processed"}, of="lead"),
    })  # fmt: skip
    assert infos(shown) == [
        f'{PIPELINE_INFO.name}{{pipeline="7",name="Wholesale"}}',
        f'{PIPELINE_INFO.name}{{pipeline="9",name="9"}}',
        f'{PIPELINE_INFO.name}{{pipeline="b2b",name="b2b"}}',
        f'{STAGE_INFO.name}{{pipeline="7",stage="C7:NEW",pipeline_name="Wholesale",name="New"}}',
        f'{STAGE_INFO.name}{{pipeline="7",stage="C7:PREPAYMENT",pipeline_name="Wholesale",name="Invoice sent"}}',
        f'{STAGE_INFO.name}{{pipeline="b2b",stage="NEW",pipeline_name="b2b",name="NEW"}}',
    ]


def test_names_follow_what_comes():
    """Renamed, taken away, and a pipeline that is new: each scrape has it; names that are shared carry their ids."""
    shown = filled()
    assert len(infos(shown)) == 5
    shown.put_reference({"a": pipeline("7", "Sales", {}), "b": pipeline("9", " Sales ", {})})
    assert [line for line in infos(shown) if "(" in line][:2] == [
        f'{PIPELINE_INFO.name}{{pipeline="7",name="Sales (7)"}}',
        f'{PIPELINE_INFO.name}{{pipeline="9",name="Sales (9)"}}',
    ]
    shown.put_reference({"a": None, "b": pipeline("9", "b2b", {})})
    assert f'{PIPELINE_INFO.name}{{pipeline="b2b",name="b2b (b2b)"}}' in infos(shown)
    shown.put(("d", DAY), {Field(0, "m-2", "n"): {key("dc", "late"): 1}})
    assert f'{PIPELINE_INFO.name}{{pipeline="late",name="late"}}' in infos(shown)
    assert infos(board()) == []


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"pipeline": "7", "stage": "C7:NEW"}, {"pipeline": "Wholesale", "stage": "New"}),
        ({"stage": "C7:NEW"}, {"stage": "New"}),
        ({"pipeline": "8", "stage": "NEW"}, {"stage": "Else"}),
        ({"stage": "NEW"}, {}),
        ({"pipeline": "8", "stage": "C7:NEW"}, {}),
        ({"outcome": "won"}, {}),
    ],
)
def test_names_of_labels(labels, names):
    """A stage is that of its pipeline; without one, of any, while all call it the same."""
    reference = build(
        {
            "a": pipeline("7", "Wholesale", {"C7:NEW": "New", "NEW": "First"}),
            "b": pipeline("8", "", {"NEW": "Else"}) | {"type": "sales.pipeline.changed.v1"},
        },
        "RUB",
    )
    reference.pipelines.pop("8")
    assert reference.names_of(labels) == names


def test_answers_have_names_beside_ids():
    """What was asked for and each entity; nothing is added where nothing has a name."""
    reference = build({"a": pipeline("7", "Wholesale", {"C7:NEW": "New"})}, "RUB")
    own = {"pipeline": "7", "stage": "C7:NEW"}
    told = with_names({"labels": own, "entities": [{"id": "d", "labels": own}, {"id": "e", "labels": {}}]}, reference)
    assert told["names"] == {"pipeline": "Wholesale", "stage": "New"} == told["entities"][0]["names"]
    assert "names" not in told["entities"][1]
    assert names_in(reference, [own, own, {"pipeline": "9"}]) == {
        "pipeline": {"7": "Wholesale"},
        "stage": {"C7:NEW": "New"},
    }
    assert with_names({"labels": {}, "entities": [{"id": "d"}]}, reference) == {"labels": {}, "entities": [{"id": "d"}]}


async def test_history_names_its_pipelines():
    """Over HTTP: beside the ids of a family by pipeline stand the names."""
    shown = filled()
    shown.put_reference({"a": pipeline("9", "Retail", {})})
    transport = httpx.ASGITransport(create_app(exporter_of(shown, NOW)))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        told = (await client.get("/api/v1/history?family=sales_deals_created&level=company")).json()
        assert told["names"] == {"pipeline": {"9": "Retail"}}
        assert "names" not in (await client.get("/api/v1/history?family=sales_calls&level=company")).json()
