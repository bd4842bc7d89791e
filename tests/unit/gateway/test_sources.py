"""A sender sees for itself: what became of its events, and of nobody else's."""

import json
import time
from html import escape

import pytest

from metrics.catalogue import SERVICE_FAMILIES
from producers.events.rules import REASONS
from producers.gateway.sources import remedies
from producers.gateway.sources.board import report
from producers.gateway.sources.page import render
from producers.gateway.sources.words import RUSSIAN
from producers.senders import (
    COUNTED,
    DAY,
    FORWARDED,
    LETTERED,
    MOST_REFUSALS,
    QUARTER,
    KnownSenders,
    Notes,
    SenderNames,
    SenderRefusal,
    SharedAway,
)
from tests.support.gateway import BATCH, NOW, SECRET, Setup, event, sign
from tests.unit.gateway.test_asking import BAD, MANAGER, TOKEN, TOKENS, basic


class Shared:
    """Notes of others, in memory."""

    def __init__(self):
        self.notes, self.letters, self.away = Notes(), None, False

    async def write(self, notes):
        if self.away:
            raise SharedAway("Redis is away")
        self.notes.add(notes)

    async def read(self, _now):
        if self.away:
            raise SharedAway("Redis is away")
        found = Notes()
        found.add(self.notes)
        return KnownSenders(found, self.letters)


async def test_what_became_of_my_events():
    """Taken, refused by reason, the last of each type, unknown fields, and why the refused ones were."""
    setup = Setup(gateway_tokens=TOKENS)
    await setup.post([event(), event(id="2")], content_type=BATCH, **TOKEN)
    await setup.post([event(id="3"), BAD, MANAGER], content_type=BATCH, **TOKEN)
    await setup.post(b"x", content_type="text/plain", **TOKEN)
    said = (await setup.client.get("/v1/sources", headers=TOKEN)).json()
    assert (said["source"], said["taken"]) == ("crm://a", 2)
    assert said["refused"] == {"415": 1, "forbidden": 1, "invalid_data": 1}
    assert said["last"] == {"sales.meeting.held.v1": "2026-11-23T12:00:00Z"}
    assert said["unknown_fields"] == {"data.meetingId": 1}
    assert [(one["reason"], one["field"]) for one in said["refusals"]] == [
        ("415", ""), ("forbidden", "type"), ("invalid_data", "data.meeting_id"),
    ]  # fmt: skip
    assert "meeting_id: is missing; send it" in said["refusals"][2]["detail"]
    assert said["by_hour"][-1] == {"from": "2026-11-23T12:00:00Z", "events": 2}
    assert (said["dead_letters"], said["since"]) == (None, "2026-11-22T12:00:00Z")


NAMED = [f"/v1/sources{by}{name}" for by in ("?source=", "/") for name in ("crm://a", "crm%3A%2F%2Fa")]


@pytest.mark.parametrize("path", NAMED)
async def test_nobody_sees_anothers(path):
    """A token shows its own source, by any way of naming it, and 403 for others, whether there are such or not."""
    setup = Setup(gateway_tokens=TOKENS)
    await setup.post(event(), **TOKEN)
    assert (await setup.client.get(path, headers=TOKEN)).json()["taken"] == 1
    for headers, status in (
        ({"authorization": "Bearer token-two"}, 403), ({}, 401), ({"authorization": "Bearer x"}, 401),
        (basic("token-one"), 200), (basic("token-two"), 403), (basic("x"), 401), ({"authorization": "Basic ???"}, 401),
    ):  # fmt: skip
        answer = await setup.client.get(path, headers=headers)
        assert answer.status_code == status
        assert status == 200 or "taken" not in answer.text
    assert (await setup.client.get("/v1/sources?source=crm://none", headers=TOKEN)).status_code == 403


async def test_who_signs_may_look():
    """A source that has a secret and no token signs an empty body."""
    setup = Setup(gateway_secrets=f"crm://a={SECRET}")
    stamp = int(time.time())
    headers = {"webhook-id": "1", "webhook-timestamp": str(stamp), "webhook-signature": sign(SECRET, "1", stamp, b"")}
    assert (await setup.client.get("/v1/sources", headers=headers)).json()["source"] == "crm://a"
    other = headers | {"webhook-signature": sign(SECRET, "1", stamp, b"x")}
    assert (await setup.client.get("/v1/sources", headers=other)).status_code == 401


