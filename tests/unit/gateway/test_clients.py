"""Senders that know a client by a number: the log never has it, and the client is whose number it is."""

import json

import pytest

from producers.errors import KafkaUnavailable
from producers.identities import InMemoryClaimsLog, Resolver
from tests.support.gateway import BATCH, Setup, event

KEY = b"a secret of the house"
WRITTEN = ("tel:+79211234567", "tel:8 (921) 123-45-67", "tel:9211234567")


async def resolver(log):
    made = Resolver(log, KEY, "RU")
    await made.start()
    return made


def by(client, **changes):
    return event(data={"meeting_id": "m-1", "client_id": client, "manager_id": "m-3"}, **changes)


def clients(setup):
    """Key and client of what was sent, which have to be one."""
    found = [(key.decode(), json.loads(value)["data"]["client_id"]) for _, key, value in setup.publisher.sent]
    assert all(key == client for key, client in found)
    return [client for _, client in found]


async def test_the_client_behind_a_number():
    """However a number is written it is one client, whom the CRM may have claimed before; no digit of it is sent."""
    log = InMemoryClaimsLog()
    setup = Setup(identities=await resolver(log))
    crm = await resolver(log)
    crm.client(email="anna@example.com", own="contact-1")
    await crm.settle()
    batch = [by(one, id=str(n)) for n, one in enumerate((*WRITTEN, "mailto:Anna@Example.com", "cl-7"))]
    batch[0]["partitionkey"] = WRITTEN[0]
    answer = await setup.post(batch, content_type=BATCH)
    assert answer.status_code == 202, answer.text
    found = clients(setup)
    assert found[0] == found[1] == found[2] == crm.hashes([WRITTEN[0]])[0]
    assert found[3:] == ["contact-1", "cl-7"]
    assert not any(b"9211234567" in value for _, _, value in setup.publisher.sent)
    await crm.follow()
    assert crm.client(phone="+7 921 123 45 67").known, "others find what was claimed here"
    metrics = (await setup.client.get("/metrics")).text
    assert 'sales_gateway_clients_total{outcome="new",source="crm://a"} 3.0' in metrics
    assert 'sales_gateway_clients_total{outcome="known",source="crm://a"} 1.0' in metrics


@pytest.mark.parametrize("address", ["tel:101", "tel:anonymous", "tel:", "mailto:anna", "mailto:"])
async def test_what_is_no_number(address):
    """It is refused with its place and what to send, and the rest of the batch waits."""
    setup = Setup(identities=await resolver(InMemoryClaimsLog()))
    answer = await setup.post([by("cl-1", id="1"), by(address, id="2")], content_type=BATCH)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["index"], error["reason"], error["field"]) == (1, "invalid_data", "data.client_id")
    assert "anonymous:<call_id>" in error["detail"]
    assert setup.publisher.sent == []


async def test_problems_stay_in_order():
    """Problems of all kinds are told in the order of the batch; `partial` sends the rest."""
    setup = Setup(identities=await resolver(InMemoryClaimsLog()))
    batch = [by("tel:1", id="1"), by("", id="2"), by("tel:2", id="3"), by("cl-4", id="4")]
    answer = await setup.post(batch, "?partial=true", content_type=BATCH)
    assert answer.status_code == 207
    assert [one["status"] for one in answer.json()["results"]] == [400, 400, 400, 202]
    assert clients(setup) == ["cl-4"]


async def test_without_a_key():
    """A number is no client id: without the secret it is refused, and says which setting it takes."""
    setup = Setup()
    answer = await setup.post(by("tel:+79211234567"))
    assert answer.status_code == 400
    assert "SALES_IDENTITY_KEY" in answer.json()["errors"][0]["detail"]
    assert (await setup.post(by("cl-1"))).status_code == 202


async def test_a_cost_has_no_client():
    """What a cost is called is nobody's number."""
    setup = Setup(identities=await resolver(InMemoryClaimsLog()))
    data = {"cost_id": "tel:2026-11", "amount": "10", "currency": "RUB", "category": "telephony"}
    assert (await setup.post(event(type="sales.cost.booked.v1", data=data))).status_code == 202


async def test_a_dry_run_claims_nothing():
    """It judges, and neither claims nor sends."""
    log = InMemoryClaimsLog()
    setup = Setup(identities=await resolver(log))
    before = len(log.entries)
    assert (await setup.post(by("tel:+79211234567"), "?dry_run=true")).status_code == 200
    assert (await setup.post(by("tel:1"), "?dry_run=true")).status_code == 400
    assert len(log.entries) == before


async def test_kafka_away():
    """Where a claim cannot be made nothing is sent, and sending it again makes it."""

    class AwayClaimsLog(InMemoryClaimsLog):
        away = False

        async def write(self, entries):
            if self.away:
                raise KafkaUnavailable("away")
            await super().write(entries)

    log = AwayClaimsLog()
    setup = Setup(identities=await resolver(log))
    log.away = True
    assert (await setup.post(by("tel:+79211234567"))).status_code == 503
    assert setup.publisher.sent == []
    log.away = False
    assert (await setup.post(by("tel:+79211234567"))).status_code == 202
    assert (await resolver(log)).client(phone="+79211234567").known
