"""Single stories of entities, from what happens in the portal to the events that tell it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from producers.connectors.bitrix24.errors import PortalClosed
from producers.connectors.bitrix24.sync.backfill import Backfill
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import Postman, StandIn, serve_portal
from tests.support.bitrix24_tables import Hook
from tests.unit.bitrix24.support import KEY, PortalPublisher, Silent, connected


class Story:
    """A portal, its connector, and everything in between at once."""

    def __init__(self, portal, connector, client, publisher):
        self.portal, self.connector, self.publisher = portal, connector, publisher
        self.life = portal.life
        self.postman = Postman(portal, client)
        self.postman.rng.random = lambda: 1.0
        self.seen = 0

    async def told(self, seconds=1):
        """Deliver all hooks; what was published since the last time, as (type, data)."""
        self.life.now += timedelta(seconds=seconds)
        await self.postman.deliver()
        while await self.connector.synchronizer.drain():
            pass
        return self.new()

    def new(self):
        events, self.seen = self.publisher.log[self.seen :], len(self.publisher.log)
        return [(event.type.removeprefix("sales.").removesuffix(".v1"), event.data) for event in events]


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, client):
        yield Story(portal, connector, client, publisher)


async def test_a_deal_that_changes_its_client_is_another_deal(story):
    """Deleted under the old client, new under the new one, back under its old id when it returns; payments follow."""
    story.life.new_deal()
    deal = story.life.tables["deal"][1]
    deal |= {"companyId": 1, "opportunity": 100.0}
    order = story.life._add("order", {"ownerTypeId": 2, "ownerId": 1})
    paid = {"orderId": order["id"], "paid": "Y", "datePaid": story.life.text(), "sum": 40, "currency": "RUB"}
    payment = story.life._add("payment", paid)
    (_, first), (_, money) = await story.told()
    assert (money.deal_id, money.client_id, money.amount) == (first.deal_id, first.client_id, "40")

    deal |= {"companyId": 2, "updatedTime": story.life.text()}
    story.life._hook("ONCRMDEALUPDATE", 1)
    moved = await story.told()
    assert [(kind, data.client_id == first.client_id) for kind, data in moved] == [
        ("deal.deleted", True), ("deal.changed", False), ("payment.received", True), ("payment.received", False),
    ]  # fmt: skip
    assert moved[1][1].deal_id != first.deal_id
    assert [data.amount for _, data in moved[2:]] == ["0", "40"]

    deal |= {"companyId": 1, "updatedTime": story.life.text()}
    story.life._hook("ONCRMDEALUPDATE", 1)
    back = await story.told()
    assert back[1][1].deal_id == first.deal_id
    sequences = [event.sequence for event in story.publisher.log if event.type.startswith("sales.deal")]
    assert sequences == sorted(sequences)
    assert len({len(sequence) for sequence in sequences}) == 1

    del story.life.tables["payment"][payment["id"]]
    story.life._hook("ONPAYMENTDELETED", payment["id"])
    assert [(kind, data.amount) for kind, data in await story.told()] == [("payment.received", "0")]


async def test_two_changes_within_a_second_are_told_in_order(story):
    """The portal dates changes to the second; the later look is the greater version."""
    story.life.new_deal()
    deal = story.life.tables["deal"][1]
    await story.told(0)
    for amount in (1.0, 2.0, 1.0):
        deal["opportunity"] = amount
        story.life._hook("ONCRMDEALUPDATE", 1)
        ((_, data),) = await story.told(0)
        assert float(data.amount) == amount
    sequences = [event.sequence for event in story.publisher.log]
    assert sequences == sorted(set(sequences))
    assert len({event.id for event in story.publisher.log}) == 4


async def test_a_deal_closes_when_its_stage_said_so(story):
    """Not when somebody wrote into closedate, nor when a closed deal was edited; a silent move is found later."""
    story.life.new_deal()
    deal = story.life.tables["deal"][1]
    closed = story.life.now + timedelta(seconds=30)
    story.life.now = closed
    story.life._move(2, "deal", deal, "C2:WON" if deal["categoryId"] else "WON")
    story.life.now += timedelta(seconds=500)
    deal |= {"title": "Other", "updatedTime": story.life.text()}
    ((_, data),) = await story.told()
    assert (data.status, data.closed_at) == ("won", closed)

    story.life.move_funnel()
    assert await story.told() == []
    await story.connector.reconciler.run()
    kinds = dict(story.new())
    assert kinds["deal.changed"].pipeline == str(deal["categoryId"])
    assert kinds["deal.changed"].closed_at == closed


async def test_a_lead_is_told_step_by_step(story):
    """Warming is counted when it happened, even when both steps are learnt at once."""
    story.life.new_lead()
    lead = story.life.tables["lead"][1]
    lead |= {"stageId": "NEW"}
    story.life.history[1][0]["STATUS_ID"] = "NEW"
    began = story.life.now
    for after, stage in ((60, "IN_PROCESS"), (90, "CONVERTED")):
        story.life.now = began + timedelta(seconds=after)
        story.life._move(1, "lead", lead, stage)
    told = await story.told()
    assert [data.temperature for _, data in told] == ["cold", "warm", "hot"]
    assert [(event.time - began).seconds for event in story.publisher.log] == [0, 60, 90]


@pytest.mark.parametrize("order", [("INIT", "START", "END"), ("END", "START", "INIT"), ("START", "INIT", "END")])
async def test_the_waiting_time_of_a_call(story, order):
    """The spacing of INIT and START is the response, in whatever order the hooks arrive."""
    began = story.life.now
    data = {"CALL_ID": "c-1", "CALL_TYPE": "2", "CALLER_ID": "+7 900 123-45-67", "PHONE_NUMBER": "79001234567",
            "USER_ID": "3", "PORTAL_USER_ID": "3", "CALL_DURATION": "60", "CALL_FAILED_CODE": "200",
            "CALL_START_DATE": story.life.text()}  # fmt: skip
    fields = {f"data[{name}]": value for name, value in data.items()}
    stamps = {"INIT": 0, "START": 12, "END": 72}
    for what in order:
        ts = int(began.timestamp()) + stamps[what]
        story.life.hooks = [Hook(f"ONVOXIMPLANTCALL{what}", fields, ts)]
        last = await story.told()
    told = [event for event in story.publisher.log if event.type == "sales.call.ended.v1"]
    assert last
    assert (told[-1].data.answered_at - began).seconds == 12
    assert told[-1].sequence == max(event.sequence for event in told)
    assert len({event.key for event in story.publisher.log}) == 1


async def test_hooks_only_say_where_to_look(story):
    """A DELETE for what is still there, or an UPDATE for what is gone, does what the portal's state says."""
    story.life.new_deal()
    story.life.hooks = [Hook("ONCRMDEALDELETE", {"data[FIELDS][ID]": "1"}, 1)]
    assert [kind for kind, _ in await story.told()] == ["deal.changed"]
    story.life.tables["deal"].clear()
    story.life.hooks = [Hook("ONCRMDEALUPDATE", {"data[FIELDS][ID]": n}, 1) for n in ("1", "77")]
    assert [kind for kind, _ in await story.told()] == ["deal.deleted"]


