"""One odd answer harms one entity: what portals really send, and what is asked of them in other words."""

import pytest

from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import TOKEN, StandIn, serve_portal
from tests.support.bitrix24_tables import Hook
from tests.unit.bitrix24.support import PortalPublisher, connected
from tests.unit.bitrix24.test_entities import Story


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    tokens = f"another, {TOKEN}"
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, publisher, bitrix24_application_token=tokens) as (connector, client),
    ):
        yield Story(portal, connector, client, publisher)


@pytest.mark.parametrize(
    ("departments", "team"),
    [
        ([2], "Department 2"), (["2"], "Department 2"), (2, "Department 2"), ("2", "Department 2"),
        ({"1": 2}, "Department 2"), (False, "unknown"), (None, "unknown"), ("", "unknown"), ([], "unknown"),
        ([False], "unknown"), ([99], "unknown"), (0, "unknown"),
    ],
)  # fmt: skip
async def test_departments(story, departments, team):
    """However a user's departments are written, he has a name and a team, and so have all others."""
    story.life.users[0]["UF_DEPARTMENT"] = departments
    await story.connector.reconciler.reference()
    managers = [data for kind, data in story.new() if kind == "manager.changed"]
    assert len(managers) == 7
    assert managers[0].team_id == team


@pytest.mark.parametrize("odd", [{"NAME": None, "LAST_NAME": None}, {"NAME": 5}, {"ACTIVE": None}])
async def test_users_without_this_and_that(story, odd):
    """A user without names is known by his id."""
    story.life.users[3] |= odd
    await story.connector.reconciler.reference()
    assert len([kind for kind, _ in story.new() if kind == "manager.changed"]) == 7


async def test_a_user_that_cannot_be_read(story):
    """A user whom the contract does not take harms nobody else."""
    story.life.users[3]["ID"] = "4" * 200
    await story.connector.reconciler.reference()
    assert len([kind for kind, _ in story.new() if kind == "manager.changed"]) == 6
    assert story.connector.metrics.refused._value.get() == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"AMOUNT": "1"}, {"CURRENCY": None}, {"CURRENCY": "EUR", "AMOUNT": "x"}, {"CURRENCY": "EUR", "AMOUNT": None},
        {"CURRENCY": "EUR", "AMOUNT": "1", "AMOUNT_CNT": "0"}, {"CURRENCY": "EUR", "AMOUNT": "NaN"},
    ],
)  # fmt: skip
async def test_a_currency_that_cannot_be_read(story, odd):
    """A currency without its name, or worth nothing that is a number, harms no other one."""
    story.life.currencies.insert(0, odd)
    await story.connector.reconciler.reference()
    assert [data.currency for kind, data in story.new() if kind == "rate.set"] == ["USD"]
    assert story.connector.reconciler.refused == set()


async def test_departments_that_may_not_be_read(story):
    """Without the scope of departments managers have names; that it is missing is told."""
    story.portal.forbidden = {"department.get"}
    await story.connector.reconciler.reference()
    managers = [data for kind, data in story.new() if kind == "manager.changed"]
    assert (managers[0].name, managers[0].team_id) == ("Name1 Family1", "unknown")
    assert story.connector.metrics.forbidden.labels("departments")._value.get() == 1


@pytest.mark.parametrize("order", [(61, 62), (62, 61)])
async def test_two_rows_of_one_call(story, order):
    """Rows that share a CALL_ID are one call, that of the first row, and looking again tells nothing new."""
    base = {"CALL_ID": "same", "CALL_TYPE": "2", "PHONE_NUMBER": "+79000009905", "CALL_FAILED_CODE": "200",
            "CALL_VOTE": None, "CALL_DURATION": "60"}  # fmt: skip
    rows = {
        61: {"ID": "61", "PORTAL_USER_ID": "40", "CALL_START_DATE": story.life.text(), **base},
        62: {"ID": "62", "PORTAL_USER_ID": "41", "CALL_START_DATE": story.life.text(), **base},
    }
    for number in order:
        story.life.tables["call"][number] = rows[number]
        await story.connector.reconciler.run()
    told = [data for kind, data in story.new() if kind == "call.ended"]
    assert told[-1].manager_id == "40"
    assert len(told) <= 2
    for _ in range(3):
        await story.connector.reconciler.run()
    assert [kind for kind, _ in story.new() if kind == "call.ended"] == []


async def test_templates_of_recurring_deals(story):
    """The template of a recurring deal is no deal; a deal that becomes one is taken back."""
    for _ in range(2):
        story.life.new_deal()
    story.life.tables["deal"][1]["isRecurring"] = "Y"
    assert [data.deal_id.split("-")[0] for _, data in await story.told()] == ["2"]
    story.life.tables["deal"][2]["isRecurring"] = "Y"
    story.life._hook("ONCRMDEALUPDATE", 2)
    assert [kind for kind, _ in await story.told()] == ["deal.deleted"]


@pytest.mark.parametrize("named", [True, False])
async def test_the_type_in_the_name_of_an_event(story, named):
    """ONCRMDYNAMICITEMUPDATE_31 is an invoice's, whether the type stands in its fields or not; other types are not."""
    story.life.new_deal()
    story.life.new_invoice()
    fields = {"data[FIELDS][ID]": "1"}
    others = {"data[FIELDS][ENTITY_TYPE_ID]": "31"} if named else {}
    story.life.hooks = [
        Hook("ONCRMDYNAMICITEMUPDATE_31", fields | others, 1),
        Hook("ONCRMDYNAMICITEMADD_180", fields, 1),
    ]
    assert [kind for kind, _ in await story.told()] == ["invoice.changed"]


async def test_a_base_currency_that_the_portal_lacks(story, capsys, caplog):
    """It is said, once, that nothing can be converted."""
    story.life.currencies = [{"CURRENCY": "KZT", "AMOUNT": "1", "AMOUNT_CNT": "1"}]
    for _ in range(2):
        await story.connector.reconciler.reference()
    assert (capsys.readouterr().out + caplog.text).count("set SALES_CURRENCY") == 1
    assert [kind for kind, _ in story.new() if kind == "rate.set"] == []
