"""The sale stays sold: deals that go on into funnels of delivery and service."""

from datetime import timedelta

import pytest

from producers.connectors.bitrix24.meaning.after_sales import sale
from producers.connectors.bitrix24.meaning.mapping import Mapping
from producers.connectors.bitrix24.meaning.sales import sorts
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected
from tests.unit.bitrix24.test_entities import Story

MEANING = Mapping.model_validate({"after_sales": [7, 8]})
DEALS = sorts(MEANING)["deal"]


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, publisher, mapping="after_sales: [2]\n") as (connector, client),
    ):
        yield Story(portal, connector, client, publisher)


def deal(story, category=0):
    """A new deal, open."""
    story.life.new_deal()
    row = story.life.tables["deal"][story.life.ids["deal"]]
    stage = "NEW" if category == 0 else "C2:NEW"
    row |= {"categoryId": category, "stageId": stage, "assignedById": 1, "companyId": 3}
    story.life.history[2][-1] |= {"CATEGORY_ID": category, "STAGE_ID": stage}
    return row


def move(story, row, stage, hook=True):
    """To a stage, of whichever funnel; without a hook, as moves between funnels are."""
    story.life.now += timedelta(minutes=10)
    category = 2 if stage.startswith("C2:") else 0
    kind = 5 if category != row["categoryId"] else 2
    row["categoryId"] = category
    if hook:
        story.life._move(2, "deal", row, stage)
        story.life.history[2][-1]["TYPE_ID"] = kind
    else:
        row |= {"stageId": stage, "stageSemanticId": "P", "movedTime": story.life.text()}
        story.life._step(2, row, 5)
    return story.life.now


async def test_a_won_deal_goes_on(story):
    """Won when, where and by whom it was, whatever becomes of the work; its amount follows; deleted, it is gone."""
    row = deal(story)
    won = move(story, row, "WON")
    ((_, first),) = [one for one in await story.told() if one[1].status == "won"]
    assert (first.closed_at, first.pipeline, first.stage, first.manager_id) == (won, "0", "WON", "1")
    move(story, row, "C2:NEW", hook=False)
    row["assignedById"] = 5
    await story.connector.reconciler.run()
    assert [kind for kind, _ in story.new() if kind.startswith("deal")] == []
    move(story, row, "C2:LOSE")
    assert await story.told() == []
    row |= {"opportunity": 77, "updatedTime": story.life.text(story.life.now + timedelta(minutes=1))}
    story.life._hook("ONCRMDEALUPDATE", row["id"])
    ((_, changed),) = await story.told()
    assert (changed.amount, changed.status, changed.closed_at, changed.manager_id) == ("77", "won", won, "1")
    del story.life.tables["deal"][row["id"]]
    story.life._hook("ONCRMDEALDELETE", row["id"])
    assert [kind for kind, _ in await story.told()] == ["deal.deleted"]


async def test_it_comes_back(story):
    """Back in a funnel of sales it is what it is there: opened again it is not won, won again it is so since then."""
    row = deal(story)
    move(story, row, "WON")
    move(story, row, "C2:NEW")
    await story.told()
    move(story, row, "EXECUTING")
    ((_, data),) = await story.told()
    assert (data.status, data.pipeline, data.closed_at) == ("open", "0", None)
    again = move(story, row, "WON")
    ((_, data),) = await story.told()
    assert (data.status, data.closed_at) == ("won", again)


async def test_work_that_began_as_such(story):
    """A deal that was made in an after-sales funnel is no sale, in whatever stage; moved to sales it is a deal."""
    row = deal(story, category=2)
    assert await story.told() == []
    move(story, row, "C2:WON")
    assert await story.told() == []
    order = story.life._add("order", {"ownerTypeId": 2, "ownerId": row["id"]})
    paid = {"orderId": order["id"], "paid": "Y", "datePaid": story.life.text(), "sum": 40, "currency": "RUB"}
    story.life._hook("ONPAYMENTENTITYSAVED", story.life._add("payment", paid)["id"])
    assert [(kind, data.amount) for kind, data in await story.told()] == [("payment.received", "40")]
    move(story, row, "EXECUTING")
    assert [(kind, data.status) for kind, data in await story.told()] == [("deal.changed", "open")]


