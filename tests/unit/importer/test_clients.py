"""Clients in tables: lists of them in all the forms that tables have, and fields that are resolved by a number."""

import json
from collections import Counter
from functools import partial

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli import build
from producers.identities import InMemoryClaimsLog, Member, Resolver, hashed_name
from producers.importer.client_list import ListImport, client_list
from producers.importer.errors import ImportProblem, MappingProblem
from producers.importer.formats import singly
from producers.importer.judged import judged
from producers.importer.mapping import MappingFile, When
from producers.importer.rows import RowMapper
from producers.importer.source import SourceFile
from producers.importer.state import State
from producers.importer.tables import MappedTable

KEY = b"a secret of the house"
PLAIN = MappingFile.model_validate({
    "source": "clients", "events": [{"type": {"constant": ""}, "time": {"constant": ""}, "data": {}}],
})  # fmt: skip
LISTS = {
    "commas": "client_id,phone,email\ncrm-1,+7 921 000-00-01,anna@example.com\ncrm-2,89210000002,\n",
    "semicolons, title, several": (
        "Clients of the house\nName;Client_ID;Phone work;phone2\n"
        "Anna;crm-1;8(921)000-00-01, +79210000009;\nBoris;crm-2;;9210000002\n"
    ),
    "tabs in UTF-16": "client_id\tPHONE\ncrm-1\t+79210000001\ncrm-2\t+79210000002\n",
}


async def resolver(log=None):
    made = Resolver(log or InMemoryClaimsLog(), KEY, "RU")
    await made.start()
    return made


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "clients.csv"
    path.write_bytes(text.encode(encoding))
    return SourceFile(str(path))


@pytest.mark.parametrize("name", LISTS)
async def test_client_lists(tmp_path, name):
    """A list is known by its header, however it is written, and its numbers are its clients from then on."""
    source = written(tmp_path, LISTS[name], "utf-16" if "UTF-16" in name else "utf-8")
    table, way = client_list(source, PLAIN), await resolver()
    job = ListImport(table, way, None)
    for _ in range(2):
        await job.run(source, lambda _: None)
    assert (job.report.taken, job.report.refused, job.report.renamed) == (4, [], 0)
    assert way.client(phone="+79210000001") == ("crm-1", True)
    assert way.client(phone="+79210000002") == ("crm-2", True)


async def test_every_row_of_a_list(tmp_path):
    """Each row is taken, left out or refused, and says why."""
    text = "client_id,phone\ncrm-1,+79210000001\ncrm-2,\n,+79210000003\ncrm-4,101\ncrm-5,anonymous\n"
    source = written(tmp_path, text)
    job = ListImport(client_list(source, PLAIN), await resolver(), None)
    await job.run(source, lambda _: None)
    report = job.report
    assert (report.taken, report.left_out) == (1, Counter({"it has neither a phone nor an email": 1}))
    assert [number for number, _ in report.refused] == [4, 5, 6]
    assert "client_id" in report.refused[0][1].detail
    assert "'101' is neither a phone number nor an address" in report.refused[1][1].detail


@pytest.mark.parametrize("text", ["ID;Client;Owner\n1;2;3\n", "client_id;name\n1;2\n", "phone\n1\n"])
def test_other_tables_are_no_lists(tmp_path, text):
    """Without the columns that a list has, a table needs a mapping."""
    assert client_list(written(tmp_path, text), PLAIN) is None


def mapper(client):
    data = {"meeting_id": "Id", "manager_id": {"constant": "m-1"}, "client_id": client}
    rule = {"type": {"constant": "sales.meeting.held.v1"}, "time": "Day", "data": data}
    return RowMapper(MappingFile.model_validate({"source": "crm://x", "events": [rule]}))


async def clients(tmp_path, spec, text, way):
    path = tmp_path / "meetings.csv"
    path.write_text("Id,Client,Phone,Mail,Day\n" + text)
    how = mapper(spec)
    how.resolver = way
    records = singly(MappedTable(how).records(SourceFile(str(path)), State()))
    return [json.loads(value)["data"].get("client_id") for record in records for value in record.values]