async def test_without_tokens_this_machine_sees_all():
    """Under its own names only: a page of somebody else's that leads its name here (DNS rebinding) sees nothing."""
    setup = Setup()
    many = [event(), event(id="2", source="pbx://b"), BAD | {"source": "x://bad"}, 5]
    await setup.post(many, "?partial=1", content_type=BATCH)
    for name in ("127.0.0.1", "localhost:8080", "[::1]:8080"):
        said = (await setup.client.get("/v1/sources", headers={"host": name})).json()["sources"]
        taken = {one["source"]: one["taken"] for one in said}
        assert taken == {"": 0, "crm://a": 1, "pbx://b": 1, "x://bad": 0}
    for path in ("/v1/sources", "/sources"):
        assert (await setup.client.get(path, headers={"host": "evil.example"})).status_code == 403
        assert (await Setup(host="192.0.2.7").client.get(path)).status_code == 401


async def test_the_page():
    """It asks for a login, shows what the JSON has with the remedies, and runs nothing that a sender wrote."""
    shared = Shared()
    setup = Setup(shared=shared, gateway_tokens=TOKENS)
    assert (await setup.client.get("/sources")).headers["www-authenticate"].startswith("Basic")
    await setup.post(event(data={"<script>alert(1)</script>": 1, "meeting_id": "<b>"}), **TOKEN)
    shared.notes.count("crm://a", FORWARDED, "no_key", 7, NOW)
    shared.notes.refuse("crm://a", SenderRefusal("kafka", "invalid_data", "", "<img src=x>"), NOW)
    shared.letters = {("crm://a", "unknown_type"): 3, ("pbx://b", "not_json"): 9}
    answer = await setup.client.get("/sources", headers=basic("token-one"))
    page = answer.text
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    ways = remedies.FORWARDED["no_key"], remedies.LETTERS["unknown_type"]
    for told in (*ways, "crm://a", "refused events", "is missing; send it"):
        assert escape(told) in page
    assert "&lt;img src=x&gt;" in page
    assert not any(bad in page for bad in ("<script", "<img", "<b>", "pbx://b"))


def test_every_reason_has_a_remedy():
    """What workers forward and refuse: the page tells how it is mended."""
    from streams.state.forwarding import REASONS as FORWARDS

    assert set(remedies.FORWARDED) == set(FORWARDS)
    assert set(remedies.LETTERS) == set(REASONS)


async def test_the_page_in_russian():
    """The browser's language, or what the link says; all words of ours are in it, and numbers are written its way."""
    setup = Setup(shared=(shared := Shared()), gateway_tokens=TOKENS)
    await setup.post(event(data={"meetingId": 1, "meeting_id": "m-1"}), **TOKEN)
    await setup.post([event()], content_type=BATCH, **TOKEN)
    shared.notes.count("crm://a", COUNTED, "", 30_000, NOW)
    for reason in remedies.FORWARDED:
        shared.notes.count("crm://a", FORWARDED, reason, 1, NOW)
    shared.letters = {("crm://a", reason): 1000 for reason in remedies.LETTERS}
    russian = {"accept-language": "ru-RU,ru;q=0.9,en;q=0.5", **basic("token-one")}

    async def look(query="", **headers):
        return (await setup.client.get(f"/sources{query}", headers=russian | headers)).text

    page = await look()
    assert '<html lang="ru">' in page
    assert ">9\N{NO-BREAK SPACE}000<" in page  # each of nine reasons
    shown = [escape(words) for words in RUSSIAN if len(words) > len("records") and f">{escape(words)}<" in page]
    assert shown == []
    told = sum(f">{escape(words)}" in page for words in RUSSIAN.values())
    assert told >= len(remedies.FORWARDED) + len(remedies.LETTERS) + 20
    assert page == await look("?lang=ru", **{"accept-language": "en"})
    english = await look("?lang=en")
    assert '<html lang="en">' in english
    assert ">9,000<" in english
    assert english == await look(**{"accept-language": "en-GB,ru"})
    shared.away = True
    assert "недавно: Redis is away" in await look()
    alone = (await Setup(gateway_tokens=TOKENS).client.get("/sources", headers=russian)).text
    assert "с тех пор, как запущен" in alone
    nobody = report("", Notes(), NOW)
    assert "(источник прочитать не удалось)" in render([nobody], "ru")
    assert "Событий нет" in render([nobody], "ru")
    assert "ничего не приходило" in render([], "ru")


