"""Funnels and stages by what people call them: reference records, and ready stages chosen by their names."""

import pytest

from producers.connectors.bitrix24.entities import funnels
from producers.connectors.bitrix24.meaning.mapping import Mapping
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_names import _category, _status
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected
from tests.unit.bitrix24.test_entities import Story


@pytest.fixture
async def portal():
    portal = StandIn(Life(4), burst=1e9)
    async with serve_portal(portal):
        yield portal


async def told(portal, folder, mapping=""):
    """Records of a connector that reads reference data, as key → (name, {stage: name})."""
    publisher = PortalPublisher()
    async with connected(portal, folder, publisher, mapping=mapping) as (connector, client):
        await connector.reconciler.reference()
        return records(Story(portal, connector, client, publisher).new())


def records(events):
    return {
        data.key: (data.name, {one.stage: one.name for one in data.stages})
        for kind, data in events
        if kind == "pipeline.changed"
    }


async def test_records(portal, tmp_path):
    """Each funnel with its stages in their order, and the stages of leads; again only when a name changes."""
    publisher = PortalPublisher()
    async with connected(portal, tmp_path, publisher) as (connector, client):
        story = Story(portal, connector, client, publisher)
        await connector.reconciler.reference()
        found = records(story.new())
        assert list(found) == ["pipeline:deal:0", "pipeline:deal:2", "pipeline:lead:leads"]
        assert found["pipeline:deal:2"][0] == "Wholesale"
        assert list(found["pipeline:deal:2"][1]) == ["C2:NEW", "C2:PREPARATION", "C2:EXECUTING", "C2:WON", "C2:LOSE"]
        assert found["pipeline:deal:2"][1]["C2:PREPARATION"] == "Invoice sent"
        assert found["pipeline:lead:leads"][1]["IN_PROCESS"] == "In work"
        await connector.reconciler.reference()
        assert records(story.new()) == {}
        portal.names.name("DEAL_STAGE_2", "C2:NEW", "Talking")
        await connector.reconciler.reference()
        assert {key: stages["C2:NEW"] for key, (_, stages) in records(story.new()).items()} == {
            "pipeline:deal:2": "Talking"
        }
        assert [event.sequence for event in publisher.log if event.type == "sales.pipeline.changed.v1"] == sorted(
            event.sequence for event in publisher.log if event.type == "sales.pipeline.changed.v1"
        )


async def test_names_of_the_mapping(portal, tmp_path):
    """What the mapping calls a funnel or a stage is its id and its name; two that it makes one are one record."""
    found = await told(
        portal, tmp_path, "pipelines: {0: retail, 2: retail}\nstages: {C2:PREPARATION: {name: invoice}}\n"
    )
    assert list(found) == ["pipeline:deal:retail", "pipeline:lead:leads"]
    name, stages = found["pipeline:deal:retail"]
    assert (name, stages["invoice"], stages["NEW"]) == ("retail", "invoice", "New")
    assert "C2:PREPARATION" not in stages


@pytest.mark.parametrize("gives_all", [False, True])
async def test_many_stages(portal, tmp_path, gives_all):
    """More stages than a page holds, also of a portal that gives all of them whatever page is asked for."""
    portal.names.gives_all = gives_all
    portal.names.entities["DEAL_STAGE"] = [
        _status("DEAL_STAGE", "NEW") | {"STATUS_ID": f"UC_{number}", "NAME": f"Stage {number}"} for number in range(120)
    ]
    found = await told(portal, tmp_path)
    assert list(found["pipeline:deal:0"][1].values()) == [f"Stage {number}" for number in range(120)]


@pytest.mark.parametrize("odd", [{"NAME": None}, {"NAME": ""}, {"NAME": 7}, {"STATUS_ID": None}, {"NAME": "x" * 300}])
async def test_odd_rows(portal, tmp_path, odd):
    """A stage without a name is called as its id, one without an id is none; all others are as they are."""
    portal.names.entities["DEAL_STAGE"][1] |= odd
    name, stages = (await told(portal, tmp_path))["pipeline:deal:0"]
    assert (name, stages["NEW"], stages["WON"]) == ("General", "New", "Deal successful")
    if "STATUS_ID" in odd:
        assert "PREPARATION" not in stages
    else:
        assert stages["PREPARATION"] == str(odd["NAME"] or "PREPARATION")[:128]


async def test_what_may_not_be_read_is_told(portal, tmp_path):
    """Without the right there are no names, managers and rates all the same, and the metric says so."""
    portal.forbidden = {"crm.status.list"}
    publisher = PortalPublisher()
    async with connected(portal, tmp_path, publisher) as (connector, _):
        await connector.reconciler.reference()
        assert connector.metrics.forbidden.labels("funnels")._value.get() == 1
    assert {event.type for event in publisher.log} == {"sales.manager.changed.v1", "sales.rate.set.v1"}


FUNNELS = [
    funnels.Funnel("0", "General", (("NEW", "New"), ("PREPARATION", "Invoice  Sent"))),
    funnels.Funnel("2", "Wholesale", (("C2:NEW", "New"), ("C2:PREPARATION", "invoice sent"), ("C2:FINAL", "Final"))),
    funnels.Funnel("", "leads", (("PROCESSED", "Final"),)),
]


@pytest.mark.parametrize(
    ("wanted", "stages", "unknown"),
    [
        (["Invoice sent"], ["PREPARATION", "C2:PREPARATION"], []),
        (["C2:PREPARATION"], ["C2:PREPARATION"], []),
        (["final"], ["last"], []),
        (["last", "C2:FINAL"], ["last"], []),
        (["Processed", "NEW"], ["NEW"], ["Processed"]),
        ([], [], []),
    ],
)
def test_ready_stages_by_name(wanted, stages, unknown):
    """By id, by the portal's name in any spelling, in every funnel that has it; stages of leads are none of deals."""
    meaning = Mapping.model_validate({"stages": {"C2:FINAL": {"name": "last"}}})
    found = funnels.ready(wanted, FUNNELS, meaning)
    assert (list(found.stages), list(found.unknown)) == (stages, unknown)


@pytest.mark.parametrize(
    ("counted", "lines"),
    [
        (("PREPARATION", "C2:PREPARATION"), []),
        (("PREPARATION", "own"), ["set SALES_READY_STAGES to PREPARATION,own,C2:PREPARATION, for the worker too"]),
        ((), ["set SALES_READY_STAGES to PREPARATION,C2:PREPARATION, for the worker too"]),
    ],
)
def test_what_the_worker_has_to_know(counted, lines):
    """The worker counts by ids: the line to set is told, with what is set already."""
    meaning = Mapping.model_validate({"ready_stages": ["Invoice sent"]})
    assert funnels.not_ready(FUNNELS, meaning, counted) == lines
    lost = Mapping.model_validate({"ready_stages": ["Nowhere"]})
    assert funnels.not_ready(FUNNELS, lost, counted) == ["ready_stages of the mapping: no stage is called Nowhere"]


async def test_it_is_warned_once(portal, tmp_path, capsys, caplog):
    """Reconciliation says what to set, not every few minutes."""
    publisher = PortalPublisher()
    portal.names.categories.append(_category(9, "Empty"))
    async with connected(portal, tmp_path, publisher, mapping="ready_stages: [Invoice sent]\n", ready_stages="NEW") as (
        connector,
        _,
    ):
        for _ in range(2):
            await connector.reconciler.reference()
    said = capsys.readouterr().out + caplog.text
    assert said.count("set SALES_READY_STAGES to NEW,PREPARATION,C2:PREPARATION") == 1
