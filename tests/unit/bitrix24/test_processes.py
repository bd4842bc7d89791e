"""Smart processes of which the mapping says what they are: sales, costs and plans, whatever happens on the way."""

from datetime import timedelta
from typing import ClassVar

import pytest

from producers.connectors.bitrix24.connecting import checking
from producers.connectors.bitrix24.entities import plans
from producers.connectors.bitrix24.entities.stages import Stages
from producers.connectors.bitrix24.errors import MappingError
from producers.connectors.bitrix24.meaning.mapping import load_mapping
from producers.connectors.bitrix24.sync.backfill import Backfill
from streams.plain import recompute
from tests.support.bitrix24_life import WEIGHTS
from tests.support.bitrix24_portal import Postman, serve_portal
from tests.support.bitrix24_processes import (
    COST_STAGES,
    COSTS,
    MAPPING,
    PLANS,
    PROJECTS,
    STAGES,
    ProjectLife,
    portal_of,
)  # fmt: skip
from tests.support.bitrix24_processes import plans as planned
from tests.unit.bitrix24.oracle import RULES, expected, summary
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected
from tests.unit.bitrix24.test_entities import Story
from tests.unit.bitrix24.test_law import differences, hour


class Projects(ProjectLife):
    """Only what is done in smart processes, and calls for the clock's sake."""

    weights: ClassVar[dict[str, int]] = {n: w for n, w in ProjectLife.weights.items() if n not in WEIGHTS} | {"call": 2}


def latest(publisher):
    """The plans that the log has in the end, those that are none any more left out."""
    found = {}
    for event in publisher.log:
        if event.type == "sales.plan.set.v1":
            found[event.key] = max(found.get(event.key, event), event, key=lambda one: one.sequence)
    data = {key: event.data for key, event in found.items()}
    return {key: (f"{float(one.target):.2f}", one.currency) for key, one in data.items() if float(one.target)}


def of_processes(told):
    """What entities of smart processes add. Of leads a backfill does not tell all, and one may have the id 10."""
    return {one for one in told if one[0] not in {"ld", "lo", "lw", "rs"} and str(one[6]).startswith("10")}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("life", "minutes"),
    [(Projects, 6), *(pytest.param(ProjectLife, minutes, marks=pytest.mark.slow) for minutes in (20, 50))],
)
async def test_events_equal_the_portal(tmp_path, life, minutes):
    """With hooks lost, twice, late, bad days and a broker that fails; a backfill changes nothing, and is the same."""
    life, publisher = life(6), PortalPublisher()
    portal = portal_of(life, faults=0.03, burst=1e9)
    async with serve_portal(portal):
        async with connected(portal, tmp_path, publisher, mapping=MAPPING) as (connector, client):
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes)
            life.finish()
            await postman.deliver()
            await connector.reconciler.run(whole=True)
            await connector.reconciler.chats(whole=True)
            wanted = expected(life, postman.arrived, connector.identity)
            told = summary(recompute(publisher.events, RULES))
            assert told == wanted, differences(wanted, told)
            assert latest(publisher) == planned(life)
            done = {name for name in life.weights if life.done.get(name)}
            assert {"move_project", "delete_project", "edit_cost", "delete_cost", "edit_plan", "delete_plan"} <= done
            count = len(publisher.log)
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
            assert len(publisher.log) == count, publisher.log[count:]
        other = PortalPublisher()
        async with connected(portal, tmp_path / "elsewhere", other, mapping=MAPPING) as (connector, _):
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
            assert latest(other) == planned(life)
            assert of_processes(summary(recompute(other.events, RULES))) == of_processes(wanted)


@pytest.fixture
async def story(tmp_path):
    portal, publisher = portal_of(ProjectLife(4), burst=1e9), PortalPublisher()
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, publisher, mapping=MAPPING) as (connector, client),
    ):
        yield Story(portal, connector, client, publisher)