async def test_notes_of_others_are_added_and_its_own_shared():
    """Workers' counts, other gateways' refusals; while they are away its own are kept, and said to be all."""
    shared = Shared()
    setup = Setup(shared=shared, gateway_tokens=TOKENS)
    shared.notes.count("crm://a", COUNTED, "", 10, NOW)
    shared.notes.count("crm://a", LETTERED, "not_json", 1, NOW)
    await setup.post(BAD, **TOKEN)

    async def look():
        return (await setup.client.get("/v1/sources", headers=TOKEN)).json()

    said = await look()
    assert (said["counted"], said["refused"]) == (10, {"invalid_data": 1, "not_json": 1})
    assert said["per_minute"] == round(10 / (QUARTER / 60), 2)
    shared.away = True
    said = await look()
    assert (said["counted"], said["refused"], said["dead_letters"]) == (0, {"invalid_data": 1}, None)
    assert "Redis is away" in said["missing"]


def test_notes_are_bounded_and_end_after_a_day():
    """A hundred different refusals of a source, the latest; two hundred sources; a day."""
    notes = Notes()
    for n in range(3 * MOST_REFUSALS):
        notes.refuse("a", SenderRefusal("http", "r", "", str(n)), NOW + n)
        notes.refuse("a", SenderRefusal("http", "r", "", "again"), NOW + n)
    kept = [refusal.detail for refusal in notes.refusals["a"]]
    assert len(kept) == MOST_REFUSALS
    assert kept[-2:] == [str(3 * MOST_REFUSALS - 1), "again"]
    notes.count("a", COUNTED, "", 1, NOW)
    notes.forget(NOW + DAY + 1000)
    assert not notes.refusals
    notes.forget(NOW + DAY + 3 * QUARTER)
    assert not notes.counts
    names = SenderNames(most=3)
    assert [names(str(n)) for n in range(5)] + [names("1")] == ["0", "1", "2", "other", "other", "1"]


async def test_the_last_refusals_survive_a_flood():
    """Who sends the same bad event all day still sees what else was wrong."""
    setup = Setup()
    await setup.post(event(type="sales.other.v1"))
    for _ in range(300):
        await setup.post(BAD)
    (said,) = (await setup.client.get("/v1/sources")).json()["sources"]
    assert [one["reason"] for one in said["refusals"]] == ["invalid_data", "unknown_type"]
    assert said["refused"] == {"invalid_data": 300, "unknown_type": 1}
    assert "client_id" not in json.dumps(said["refusals"])


async def test_what_cannot_be_resolved_is_not_taken():
    """A number as client, where the gateway has no key: it is among the refused, and only the rest is counted."""
    setup = Setup(gateway_tokens=TOKENS)
    number = event(id="2", data=event()["data"] | {"client_id": "tel:+74951234567"})
    answer = await setup.post([event(), number], "?partial=true", content_type=BATCH, **TOKEN)
    assert (answer.status_code, answer.json()["accepted"]) == (207, 1)
    said = (await setup.client.get("/v1/sources", headers=TOKEN)).json()
    assert (said["taken"], said["refused"]) == (1, {"invalid_data": 1})


def test_every_series_is_in_the_catalogue():
    """Name, labels and kind: what dashboards and alerts are made of is what a gateway exposes."""
    exposed = {}
    for collector in {*Setup().app.state.gateway.series.registry._collector_to_names}:
        (metric,) = collector.describe() if hasattr(collector, "describe") else collector.collect()
        labels = getattr(collector, "_labelnames", ())
        exposed[metric.name + "_total" * (metric.type == "counter")] = (labels, metric.type == "counter")
    declared = {
        family.name: (family.labels, family.counter)
        for family in SERVICE_FAMILIES
        if family.name.startswith("sales_gateway_")
    }
    assert declared == exposed