async def test_a_setting_made_later(story, tmp_path):
    """What was published before the setting was made follows it: work is taken back, the sale gets its own time."""
    work, sold = deal(story, category=2), deal(story)
    won = move(story, sold, "WON")
    move(story, sold, "C2:WON")
    move(story, work, "C2:WON")
    publisher = PortalPublisher()
    async with connected(story.portal, tmp_path / "other", publisher) as (connector, client):
        before = Story(story.portal, connector, client, publisher)
        assert [data.pipeline for kind, data in await before.told() if kind == "deal.changed"] == ["2", "2"]
    async with connected(story.portal, tmp_path / "other", publisher, mapping="after_sales: [2]\n") as (connector, _):
        publisher.log.clear()
        await connector.reconciler.run(whole=True)
        told = {event.data.deal_id.partition("-")[0]: event for event in publisher.log if "deal" in event.type}
    assert told["1"].type == "sales.deal.deleted.v1"
    assert (told["2"].data.closed_at, told["2"].data.pipeline) == (won, "0")


async def test_a_history_of_the_last_funnel_alone(story):
    """What was seen to be won stays so where the portal forgets how it was won."""
    row = deal(story)
    won = move(story, row, "WON")
    await story.told()
    move(story, row, "C2:NEW")
    story.life.history[2] = story.life.history[2][-1:]
    story.life.history[2][0] |= {"TYPE_ID": 1}
    row["opportunity"] = 55
    ((_, data),) = await story.told()
    assert (data.status, data.closed_at, data.pipeline, data.amount) == ("won", won, "0", "55")


ROWS = {
    "sold": [(1, "NEW", "P"), (3, "WON", "S"), (5, "C7:NEW", "P"), (3, "C7:WON", "S")],
    "sold and done in another": [(1, "NEW", "P"), (3, "WON", "S"), (5, "C7:NEW", "P"), (5, "C8:NEW", "P")],
    "opened again in between": [(3, "WON", "S"), (2, "NEW", "P"), (3, "WON", "S"), (5, "C7:NEW", "P")],
    "stages of success": [(1, "NEW", "P"), (3, "WON", "S"), (3, "PAID", "S"), (5, "C7:NEW", "P")],
    "moved without a win": [(1, "NEW", "P"), (2, "EXECUTING", "P"), (5, "C7:NEW", "P"), (3, "C7:LOSE", "F")],
    "moved, then sold": [(1, "NEW", "P"), (5, "C7:A", "P"), (5, "NEW", "P"), (3, "WON", "S"), (5, "C7:B", "P")],
    "begun as work": [(1, "C7:NEW", "P"), (3, "C7:WON", "S")],
    "begun as work, sold, worked": [(1, "C7:NEW", "P"), (5, "NEW", "P"), (3, "WON", "S"), (5, "C7:NEW", "P")],
    "begun by a move": [(5, "C7:NEW", "P")],
    "none": [],
}  # fmt: skip
SOLD = {
    "sold": (1, "0", "WON"), "sold and done in another": (1, "0", "WON"), "opened again in between": (2, "0", "WON"),
    "stages of success": (1, "0", "WON"), "moved without a win": (2, "0", "EXECUTING"),
    "moved, then sold": (3, "0", "WON"), "begun as work": None,
    "begun as work, sold, worked": (2, "0", "WON"), "begun by a move": (0, "7", "C7:NEW"), "none": None,
}  # fmt: skip


@pytest.mark.parametrize("named", [True, False], ids=["funnel named", "by prefix"])
@pytest.mark.parametrize("case", ROWS)
def test_histories(case, named):
    """When and where a deal was sold, from its rows: minute of the row, funnel, stage."""
    history = []
    for minute, (kind, stage, semantic) in enumerate(ROWS[case]):
        prefix, found, _ = stage.partition(":")
        funnel = {"CATEGORY_ID": int(prefix[1:]) if found else 0} if named else {}
        time = f"2026-11-02T12:{minute:02}:00+03:00"
        history.append(
            {"TYPE_ID": kind, "STAGE_ID": stage, "STAGE_SEMANTIC_ID": semantic, "CREATED_TIME": time} | funnel
        )
    found = sale(history, MEANING, DEALS)
    assert (found and (found.closed.minute, found.funnel, found.stage)) == SOLD[case]