async def test_a_sale_closes_when_its_stage_said_so(story):
    """By the semantics of its stages, also renamed ones, and by its history; a suffixed hook is a hook."""
    life = story.life
    won = f"DT{PROJECTS}_4:UC_ABC"
    entities = story.portal.names.entities[f"DYNAMIC_{PROJECTS}_STAGE_4"]
    entities.append(
        entities[0] | {"STATUS_ID": won, "NAME": "Sold", "SEMANTICS": "S", "EXTRA": {"SEMANTICS": "success"}}
    )
    row = life._item(PROJECTS, stageId=STAGES[0], categoryId=4, companyId=3, closedate=None)
    life._step(PROJECTS, row, 1)
    ((kind, first),) = await story.told()
    assert (kind, first.status, first.pipeline) == ("deal.changed", "open", f"DT{PROJECTS}_4")
    assert story.connector.store.clients() == [first.client_id]
    life.now += timedelta(minutes=5)
    row |= {"stageId": won, "stageSemanticId": "S", "updatedTime": life.text(), "movedTime": life.text()}
    life._step(PROJECTS, row, 3)
    closed = life.now
    life.hooks.clear()
    life._raise(f"ONCRMDYNAMICITEMUPDATE_{PROJECTS}", {"data[FIELDS][ID]": "1"})
    life.now += timedelta(minutes=5)
    story.connector.synchronizer.stages.forget()
    ((_, data),) = await story.told()
    assert (data.status, data.closed_at.replace(microsecond=0)) == ("won", closed.replace(microsecond=0))
    assert data.deal_id == first.deal_id


async def test_invoices_are_judged_by_their_stages(story):
    """An invoice does not say whether its stage ends it: the portal's stages do, whatever they are called."""
    life = story.life
    life.new_deal()
    stages = story.portal.names.entities["SMART_INVOICE_STAGE_1"]
    for code, semantic, word in (("UC_1", "F", "failure"), ("UC_2", "S", "success")):
        stages.append(stages[0] | {"STATUS_ID": f"DT31_1:{code}", "SEMANTICS": semantic, "EXTRA": {"SEMANTICS": word}})
    for code, semantic in (("N", "P"), ("UC_1", "F"), ("UC_2", "S"), ("D", "F"), ("P", "S")):
        life.new_invoice()
        life.tables["invoice"][life.ids["invoice"]] |= {"stageId": f"DT31_1:{code}", "stageSemanticId": semantic}
        life.history[31][-1] |= {"STAGE_ID": f"DT31_1:{code}", "STAGE_SEMANTIC_ID": semantic}
    told = [(kind, data) for kind, data in await story.told() if kind != "deal.changed"]
    assert [data.status for kind, data in told if kind == "invoice.changed"] == [
        "issued", "cancelled", "issued", "cancelled", "issued",
    ]  # fmt: skip
    assert sorted(data.payment_id[:7] for kind, data in told if kind == "payment.received") == ["stage-3", "stage-5"]


async def test_stages_that_may_not_be_read(story):
    """What they were decides then, also after a restart; else what they are usually called."""
    lost = f"DT{PROJECTS}_4:UC_LOST"
    entities = story.portal.names.entities[f"DYNAMIC_{PROJECTS}_STAGE_4"]
    entities.append(entities[0] | {"STATUS_ID": lost, "SEMANTICS": "F", "EXTRA": {"SEMANTICS": "failure"}})
    names = ("DT31_1:P", "DT31_2:D", STAGES[2], STAGES[3], STAGES[1], "odd", None, lost)
    rows = [{"stageId": name} for name in names]
    for forbidden, last in ((True, "P"), (False, "F"), (True, "F")):
        story.portal.forbidden = {"crm.status.list"} if forbidden else set()
        told = await Stages(story.connector.portal, story.connector.parts.store).told(rows)
        assert [row["stageSemanticId"] for row in told] == ["S", "F", "S", "F", "P", "P", "P", last]


async def test_costs(story):
    """In failure they are none; a day is a day in whatever zone; what lacks its amount is a dead letter."""
    life = story.life
    row = life._item(
        COSTS, stageId=COST_STAGES[0], opportunity=10, begindate="2026-11-01T00:00:00+03:00", currencyId="RUB"
    )
    ((kind, data),) = await story.told()
    assert (kind, data.amount, data.category, data.manager_id) == (
        "cost.booked",
        "10",
        "other",
        str(row["assignedById"]),
    )
    assert story.publisher.log[-1].time.isoformat() == "2026-11-01T09:00:00+00:00"
    row |= {"stageId": COST_STAGES[2], "stageSemanticId": "F", "updatedTime": life.text()}
    life._item_hook("UPDATE", COSTS, row)
    assert [(kind, data.amount) for kind, data in await story.told()] == [("cost.booked", "0")]
    row |= {"stageId": COST_STAGES[1], "opportunity": None, "updatedTime": life.text()}
    life._item_hook("UPDATE", COSTS, row)
    assert await story.told() == []
    (letter,) = story.publisher.letters
    assert b"opportunity is empty" in b"".join(value for _, value in letter[2])


