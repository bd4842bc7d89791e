"""What the portal tells and nobody can use is a dead letter with its JSON, open until the entity can be used again."""

import json
from types import SimpleNamespace

import pytest

from producers.letters import DETAIL, MARK, REASON, SENDER
from producers.settings import KafkaSettings
from streams.letters.index import Filter, LetterIndex
from streams.letters.judging import LetterJudge, ReferenceVersions
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_portal import StandIn, serve_portal
from tests.unit.bitrix24.support import PortalPublisher, connected


@pytest.fixture
async def story(tmp_path):
    portal, publisher = StandIn(Life(4), burst=1e9), PortalPublisher()
    async with serve_portal(portal), connected(portal, tmp_path, publisher) as (connector, _):
        yield SimpleNamespace(life=portal.life, connector=connector, publisher=publisher)


def index(letters):
    """The letters as workers read their topic."""
    found = LetterIndex()
    records = [
        SimpleNamespace(offset=offset, timestamp=1, timestamp_type=1, key=key, value=value, headers=headers)
        for offset, (key, value, headers) in enumerate(letters)
    ]
    found.take(0, records, len(records))
    return found


def opened(letters):
    return list(index(letters).in_log_order(Filter()))


async def test_open_until_it_can_be_used(story):
    """One letter however often it is looked at, another when it says something else, none once it is right."""
    story.life.new_deal()
    story.life.new_deal()
    deal = story.life.tables["deal"][1]
    deal["opportunity"] = -5
    for _ in range(3):
        await story.connector.reconciler.run(whole=True)
    ((key, value, headers),) = story.publisher.letters
    assert key == b"deal 1"
    assert json.loads(value)["opportunity"] == -5
    said = {name: text.decode() for name, text in headers}
    assert said[REASON] == "invalid_data"
    assert said[DETAIL].startswith("deal 1: data.amount is not an amount")
    assert said[SENDER] == story.connector.identity.source
    (letter,) = opened(story.publisher.letters)
    assert (letter.sender, letter.reason, letter.closed) == (story.connector.identity.source, "invalid_data", "")

    deal["opportunity"] = -6
    await story.connector.reconciler.run(whole=True)
    (letter,) = opened(story.publisher.letters)
    assert json.loads(letter.value)["opportunity"] == -6

    deal["opportunity"] = 6
    await story.connector.reconciler.run(whole=True)
    assert opened(story.publisher.letters) == []
    assert dict(story.publisher.letters[-1][2])[MARK] == b"replayed"
    assert [event.data.amount for event in story.publisher.events][-1] == "6"
    count = len(story.publisher.letters)
    await story.connector.reconciler.run(whole=True)
    assert len(story.publisher.letters) == count


async def test_what_cannot_be_read_at_all(story):
    """Rows without what is needed, of every kind; how to reach somebody stays out of letters."""
    story.life.users.append({
        "ID": "9" * 200, "ACTIVE": True, "NAME": "B", "UF_DEPARTMENT": [1], "PERSONAL_MOBILE": "+79001112233",
        "WORK_PHONE": "+79001112233", "EMAIL": "a@b.example", "USER_TYPE": "employee",
    })  # fmt: skip
    story.life.new_lead()
    del story.life.tables["lead"][1]["stageId"]
    await story.connector.reconciler.run(whole=True)
    names = {key for key, _, _ in story.publisher.letters}
    assert names == {b"manager " + b"9" * 200, b"lead 1"}
    assert b"9001112233" not in b"".join(value or b"" for _, value, _ in story.publisher.letters)
    assert b"a@b.example" not in b"".join(value or b"" for _, value, _ in story.publisher.letters)


async def test_kafka_away(story):
    """A letter that did not arrive is written the next time; nothing else is held up by it."""
    story.life.new_deal()
    story.life.tables["deal"][1]["opportunity"] = -5
    story.publisher.letters_lost = 1
    await story.connector.reconciler.run(whole=True)
    assert story.publisher.letters == []
    await story.connector.reconciler.run(whole=True)
    assert len(story.publisher.letters) == 1


async def test_replay_leaves_it(story):
    """What a portal said is no event: replaying sends nothing and says why."""
    story.life.new_deal()
    story.life.tables["deal"][1]["opportunity"] = -5
    await story.connector.reconciler.run(whole=True)
    (letter,) = opened(story.publisher.letters)
    judge = LetterJudge(KafkaSettings(_env_file=None), {}, 0, ReferenceVersions())
    assert judge.judge(letter) == "it came from bitrix24, which is not a topic of this installation; fix it there"