async def test_lost_rights_delete_nothing(story):
    """When nearly everything seems to be gone, reconciliation does not believe it."""
    for _ in range(40):
        story.life.new_deal()
    await story.told()
    story.life.tables["deal"].clear()
    await story.connector.reconciler.run()
    assert "deal.deleted" not in dict(story.new())
    await story.connector.reconciler.run(whole=True, believe=True)
    assert [kind for kind, _ in story.new()] == ["deal.deleted"] * 40


async def test_what_may_not_be_read_holds_up_nothing(story):
    """A missing scope costs its own kind; a locked-out webhook keeps everything until it is let in again."""
    story.life.new_deal()
    story.life.meeting()
    story.life.finish()
    story.portal.forbidden = {"crm.activity.list"}
    assert [kind for kind, _ in await story.told()] == ["deal.changed"]
    assert story.connector.store.waiting()[0] == 0
    story.portal.forbidden = set()
    await story.connector.reconciler.run()
    assert "meeting.held" in dict(story.new())

    story.life.edit_deal()
    story.portal.locked = "INVALID_CREDENTIALS"
    with pytest.raises(PortalClosed, match="INVALID_CREDENTIALS"):
        await story.told()
    assert story.connector.store.waiting()[0] == 1
    story.portal.locked = ""
    story.life.tables["deal"][1]["opportunity"] = 77
    assert [data.amount for _, data in await story.told()] == ["77"]