async def test_a_cost_counts_from_its_day_on(story):
    """One of this morning at once, one that is planned when its day comes, and one that is put off not before then."""
    life = story.life
    life.now = life.now.replace(hour=6, minute=0)  # nine o'clock in the portal

    def day(days):
        return (life.now + timedelta(days=days)).strftime("%Y-%m-%dT00:00:00+03:00")

    def costs(told):
        return [(data.cost_id[5:6], data.amount) for kind, data in told if kind == "cost.booked"]

    async def looked():
        for _ in range(2):
            await story.connector.reconciler.sweep(f"cost:{COSTS}", whole=False)
            yield costs(story.new())

    rows = [life._item(COSTS, stageId=COST_STAGES[0], opportunity=1, begindate=day(days)) for days in (-1, 0, 1)]
    assert costs(await story.told()) == [("1", "1"), ("2", "1")]
    assert [event.time.day - life.now.day for event in story.publisher.log] == [-1, 0]
    rows[1] |= {"begindate": day(2), "updatedTime": life.text()}
    life._item_hook("UPDATE", COSTS, rows[1])
    assert costs(await story.told()) == [("2", "0")]
    assert [told async for told in looked()] == [[], []]
    for days, number in ((1, "3"), (1, "2")):
        life.now += timedelta(days=days, hours=-1)
        assert [told async for told in looked()] == [[], []]
        life.now += timedelta(hours=4)
        assert [told async for told in looked()] == [[(number, "1")], []]
        life.now -= timedelta(hours=3)


async def test_an_end_that_is_dated_ahead(story):
    """A closed sale of which neither history nor move says when it closed did so when it was changed, at the latest."""
    life = story.life
    row = life._item(PROJECTS, stageId=STAGES[2], categoryId=4, companyId=3)
    row |= {"closedate": (life.now + timedelta(days=7)).isoformat(), "movedTime": None}
    ((_, data),) = await story.told()
    assert (data.status, data.closed_at) == ("won", life.now - timedelta(seconds=1))


async def test_plans(story):
    """The one changed last counts; what is hidden stays planned; what is deleted, or planned for another, is not."""
    life = story.life
    fields = {"begindate": "2026-11-01T00:00:00+03:00", "assignedById": 3, "currencyId": "RUB", "UF_CRM_9_MEASURE": 7}
    one = life._item(PLANS, opportunity=100, **fields)
    life.now += timedelta(seconds=5)
    two = life._item(PLANS, opportunity=200, **fields)

    async def told():
        return [(data.key, data.target) for kind, data in await story.told() if kind == "plan.set"]

    key = "plan:manager:3:won_amount:2026-11"
    assert await told() == [(key, "200")]
    story.portal.hidden = {(f"item{PLANS}", two["id"])}
    one |= {"assignedById": 4, "updatedTime": life.text()}
    life._item_hook("UPDATE", PLANS, one)
    assert await told() == [(key.replace(":3:", ":4:"), "100")]
    story.portal.hidden = set()
    two |= {"begindate": "2026-12-01T00:00:00+03:00", "updatedTime": life.text()}
    await story.connector.reconciler.reference()
    assert await told() == [(key.replace("11", "12"), "200"), (key, "0")]
    del life.tables[f"item{PLANS}"][one["id"]]
    life._item_hook("DELETE", PLANS, one)
    assert await told() == [(key.replace(":3:", ":4:"), "0")]


