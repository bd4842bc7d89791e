"""One client, whichever system tells: the portal's contacts, companies, leads and callers in the identities."""

import json
from datetime import timedelta

import pytest

from producers.connectors.bitrix24.sync.backfill import Backfill
from producers.identities import InMemoryClaimsLog, Resolver
from streams.plain import recompute
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.support.bitrix24_tables import Hook
from tests.unit.bitrix24.oracle import RULES
from tests.unit.bitrix24.support import PortalPublisher, Silent, connected
from tests.unit.bitrix24.test_entities import Story

ANNA, FIRM = "8 (921) 000-00-01", "+7 812 300-00-01"


async def way_in(log):
    """Another way in: an exchange, the gateway, an import."""
    made = Resolver(log, b"a secret of the house", "RU")
    await made.start()
    return made


@pytest.fixture
async def log():
    return InMemoryClaimsLog()


@pytest.fixture
async def story(tmp_path, log):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    identities = await way_in(log)
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, publisher, identities=identities) as (connector, client),
    ):
        yield Story(portal, connector, client, publisher)


def deal(story, company=0, contact=0, lead=0):
    """A new deal, open."""
    story.life.new_deal()
    row = story.life.tables["deal"][story.life.ids["deal"]]
    row |= {"companyId": company, "contactId": contact, "leadId": lead}
    return row


async def clients(story, kind="deal.changed"):
    """Whose the new events of a kind are."""
    return [data.client_id for told, data in await story.told() if told == kind]


def call(life, name="c-1", **numbers):
    """The hooks of an incoming call that nobody answered, each with the number as that hook has it."""
    base = {"CALL_ID": name, "CALL_TYPE": "2", "PORTAL_USER_ID": "3", "CALL_DURATION": "0", "CALL_FAILED_CODE": "304",
            "CALL_START_DATE": life.text()}  # fmt: skip
    named = {"INIT": "CALLER_ID", "END": "PHONE_NUMBER"}
    fields = {what: base | {named[what]: number} for what, number in numbers.items()}
    ts = int(life.now.timestamp())
    return [
        Hook(f"ONVOXIMPLANTCALL{what}", {f"data[{name}]": value for name, value in data.items()}, ts)
        for what, data in fields.items()
    ]


@pytest.fixture(params=[False, True], ids=["alone", "with identities"])
async def either(request, tmp_path, log):
    """A story with identities and without: what has to hold in both."""
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    identities = await way_in(log) if request.param else None
    async with (
        serve_portal(portal),
        connected(portal, tmp_path, publisher, identities=identities) as (connector, client),
    ):
        yield Story(portal, connector, client, publisher)


@pytest.mark.parametrize(
    ("init", "end", "listed"),
    [
        ("89000000002", "+79000000002", "79000000002"),
        ("9000000002", "8 (900) 000-00-02", "+7 900 000-00-02"),
        # No rule makes these one number; the call keeps the client that it began with all the same.
        ("2-00-02", "+79000000002", "89000000002"),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "at once"])
async def test_one_call_one_client(either, init, end, listed, together):
    """However line, hook and statistics write the number of a call: nobody waits after its end, and it counts once."""
    life = either.life
    hooks = call(life, INIT=init, END=end)
    for some in [hooks] if together else [[hook] for hook in hooks]:
        life.hooks = some
        await either.told()
    life.tables["call"][1] = {
        "ID": "1", "CALL_VOTE": None, "CALL_ID": "c-1", "CALL_TYPE": "2", "PHONE_NUMBER": listed, "PORTAL_USER_ID": "3",
        "CALL_DURATION": "0", "CALL_START_DATE": hooks[0].data["data[CALL_START_DATE]"], "CALL_FAILED_CODE": "304",
    }  # fmt: skip
    for _ in range(2):
        await either.connector.reconciler.run()
    calls = [event for event in either.publisher.log if event.type.startswith("sales.call")]
    assert len({event.key for event in calls}) == 1
    # What hooks told is forgotten after a week; what was published is not.
    either.connector.store.prune(life.now.timestamp() + 10)
    either.connector.store.forget("seen:calls")
    await either.connector.reconciler.run()
    assert len({event.key for event in either.publisher.log if event.type.startswith("sales.call")}) == 1


@pytest.mark.parametrize("number", ["", "anonymous", "101"])
async def test_a_withheld_number(either, number):
    """Who hides is a client of this call alone, not one client with all others who hide."""
    either.life.hooks = call(either.life, "c-1", END=number) + call(either.life, "c-2", END=number)
    assert await clients(either, "call.ended") == ["anonymous:c-1", "anonymous:c-2"]