async def test_resolved_by_number(tmp_path):
    """A row's client is whoever claimed its number or address; else its own id, which is the claim from then on."""
    log = InMemoryClaimsLog()
    telephone = await resolver(log)
    caller = telephone.client(phone="+79210000001").client
    await telephone.settle()
    way = await resolver(log)
    spec = {"column": "Client", "prefix": "crm-", "phone": "Phone", "email": "Mail"}
    text = (
        "a,1,8 921 000 00 01,,2026-11-01T10:00:00Z\nb,2,,b@example.com,2026-11-01T10:00:00Z\n"
        "c,3,,B@Example.com,2026-11-01T10:00:00Z\nd,4,101,,2026-11-01T10:00:00Z\n"
    )
    assert await clients(tmp_path, spec, text, way) == [caller, "crm-2", "crm-2", "crm-4"]
    await way.settle()
    await telephone.follow()
    assert telephone.client(email="b@example.com") == ("crm-2", True)
    bare = await clients(tmp_path, {"phone": "Phone"}, "e,,+79210000001,,2026-11-01T10:00:00Z\n", way)
    assert bare == [caller]


@pytest.mark.parametrize("own", ["+7 921 000-00-01", "+79210000001"])
@pytest.mark.parametrize("more", [{"phone": "Phone"}, {"email": "Mail"}, {"phone": "Phone", "prefix": "crm-"}])
async def test_a_number_as_an_id(tmp_path, own, more):
    """Whose own id is a phone number is known by its hash, as the caller is: no number gets into the log."""
    log = InMemoryClaimsLog()
    way = await resolver(log)
    caller = way.client(phone="8 921 000 00 01").client
    rows = f"a,{own},,,{DAY}\nb,b@Example.com,,,{DAY}\nc,,,b@example.com,{DAY}\n"
    found = await clients(tmp_path, {"column": "Client"} | more, rows, way)
    assert found[:2] == [caller, way.client(email="b@example.com").client]
    await way.settle()
    assert "7921" not in repr(log.entries)


async def test_resolved_by_list(tmp_path):
    """An id of an imported list is the client that its number belonged to before."""
    way = await resolver()
    caller = way.client(phone="+79210000001").client
    await way.unite([[Member("crm-1", way.hashes(["+79210000001"]))]])
    spec = {"column": "Client", "prefix": "crm-", "listed": True}
    rows = "a,1,,,2026-11-01T10:00:00Z\nb,2,,,2026-11-01T10:00:00Z\n"
    assert await clients(tmp_path, spec, rows, way) == [caller, "crm-2"]


def test_only_clients_are_resolved():
    """Another field by a phone number is a slip in the mapping."""
    with pytest.raises(MappingProblem, match=r"manager_id: phone, email and listed are for client_id"):
        RowMapper(MappingFile.model_validate({
            "source": "crm://x",
            "events": [{
                "type": {"constant": "sales.meeting.held.v1"}, "time": "Day",
                "data": {"meeting_id": "Id", "manager_id": {"phone": "Phone"}, "client_id": "Client"},
            }],
        }))  # fmt: skip


def test_without_a_key(tmp_path, monkeypatch):
    """Without the secret the command says what to set, and shows no traceback."""
    monkeypatch.delenv("SALES_IDENTITY_KEY", raising=False)
    written(tmp_path, LISTS["commas"])
    result = CliRunner().invoke(build(["import"]), ["import", str(tmp_path / "clients.csv")])
    assert "SALES_IDENTITY_KEY" in str(result.exception)


def hiding(spec, **rule):
    """A mapping that hides names, with the key that the command gives it."""
    how = mapper(spec)
    how = RowMapper(how.file.model_copy(update={"events": (how.file.events[0].model_copy(update=rule),)}))
    how.hashed = partial(hashed_name, key=KEY)
    return how


DAY = "2026-09-01T10:00:00Z"
NAMED = f"Id,Client,Phone,Mail,Day\n1,Ivan  Petrov,,,{DAY}\n2,IVAN PETROV ,,,{DAY}\n3,,,,{DAY}\n"