async def test_two_processes_of_plans(tmp_path):
    """One plan is one, wherever it is kept: the latest counts, then the other again; what is hidden stands."""
    life, publisher, other = ProjectLife(4), PortalPublisher(), 1046
    life.tables[f"item{other}"], life.history[other], life.ids[f"item{other}"] = {}, [], 0
    life.types[other], life.fields[other] = "More plans", life.fields[PLANS]
    portal = portal_of(life, burst=1e9)
    mapping = MAPPING.replace("plans: {", f"plans: {{{other}: {{}}, ")
    async with serve_portal(portal), connected(portal, tmp_path, publisher, mapping=mapping) as (connector, client):
        story = Story(portal, connector, client, publisher)

        async def told():
            return [(data.key[5:14], data.target) for kind, data in await story.told() if kind == "plan.set"]

        fields = {"begindate": "2026-11-01T00:00:00+03:00", "assignedById": 3, "currencyId": "RUB"}
        one = life._item(PLANS, opportunity=100, UF_CRM_9_MEASURE=7, **fields)
        life.now += timedelta(seconds=5)
        two = life._item(other, opportunity=200, **fields)
        assert await told() == [("manager:3", "200")]
        one |= {"opportunity": 300, "updatedTime": life.text()}
        life._item_hook("UPDATE", PLANS, one)
        assert await told() == [("manager:3", "300")]
        two |= {"opportunity": 250}
        portal.hidden = {(f"item{PLANS}", one["id"])}
        await connector.reconciler.reference()
        portal.hidden = set()
        await connector.reconciler.reference()
        story.new()
        assert latest(publisher) == {"plan:manager:3:won_amount:2026-11": ("300.00", "RUB")}
        del life.tables[f"item{PLANS}"][one["id"]]
        life._item_hook("DELETE", PLANS, one)
        assert await told() == [("manager:3", "250")]
        del life.tables[f"item{other}"][two["id"]]
        life._item_hook("DELETE", other, two)
        assert await told() == [("manager:3", "0")]
        assert await told() == []


@pytest.mark.parametrize(
    ("said", "length", "period"),
    [
        ("2026-11-01T00:00:00+03:00", "month", "2026-11"), ("2026-02-28", "quarter", "2026-Q1"),
        ("2026-12-31T00:00:00-05:00", "year", "2026"), ("2026-Q3", "month", "2026-Q3"), ("2026-07", "year", "2026-07"),
    ],
)  # fmt: skip
def test_periods(said, length, period):
    """A date is the period around it; text that is a period already is taken as it is."""
    assert plans.period(said, length) == period


async def test_check_names_what_is_not_there(tmp_path):
    """Processes, fields and stages that do not exist, each with what there is instead."""
    portal = portal_of(ProjectLife(4), burst=1e9)
    portal.life.fields[PROJECTS].remove("stageId")
    wrong = f"""
processes:
  deals: {{{PROJECTS}: {{}}, 2000: {{}}}}
  costs: {{{COSTS}: {{category: fair, stages: [{COST_STAGES[1]}, DT1042_6:NOTHING]}}}}
  plans: {{{PLANS}: {{measure: UF_CRM_9_OTHER}}}}
"""
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, PortalPublisher(), mapping=wrong) as (connector, _),
    ):
        found = [
            one
            async for one in checking.check(connector.parts, "UTC")
            if one.what in ("smart process", "deals' fields")
        ]
        assert [one.fine for one in found] == [True, False, False, True, False, False]
        told = " | ".join(one.said for one in found)
        assert "Projects (1038) has no stages" in told
        assert "2000 of the mapping: NOT_FOUND; the portal has Projects (1038), Costs (1042), Plans (1044)" in told
        assert "Costs (1042): costs" in told
        assert "Plans (1044) has no UF_CRM_9_OTHER; its custom fields are: UF_CRM_9_MEASURE" in told
        assert "1042 has no stage DT1042_6:NOTHING" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("processes: {deals: {31: {}}}", "31 is not a smart process"),
        ("processes: {deals: {1038: {}}, plans: {1038: {}}}", "1038 stands under two"),
        ("processes: {costs: {1042: {}}}", "processes.costs.1042.category"),
        ("processes: {costs: {abc: {category: fair}}}", "processes.costs.abc"),
        ("processes: {deals: {1038: {amount: My field}}}", "processes.deals.1038.amount"),
        ("processes: {plans: {1044: {measure: luck}}}", "measure is one of won_amount"),
        ("processes: {plans: {1044: {level: team}}}", "level team needs `team`"),
    ],
)
def test_a_wrong_mapping_names_the_place(tmp_path, text, told):
    """One line, with the file and the field."""
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(MappingError, match=told):
        load_mapping(path)