async def test_who_calls_is_the_contact(story, log):
    """A contact of the portal claims its numbers: calls of another system and of the portal are its deal's client."""
    story.life.party("contact", 551, [ANNA], ["Anna@Example.com"])
    assert await story.told() == []
    exchange = await way_in(log)
    assert exchange.client(phone="+7 921 000 00 01").known
    deal(story, contact=551)
    (client,) = await clients(story)
    assert exchange.client(phone="9210000001").client == exchange.client(email="anna@example.com").client == client
    story.life.hooks = call(story.life, END="79210000001")
    assert await clients(story, "call.ended") == [client]
    assert story.connector.metrics.clients.labels("known")._value.get() == 1


@pytest.mark.parametrize("linked", ["", "911"])
async def test_a_caller_who_becomes_a_contact(story, log, linked):
    """Who called before the portal knew them stays who they were: the contact, its company, their lead, later ones."""
    exchange = await way_in(log)
    caller = exchange.client(phone=ANNA).client
    await exchange.settle()
    story.life.new_lead()
    story.life.tables["lead"][1]["PHONE"] = [{"VALUE": "+79210000001"}]
    assert await clients(story, "lead.changed") == [caller]
    story.life.party("company", 911, [FIRM])
    story.life.party("contact", 551, ["89210000001"], LEAD_ID="1", COMPANY_ID=linked)
    deal(story, lead=1)
    deal(story, contact=551)
    deal(story, contact=551, company=911)
    deal(story, company=911)
    assert set(await clients(story)) == {caller}


async def test_a_lead_is_its_client_s(story):
    """A lead of a known contact is that contact's; one that becomes a contact gives its client to it, and keeps it."""
    story.life.party("contact", 551, [ANNA])
    deal(story, contact=551)
    (anna,) = await clients(story)
    story.life.new_lead()
    story.life.tables["lead"][1]["contactId"] = 551
    assert await clients(story, "lead.changed") == [anna]

    story.life.new_lead()
    (boris,) = await clients(story, "lead.changed")
    assert boris != anna
    lead = story.life.tables["lead"][2]
    story.life.party("contact", 552, ["+79210000002"], LEAD_ID="2")
    story.life._move(1, "lead", lead | {"contactId": 551}, "CONVERTED")
    deal(story, contact=552)
    told = await story.told()
    assert {data.client_id for kind, data in told if kind in {"lead.changed", "deal.changed"}} == {boris}


@pytest.mark.parametrize("company_first", [False, True])
@pytest.mark.parametrize("phones", [[], [FIRM]])
async def test_person_and_company(story, company_first, phones):
    """Who bought alone and buys for a company is one client, and the other way round; so the sale is a repeat."""
    if company_first:
        deal(story, contact=551, company=911)
        first = await clients(story)
        story.life.party("contact", 551, [ANNA])
        story.life.party("company", 911, phones)
        deal(story, contact=551)
        assert await clients(story) == first
    else:
        story.life.party("contact", 551, [ANNA])
        story.life.party("company", 911, phones)
        deal(story, contact=551)
        first = await clients(story)
        deal(story, contact=551, company=911)
        assert await clients(story) == first
    deal(story, company=911)
    assert await clients(story) == first


async def test_who_works_for_two_companies(story):
    """A contact of one company who appears in a deal of another does not make one client of both."""
    story.life.party("company", 1, ["+78123000001"])
    story.life.party("company", 2, ["+78123000002"])
    story.life.party("contact", 551, [ANNA], COMPANY_ID="1")
    deal(story, contact=551, company=1)
    deal(story, contact=551, company=2)
    one, two = await clients(story)
    assert one != two


async def test_identities_of_a_portal_that_is_known_already(tmp_path, log):
    """Switched on later, or with an empty spool, they change nobody: what was published stays under its client."""
    life, publisher = Life(3), PortalPublisher()
    life.live(1200)
    life.finish()
    portal = StandIn(life, burst=1e9)
    exchange = await way_in(log)
    await exchange.resolve([exchange.hashes([f"+7900{number:07d}"]) for number in range(40)])
    async with serve_portal(portal):
        async with connected(portal, tmp_path, publisher) as (connector, _):
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(Silent())
        count = len(publisher.log)
        assert count > 100
        for folder in (tmp_path, tmp_path / "elsewhere"):
            identities = await way_in(log)
            async with connected(portal, folder, publisher, identities=identities) as (connector, _):
                await connector.reconciler.run(whole=True)
                job = Backfill(connector.parts, connector.synchronizer, connector.reconciler)
                assert await job.run(Silent(), restart=True)
            told = publisher.log[count:]
            known = {event.data.client_id for event in publisher.log[:count] if event.type.startswith("sales.deal")}
            assert {event.data.client_id for event in told if event.type.startswith("sales.deal")} <= known
            if folder == tmp_path:
                assert told == []