async def test_nonsense_is_left_out(story):
    """What the contract does not take harms nobody else."""
    for _ in range(3):
        story.life.new_deal()
    story.life.tables["deal"][1]["opportunity"] = -5
    story.life.tables["deal"][2]["createdTime"] = story.life.tables["deal"][2]["updatedTime"] = None
    story.life.tables["deal"][2]["movedTime"] = None
    told = await story.told()
    assert [data.deal_id.split("-")[0] for _, data in told] == ["3"]
    assert story.connector.metrics.refused._value.get() == 2


async def test_managers_and_rates(story):
    """People with their teams and the portal's rates go to the reference topic, again only when they change."""
    await story.connector.reconciler.reference()
    told = story.new()
    assert [data.team_id for kind, data in told if kind == "manager.changed"][:3] == [
        "Department 2", "Department 3", "Department 1",
    ]  # fmt: skip
    assert [(data.key, data.rate) for kind, data in told if kind == "rate.set"] == [("rate:USD:2000-01-01", "92.5")]
    story.life.currencies[1]["AMOUNT"] = "95"
    story.life.users[0]["ACTIVE"] = False
    await story.connector.reconciler.reference()
    assert [data.key for _, data in story.new()] == ["manager:1", "rate:USD:2026-11-02"]


async def test_a_backfill_goes_on_where_it_stopped(tmp_path):
    """Stopped after each batch, it ends with the same events as in one go, also across holes in the ids."""
    life = Life(6)
    life.live(600)
    life.ids["deal"] += 5000
    life.live(600)
    life.finish()
    portal = StandIn(life, burst=1e9)

    async with serve_portal(portal):
        whole, pieces = PortalPublisher(), PortalPublisher()
        async with connected(portal, tmp_path / "whole", whole) as (connector, _):
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
            assert connector.portal.requests < 100
        finished = False
        rounds = 0
        while not finished:
            async with connected(portal, tmp_path / "pieces", pieces) as (connector, _):
                turns = iter([True])
                job = Backfill(
                    connector.parts, connector.synchronizer, connector.reconciler,
                    wanted=lambda turns=turns: next(turns, False),
                )  # fmt: skip
                finished = await job.run(Silent())
                rounds += 1
        assert rounds > 3
    assert [event.id for event in pieces.log] == [event.id for event in whole.log]


async def test_nothing_personal_leaves(story, tmp_path):
    """No name, phone or title of a client is in any event, nor on the disk; nor are key and token."""
    story.life.live(900)
    story.life.finish()
    await story.told()
    await story.connector.reconciler.run()
    await story.connector.reconciler.chats(whole=True)
    told = json.dumps([event.to_json().decode() for event in story.publisher.log])
    kept = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    phones = {row["PHONE_NUMBER"].removeprefix("+") for row in story.life.tables["call"].values()}
    assert len(phones) > 10
    names = {"Secret Client", "Other Client", "Anna", "Hello", KEY, "the-application-token"}
    for secret in phones | names:
        assert secret not in told
        assert secret.encode() not in kept


async def test_leads_say_what_became_of_them(story):
    """Open, converted, failed: each step with its status, so that nobody is told to call one that is closed."""
    for _ in range(2):
        story.life.new_lead()
    assert [data.status for _, data in await story.told()] == ["open", "open"]
    for number, stage in ((1, "IN_PROCESS"), (1, "CONVERTED"), (2, "JUNK")):
        story.life.now += timedelta(seconds=5)
        story.life._move(1, "lead", story.life.tables["lead"][number], stage)
    told = [(data.lead_id, data.status, data.temperature) for _, data in await story.told()]
    assert told == [("1", "open", "warm"), ("1", "converted", "hot"), ("2", "lost", "cold")]


@pytest.mark.parametrize("by", ["hook", "reconciliation"])
async def test_a_deleted_lead_is_taken_back(story, by):
    """Once the portal itself says that it is no more; one that may not be read stays. Restored, it is there again."""
    for _ in range(2):
        story.life.new_lead()
    await story.told()
    lead = story.life.tables["lead"][1]
    story.portal.hidden = {("lead", 2)}
    del story.life.tables["lead"][1]
    if by == "hook":
        for number in (1, 2):
            story.life._hook("ONCRMLEADDELETE", number)
        told = await story.told()
    else:
        await story.connector.reconciler.run()
        told = [one for one in story.new() if one[0].startswith("lead")]
    assert [(kind, data.lead_id) for kind, data in told] == [("lead.deleted", "1")]
    await story.connector.reconciler.run()
    assert [kind for kind, _ in story.new() if kind.startswith("lead")] == []
    story.life.tables["lead"][1] = lead
    story.life._hook("ONCRMLEADADD", 1)
    assert [(kind, data.status) for kind, data in await story.told()] == [("lead.changed", "open")]
    events = [event for event in story.publisher.log if "lead" in event.type and event.data.lead_id == "1"]
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)


