"""A sender sees for itself, with the real worker, gateway, Kafka and Redis: also what it sent past the gateway."""

import json
import time
from contextlib import AsyncExitStack

import httpx
import pytest

from producers.partitioner import partition_for
from producers.senders import COUNTED, DAY, MOST_REFUSALS, QUARTER, REFUSED, Notes, SenderRefusal, SharedAway
from streams.view.senders import RedisNotes
from tests.integration.producers.test_gateway_process import running
from tests.integration.worker.test_forwarding import send
from tests.support.workers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
COUNT = 3


def event(number, **changes):
    base = {
        "specversion": "1.0", "id": f"e-{number}", "source": "crm://a", "type": "sales.meeting.held.v1",
        "time": "2026-01-05T10:00:00Z", "data": {"meeting_id": f"m-{number}", "client_id": "c-1", "manager_id": "m-1"},
    }  # fmt: skip
    return base | changes


async def test_a_sender_sees_all_that_became_of_its_events(house, tmp_path):
    """Counted, forwarded with the remedy, refused by gateway and worker, waiting; a restart of the gateway keeps it."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    wrong = (partition_for(b"c-1", COUNT) + 1) % COUNT
    records = [(None, json.dumps(event(number)).encode(), wrong, []) for number in range(5)]
    records += [(b"x", json.dumps(event(number, data={"meeting_id": "x"})).encode(), 0, []) for number in (6, 7)]
    records += [(b"x", json.dumps(event(8, source="pbx://b", type="sales.x.v1")).encode(), 0, []), (b"x", b"{", 0, [])]
    await send(house, records)
    environment = {
        "SALES_KAFKA_SERVERS": house.kafka_servers,
        "SALES_TOPIC_PREFIX": house.prefix,
        "SALES_REDIS_URL": house.redis_url,
        "SALES_APP_ID": house.app_id,
        "SALES_GATEWAY_TOKENS": "crm://a=token-one,pbx://b=token-two",
    }
    found = {}

    async def sees(port, token):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.get("/v1/sources", headers={"authorization": f"Bearer {token}"})
            assert (await client.get("/sources", auth=("me", token))).status_code == 200
        found.clear()
        found.update(answer.json())
        return found

    async def seen(port, wanted):
        for _ in range(100):
            said = await sees(port, "token-one")
            if {name: said[name] for name in wanted} == wanted:
                return
            time.sleep(0.3)  # noqa: ASYNC251 - nothing else runs here
        assert {name: found[name] for name in wanted} == wanted

    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(running(environment, tmp_path / "gateway.log"))
        login = {"authorization": "Bearer token-one", "content-type": "application/cloudevents+json"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            good = await client.post("/v1/events", content=json.dumps(event(9)), headers=login)
            bad = await client.post("/v1/events", content=json.dumps(event(10, data={"meetingId": "x"})), headers=login)
        assert (good.status_code, bad.status_code) == (202, 400)
        wanted = {
            "counted": 6, "taken": 1, "refused": {"invalid_data": 3}, "unknown_fields": {"data.meetingId": 1},
        }  # fmt: skip
        await seen(port, wanted)
        assert found["forwarded"]["no_key"]["events"] == 5
        assert "client_id" in found["forwarded"]["no_key"]["remedy"]
        assert [one["way"] for one in found["refusals"]] == ["http", "kafka"]
        assert [*found["last"]] == ["sales.meeting.held.v1"]
    async with running(environment, tmp_path / "again.log") as port:
        await seen(port, wanted)
        assert found["dead_letters"]["invalid_data"]["events"] == 2
        other = await sees(port, "token-two")
        assert (other["refused"], other["counted"]) == ({"unknown_type": 1}, 0)
    refused = {
        dict(labels)["source"]: value
        for (name, labels), value in worker.metrics().items()
        if name == "sales_worker_refused_total"
    }
    assert refused == {"crm://a": 2, "pbx://b": 1, "": 1}


async def test_notes_of_several_add_up_in_redis(redis_url, app_id):
    """Counts add up, the last of a type and of a refusal stay, a hundred refusals, no source but those noted."""
    one, two = RedisNotes(redis_url, app_id), RedisNotes(redis_url, app_id)
    now = time.time()
    together = Notes()
    sources = ["crm://a", 'x://"\x1f,;{}', ""]
    for number, shared in enumerate((one, two, one)):
        notes = Notes()
        for source in sources:
            notes.count(source, COUNTED, "", number + 1, now - number * QUARTER)
            notes.count(source, REFUSED, "not_json", 1, now)
            notes.seen(source, "sales.call.ended.v1", now + number)
            for at in range(80):
                notes.refuse(source, SenderRefusal("http", "not_json", "", f"{number} {at}"), now + 100 * number + at)
        await shared.write(notes)
        together.add(notes)
    known = (await two.read(now)).notes
    assert (known.counts, known.last) == (together.counts, together.last)
    for source in sources:
        assert list(known.refusals[source].items()) == list(together.refusals[source].items())
        assert len(known.refusals[source]) == MOST_REFUSALS
    assert (await one.read(now)).letters is None
    await one.write_letters({("not_json", "crm://a"): 3, ("too_large", ""): 0})
    assert (await two.read(now)).letters == {("crm://a", "not_json"): 3, ("", "too_large"): 0}
    later = (await two.read(now + DAY + 3 * QUARTER)).notes
    assert not later.counts
    for shared in (one, two):
        await shared.close()


async def test_redis_is_away():
    """One error that says so, whatever is asked."""
    away = RedisNotes("redis://127.0.0.1:1/0", "x")
    notes = Notes()
    notes.count("a", COUNTED, "", 1, time.time())
    for asked in (away.read(time.time()), away.write(notes), away.write_letters({})):
        with pytest.raises(SharedAway, match="Redis"):
            await asked
    await away.close()