@pytest.mark.parametrize(("spec", "apart"), [
    ({"column": "Client"}, False), ({"join": ["Client", "Mail"]}, False), ({"column": ["Mail", "Client"]}, False),
    ({"column": "Client"}, True),
])  # fmt: skip
async def test_names_are_hidden(tmp_path, spec, apart):
    """A name is its hash, by all ways through a table, however it is written; an empty cell is nobody."""
    source = written(tmp_path, NAMED)
    format_ = MappedTable(hiding(spec | {"hash": True, "prefix": "n-"}))
    async with judged(source, format_, State(), 100, lambda: 1_790_000_000_000, apart=apart) as batches:
        (batch,) = [batch async for batch in batches]
    hidden = hashed_name("ivan petrov", KEY)
    assert [msgspec.json.decode(value)["data"]["client_id"] for value in batch.ready.values] == [f"n-{hidden}"] * 2
    assert [number for number, *_ in batch.refused] == [4]
    told = repr((batch.ready, batch.report, [why for *_, why in batch.refused])).casefold()
    assert len(hidden) == 32
    assert "petrov" not in told


async def test_hidden_names_and_numbers(tmp_path):
    """Who has a number is known by it; who has none by the hidden name; no claim has a name in it."""
    log = InMemoryClaimsLog()
    how = hiding({"column": "Client", "hash": True, "phone": "Phone"})
    way = how.resolver = await resolver(log)
    source = written(tmp_path, NAMED.replace("1,Ivan  Petrov,", "1,Ivan  Petrov,+79210000001"))
    records = singly(MappedTable(how).records(source, State()))
    found = [json.loads(value)["data"].get("client_id") for record in records for value in record.values]
    assert found == [hashed_name("ivan petrov", KEY)] * 2 + [None]
    await way.settle()
    assert hashed_name("ivan petrov", KEY) in {client for _, client, _ in log.entries}
    assert "petrov" not in repr(log.entries).casefold()


def test_hidden_columns_are_told_of_by_no_reason(tmp_path):
    """A condition on a column of names does not print them."""
    when = (When.model_validate({"column": "Client", "is": "x"}), When.model_validate({"column": "Mail", "is": "y"}))
    how = hiding({"column": "Client", "hash": True}, when=when)
    (first, *_) = singly(MappedTable(how).records(written(tmp_path, NAMED), State()))
    assert first.left_out == "no rule's `when` holds: Client is filled, Mail is ''"


def test_what_hides_names_needs_the_key(tmp_path):
    """Without the key nothing is imported in clear."""
    how = mapper({"column": "Client", "hash": True})
    with pytest.raises(ImportProblem, match="SALES_IDENTITY_KEY"):
        list(MappedTable(how).records(written(tmp_path, NAMED), State()))


@pytest.mark.parametrize(("spec", "said"), [
    ({"constant": "x", "hash": True}, "hash is for a column or join"),
    ({"column": "a", "values": {"a": "b"}, "hash": True}, "without values, width and listed"),
    ({"column": "a", "listed": True, "hash": True}, "without values, width and listed"),
    ({"phone": "a", "hash": True}, "hash is for a column or join"),
])  # fmt: skip
def test_what_cannot_be_hidden(spec, said):
    """What would be hidden in part, or not at all, is not a mapping."""
    with pytest.raises(ValueError, match=said):
        mapper(spec)


@pytest.mark.parametrize("field", ["status", "amount", "created_at"])
def test_only_ids_are_hidden(field):
    """A hash of an amount, a time or a state would be none."""
    data = {"deal_id": "Id", "client_id": "Client"} | {field: {"column": "Client", "hash": True}}
    rule = {"type": {"constant": "sales.deal.changed.v1"}, "time": "Day", "data": data}
    with pytest.raises(MappingProblem, match=f"{field}: hash is for the ids in data"):
        RowMapper(MappingFile.model_validate({"source": "crm://x", "events": [rule]}))
