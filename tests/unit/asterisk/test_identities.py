"""A caller is the client that another way in knows by the number; a claim that came too late gives way."""

import asyncio
import json

import pytest

from producers.connectors.asterisk.config import AsteriskNames, Config
from producers.connectors.asterisk.queue_log import QueueLog
from producers.identities import InMemoryClaimsLog, Resolver
from producers.importer.check import check
from producers.importer.run import settled
from producers.importer.source import SourceFile
from producers.importer.state import State

KEY = b"a secret of this test"
CALLS = "1790000000|1790000000.{0}|sales|NONE|ENTERQUEUE||{1}|1\n"


@pytest.fixture
def read(tmp_path):
    """Reads a queue log with identities; gives events as they are published."""

    def run(log, *numbers, meanwhile=lambda: None):
        resolver = Resolver(log, KEY, "RU")
        asyncio.run(resolver.start())
        names = AsteriskNames(Config.model_validate({"source": "pbx://spb"}), resolver=resolver)
        path = tmp_path / "queue_log"
        path.write_text("".join(CALLS.format(place, number) for place, number in enumerate(numbers)))
        made = [value for record in QueueLog(names).records(SourceFile(str(path)), State()) for value in record.values]
        events = [(checked.key, checked.value) for checked in (check(value, 1_900_000_000_000) for value in made)]
        meanwhile()
        return [(key.decode(), json.loads(value)) for key, value in asyncio.run(settled(events, resolver))]

    return run


def claimed(log, number, own):
    other = Resolver(log, KEY, "RU", lambda: 1)
    asyncio.run(other.start())
    other.client(phone=number, own=own)
    asyncio.run(other.settle())


def test_the_client_of_the_crm(read):
    """However a number is written, it is the contact that claimed it; a withheld one is this call's alone."""
    log = InMemoryClaimsLog()
    claimed(log, "+7 921 555-01-02", "bitrix24:contact:7")
    found = read(log, "89215550102", "79215550102", "anonymous")
    assert [key for key, _ in found] == ["bitrix24:contact:7", "bitrix24:contact:7", "anonymous:1790000000.2"]
    assert all(event["data"]["client_id"] == key for key, event in found)


def test_a_claim_that_came_too_late(read):
    """Two ways in claim a number at once: events go out under the claim that stands."""
    log = InMemoryClaimsLog()
    number = "+7 921 555-01-02"
    found = read(log, number, "79000000001", meanwhile=lambda: claimed(log, number, "bitrix24:contact:7"))
    assert found[0][0] == found[0][1]["data"]["client_id"] == "bitrix24:contact:7"
    assert found[1][0] == found[1][1]["data"]["client_id"] != "bitrix24:contact:7"


def test_a_reader_that_ended_is_not_another_one():
    """What one reader of the log in memory had read says nothing of the next, even where that one has its address."""
    log = InMemoryClaimsLog()
    for _ in range(20):
        claimed(log, "+7 921 555-01-02", "bitrix24:contact:7")
        resolver = Resolver(log, KEY, "RU")
        asyncio.run(resolver.start())
        assert resolver.client(phone="89215550102") == ("bitrix24:contact:7", True)