async def test_contacts_that_may_not_be_read(story):
    """Without the right to see contacts their deals are published all the same."""
    story.portal.forbidden = {"crm.contact.list", "crm.company.list", "crm.lead.list"}
    story.life.party("contact", 551, [ANNA])
    deal(story, contact=551)
    story.life.new_lead()
    kinds = [kind for kind, _ in await story.told()]
    assert sorted(kinds) == ["deal.changed", "lead.changed"]
    await story.connector.reconciler.run()


@pytest.mark.parametrize("odd", [None, False, "", [], "+79210000001", [None], [{"VALUE": None}], [["x"]], {"0": "x"}])
async def test_odd_numbers_of_a_contact(story, odd):
    """Whatever stands where numbers should, the contact's deal and all others are told."""
    story.life.party("contact", 551)["PHONE"] = odd
    deal(story, contact=551)
    deal(story, contact=552)
    assert len(await clients(story)) == 2


async def test_numbers_stay_in_the_portal(story, log, tmp_path):
    """No number or address is in an event, in a claim, or on the disk."""
    story.life.party("contact", 551, [ANNA], ["Anna@Example.com"])
    story.life.hooks += call(story.life, INIT="89210000002", END="+79210000002")
    story.life.now += timedelta(seconds=5)
    deal(story, contact=551)
    await story.told()
    told = json.dumps([event.to_json().decode() for event in story.publisher.log]) + json.dumps(log.entries)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    for secret in ("9210000001", "9210000002", "example.com", "Anna"):
        assert secret not in told
        assert secret.encode() not in kept


def rung(life, kind, name, number, code="304"):
    """The hooks of a whole call to or from a number, as a rented line tells it."""
    line, ts = "reg150908", int(life.now.timestamp())
    mine = {"PHONE_NUMBER": number, "CALLER_ID": line} if kind == "1" else {"PHONE_NUMBER": line, "CALLER_ID": number}
    end = {"PHONE_NUMBER": number, "PORTAL_USER_ID": "3", "CALL_DURATION": "0", "CALL_FAILED_CODE": code,
           "CALL_START_DATE": life.text()}  # fmt: skip
    base = {"CALL_ID": name, "CALL_TYPE": kind}
    return [
        Hook(f"ONVOXIMPLANTCALL{what}", {f"data[{one}]": value for one, value in (base | facts).items()}, ts + later)
        for what, facts, later in (("INIT", mine, 0), ("END", end, 30))
    ]


def unanswered(story):
    """What became of misses and leads, and how many of each are open."""
    plain = recompute(story.publisher.events, RULES)
    told = sorted((one.code, one.labels) for one in plain.contributions() if one.code in {"mc", "cb", "ld", "lr"})
    return told, sorted(one.code for one in plain.open_things() if one.code in {"miss", "lead"})


async def test_an_outgoing_call_returns_a_client_and_touches_his_lead(story):
    """The lead's number, the missed call and the attempt are one client's; a failed attempt is none."""
    story.life.new_lead()
    story.life.tables["lead"][1]["PHONE"] = [{"VALUE": ANNA}]
    story.life.hooks += rung(story.life, "2", "missed", "+79210000001")
    await story.told(60)
    assert unanswered(story) == ([("ld", ()), ("mc", ("lost",))], ["lead", "miss"])
    story.life.hooks = rung(story.life, "1", "failed", "89210000001", code="480")
    await story.told(60)
    assert unanswered(story)[1] == ["lead", "miss"]
    story.life.hooks = rung(story.life, "1", "tried", "8 921 000-00-01")
    await story.told(60)
    assert unanswered(story) == ([("cb", ()), ("ld", ()), ("lr", ()), ("mc", ("called_back",))], [])


@pytest.mark.parametrize("what", ["converted", "lost", "deleted"])
async def test_a_lead_that_is_no_more_is_nobodys_to_touch(story, what):
    """Whether it was converted, has failed or was deleted: untouched it is not due, and not listed."""
    story.life.new_lead()
    await story.told()
    assert unanswered(story) == ([("ld", ())], ["lead"])
    story.life.now += timedelta(minutes=20)
    if what == "deleted":
        story.life.delete_lead()
    else:
        stage = {"converted": "CONVERTED", "lost": "JUNK"}[what]
        story.life._move(1, "lead", story.life.tables["lead"][1], stage)
    await story.told()
    assert unanswered(story) == ([], [])