async def test_leads_published_without_a_status_get_one(story):
    """What an earlier release published of a lead is completed by the next look, once."""
    story.life.new_lead()
    await story.told()
    held = story.connector.store.published("lead", ["1"])["1"]
    story.connector.store.save([replace(held, digest="of an earlier release")], looks=[("lead", "1", "")])
    story.life.now += timedelta(days=3)
    await story.connector.reconciler.run()
    assert [data.status for kind, data in story.new() if kind == "lead.changed"] == ["open"]
    asked = story.portal.methods["crm.stagehistory.list"]
    story.life.now += timedelta(hours=1)
    await story.connector.reconciler.run()
    assert [one for one in story.new() if one[0] == "lead.changed"] == []
    # The deals' moves are asked for each time; leads that have not changed are not asked about theirs.
    assert story.portal.methods["crm.stagehistory.list"] == asked + 1


@pytest.mark.parametrize(("kind", "numbers"), [("1", True), ("4", True), ("1", False), ("2", True)])
async def test_who_is_being_called_is_known_while_it_rings(story, kind, numbers):
    """An outgoing call or a call back is told as it begins, if the portal says whom it is to; the line is nobody."""
    client, line = "+7 900 123-45-67", "reg150908"
    mine = {"CALLER_ID": line, "PHONE_NUMBER": client} if kind != "2" else {"CALLER_ID": client, "PHONE_NUMBER": line}
    init = {"CALL_ID": "c-1", "CALL_TYPE": kind, **(mine if numbers else {"CALLER_ID": "+7 495 000-00-00"})}
    began = int(story.life.now.timestamp())
    story.life.hooks = [Hook("ONVOXIMPLANTCALLINIT", {f"data[{n}]": v for n, v in init.items()}, began)]
    started = await story.told()
    expected_kinds = ["call.started"] if numbers else []
    assert [k for k, _ in started] == expected_kinds
    end = {"CALL_ID": "c-1", "CALL_TYPE": kind, "PHONE_NUMBER": "79001234567", "PORTAL_USER_ID": "3",
           "CALL_DURATION": "0", "CALL_FAILED_CODE": "304", "CALL_START_DATE": story.life.text()}  # fmt: skip
    answered = Hook("ONVOXIMPLANTCALLSTART", {"data[CALL_ID]": "c-1", "data[USER_ID]": "3"}, began + 9)
    story.life.hooks = [answered, Hook("ONVOXIMPLANTCALLEND", {f"data[{n}]": v for n, v in end.items()}, began + 20)]
    ended = await story.told()
    assert [k for k, _ in ended] == ["call.ended"]
    direction = "inbound" if kind == "2" else "outbound"
    assert {data.direction for _, data in started + ended} == {direction}
    assert len({data.client_id for _, data in started + ended}) == 1


@pytest.mark.parametrize("configured", [True, False])
async def test_universal_activities(tmp_path, configured):
    """Meetings where the mapping says so, once they are done, at their deadline: later edits do not move them."""
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    mapping = "meetings: {providers: [CRM_TODO]}\n" if configured else ""
    async with serve_portal(portal), connected(portal, tmp_path, publisher, mapping=mapping) as (connector, client):
        story = Story(portal, connector, client, publisher)
        row = story.life._activity({"TYPE_ID": "6", "PROVIDER_ID": "CRM_TODO", "PROVIDER_TYPE_ID": "TODO"}, 3)
        held = story.life.now
        row |= {"START_TIME": None, "END_TIME": None, "DEADLINE": story.life.text(held)}
        story.life._hook("ONCRMACTIVITYADD", 1)
        assert await story.told(600) == []
        for _ in range(2):
            row |= {"COMPLETED": "Y", "LAST_UPDATED": story.life.text()}
            story.life._hook("ONCRMACTIVITYUPDATE", 1)
            told = await story.told(600)
        assert [event.time for event in publisher.log] == ([held] if configured else [])
        assert told == []
