"""The audit of dead letters: every way in which letters and records can disagree is a difference."""

import json
from types import SimpleNamespace

import pytest

from producers.settings import KafkaSettings
from streams.audit.letters import Judged, closed, compare, judge_reference, written
from streams.letters.letter import OFFSET, PARTITION, TOPIC, LetterPlace, make, mark
from streams.letters.recount import CLOSED, known

KAFKA = KafkaSettings()
PLACE = (TOPIC, PARTITION, OFFSET)
TOPICS = [KAFKA.events_topic, KAFKA.reference_topic]


class Topics:
    """Topics in memory; offsets as given, so that there are gaps."""

    def __init__(self, **topics):
        self.topics = {name.replace("__", "-").replace("_", "."): records for name, records in topics.items()}

    async def ends(self, topic):
        return {0: max((one.offset for one in self.topics.get(topic, [])), default=-1) + 1}

    async def read(self, topic, partition, start, end):
        for one in self.topics.get(topic, []):
            if start <= one.offset < end:
                yield [one]


def record(offset, value=b"{", headers=(), key=b"k"):
    return SimpleNamespace(
        offset=offset, key=key, value=value, timestamp=1_780_000_000_000, timestamp_type=1, headers=headers
    )


def lettered(*letters):
    return Topics(sales_dead__letters=[record(n, one.value, one.headers) for n, one in enumerate(letters)])


def letter(topic, offset, reason="not_json", by="a"):
    return make(SimpleNamespace(record=record(offset), reason=reason, detail="d"), topic, 0, by)


def judged(topic, reasons):
    found = Judged()
    for offset, reason in reasons.items():
        found.judge(LetterPlace(topic, 0, offset), reason)
    return found


async def differences(one, *letters):
    return [(d.where, d.shown, d.log) for d in compare(one, await written(lettered(*letters), KAFKA, "a"))]


REASONS = {5: "", 6: "not_json", 7: ""}


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(
    ("offsets", "shown", "at"),
    [
        ([(6, "not_json")], None, 6),
        ([], "", 6),
        ([(6, "not_json"), (6, "not_json")], "not_json 2 times", 6),
        ([(6, "wrong_key")], "wrong_key", 6),
        ([(6, "not_json"), (7, "not_json")], "not_json", 7),
    ],
    ids=["right", "missing", "twice", "other reason", "without a bad record"],
)
async def test_letters_and_records(topic, offsets, shown, at):
    """Exactly one letter with the right reason for each unusable record, and none else."""
    found = await differences(judged(topic, REASONS), *(letter(topic, *one) for one in offsets))
    expected = [(f"dead letter of {topic}/0/{at}", shown, REASONS[at])] if shown is not None else []
    assert found == expected


@pytest.mark.parametrize(("durable", "missing"), [(0, 0), (6, 0), (7, 1), (8, 1)])
async def test_what_is_not_committed_has_no_letter_yet(durable, missing):
    """A letter is written with the offset of its record: before it, one that lacks is no difference."""
    topic = KAFKA.events_topic
    due = judged(topic, REASONS).before({(topic, 0): durable})
    assert len(await differences(due)) == missing
    assert await differences(due, letter(topic, 6)) == []


async def test_what_is_nobodys_business():
    """Letters of another application, of records read later or deleted, and marks: no differences."""
    topic = KAFKA.events_topic
    right = letter(topic, 6)
    others = [letter(topic, 6, by="b"), letter(topic, 4), letter(topic, 8), mark(LetterPlace(topic, 0, 6), "replayed")]
    assert await differences(judged(topic, REASONS), right, *others) == []


async def test_reference_topic_is_judged():
    """Bad records are, tombstones and usable ones are not; beyond what the group has read nothing is said."""
    rate = {
        "specversion": "1.0", "id": "r", "source": "a://b", "type": "sales.rate.set.v1", "time": "2026-01-05T10:00:00Z",
        "data": {"currency": "USD", "date": "2026-01-05", "rate": "90.5"},
    }  # fmt: skip
    good = record(4, json.dumps(rate).encode(), key=b"rate:USD:2026-01-05")
    log = Topics(sales_reference=[record(0), record(2, None), good, record(9), record(12)])
    topic = KAFKA.reference_topic
    found = await judge_reference(log, KAFKA, {(topic, 0): 10}, {})
    assert found.refused == {LetterPlace(topic, 0, 0): "not_json", LetterPlace(topic, 0, 9): "not_json"}
    # The record at 3 may have been compacted away.
    assert await differences(found, letter(topic, 0), letter(topic, 9), letter(topic, 3)) == []
    assert len(await differences(found, letter(topic, 0), letter(topic, 4))) == 2


async def test_what_somebody_closed_is_settled():
    """Replayed or dismissed: the record is as its letter says, whatever the contract takes now; two letters are not."""
    place, other = LetterPlace(KAFKA.events_topic, 0, 5), LetterPlace(KAFKA.events_topic, 0, 7)
    for what in ("replayed", "dismissed", "counted"):
        found = [letter(place.topic, 5), mark(place, what), letter(other.topic, 7, by="b"), mark(other, "replayed")]
        told = await closed(lettered(*found), KAFKA, "a")
        assert told == ({} if what == "counted" else {place: "not_json"})
    judged_ = Judged(closed={place: "not_json"})
    judged_.judge(place, "")
    assert await differences(judged_, letter(place.topic, 5), mark(place, "replayed")) == []
    assert await differences(judged_, letter(place.topic, 5), letter(place.topic, 5)) != []


async def test_letters_of_an_earlier_version_are_read():
    """Without who refused them, their sender and the broker's time: each is the letter of its record, whoever asks."""
    old = letter(KAFKA.events_topic, 6)
    bare = [(name, value) for name, value in old.headers if name in ("reason", "detail", *PLACE)]
    one = judged(KAFKA.events_topic, {5: "", 6: "not_json", 7: ""})
    assert await differences(one, old._replace(headers=bare)) == []
    told = await known(lettered(old._replace(headers=bare)), KAFKA.dead_letters_topic, "a", KAFKA.events_topic, 0)
    assert told == {6: "not_json"}


@pytest.mark.parametrize("what", ["replayed", "dismissed", "counted"])
async def test_a_recount_knows_what_is_closed(what):
    """In whatever order letters and marks of several runs lie."""
    place = LetterPlace(KAFKA.events_topic, 0, 5)
    for order in ((0, 1), (0, 1, 0), (0, 0, 1)):
        both = letter(place.topic, 5), mark(place, what)
        topics = lettered(*(both[number] for number in order))
        told = await known(topics, KAFKA.dead_letters_topic, "a", KAFKA.events_topic, 0)
        assert told == {5: "not_json" if what == "counted" else CLOSED}
