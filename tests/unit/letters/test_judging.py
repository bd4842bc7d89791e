"""What `replay` sends: what today's contract takes, with the right key, and why it does not send the rest."""

import json
from types import SimpleNamespace

import pytest

from producers.events.rules import MAX_BYTES
from producers.partitioner import partition_for
from producers.settings import KafkaSettings
from streams.letters.dead_letter import DeadLetter
from streams.letters.judging import LetterJudge, LetterSent, ReferenceVersions, Sendable
from streams.letters.letter import CUT, REPLAY_OF, make

KAFKA = KafkaSettings()
NOW = 1_790_000_000_000


def event(**changes):
    return {
        "specversion": "1.0", "id": "e-1", "source": "crm://a", "type": "sales.meeting.held.v1",
        "time": "2026-01-05T10:00:00Z",
        "data": {"meeting_id": "x-1", "client_id": "c-1", "manager_id": "m-1"}, **changes,
    }  # fmt: skip


def rate(sequence="1", rate="90.5"):
    data = {"currency": "USD", "date": "2026-01-05", "rate": rate}
    return event(id=f"r-{sequence}", type="sales.rate.set.v1", sequence=sequence, data=data)


def letter(value, key=b"c-1", *, reason="invalid_data", topic=KAFKA.events_topic, headers=(), time=1_000):
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    record = SimpleNamespace(offset=7, key=key, value=raw, timestamp=time, headers=headers)
    made = make(SimpleNamespace(record=record, reason=reason, detail="d"), topic, 3, "a")
    return DeadLetter.of(0, SimpleNamespace(offset=1, timestamp=1, key=made.key, value=raw, headers=made.headers))


def judge(reference=None):
    return LetterJudge(KAFKA, {KAFKA.events_topic: 5, KAFKA.reference_topic: 1}, NOW, reference or ReferenceVersions())


@pytest.mark.parametrize("key", [b"c-1", None, b'"c-1"', b"\xff", b""])
def test_key_and_partition_are_put_right(key):
    """Whatever key it had: the one that the event asks for, on its partition; the value byte for byte."""
    headers = [("trace", b"1"), ("forwarded-partition", b"1"), ("forwarded-offset", b"2"), ("content-type", b"x")]
    one = letter(event(), key, reason="wrong_key", headers=headers)
    sent = judge().judge(one)
    assert isinstance(sent, Sendable)
    assert (sent.topic, sent.key, sent.value) == (KAFKA.events_topic, b"c-1", one.value)
    assert sent.partition == partition_for(b"c-1", 5)
    assert sent.headers == [("trace", b"1"), ("content-type", b"x"), (REPLAY_OF, b"sales.events/3/7")]


@pytest.mark.parametrize(("spare", "is_sent", "is_marked"), [(0, True, False), (-1, False, False), (60, True, True)])
def test_what_is_sent_is_not_too_large(spare, is_sent, is_marked):
    """With the key put right and the header that names it: what fits to the byte goes without that header."""
    value = json.dumps(event(note="x" * 10, subject=""), separators=(",", ":"))
    padding = MAX_BYTES - spare - len(value) - len(b"c-1")
    sent = judge().judge(letter(value.replace("x" * 10, "x" * (10 + padding)).encode(), None))
    assert isinstance(sent, Sendable) == is_sent
    assert (isinstance(sent, Sendable) and bool(sent.headers)) == is_marked


def test_binary_mode_is_sent_as_it_came():
    """Attributes in headers, data in the value, neither changed."""
    one = event()
    headers = [("ce_" + name, said.encode()) for name, said in one.items() if name != "data"]
    found = letter(one["data"], None, reason="not_cloudevents", headers=headers)
    sent = judge().judge(found)
    assert isinstance(sent, Sendable)
    assert (sent.key, sent.value) == (b"c-1", found.value)
    assert sent.headers == [*headers, (REPLAY_OF, b"sales.events/3/7")]
    assert found.sender == "crm://a"


def test_a_replay_says_where_it_began():
    """However often it is sent, the record that was refused first is named, once."""
    sent = judge().judge(letter(event(), headers=[(REPLAY_OF, b"sales.events/1/3")]))
    assert isinstance(sent, Sendable)
    assert sent.headers == [(REPLAY_OF, b"sales.events/1/3")]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"{", "not_json"),
        (None, "no value"),
        (event(data={"meeting_id": "x"}), "data.client_id"),
        (event(type="sales.unheard.of.v9"), "unknown_type"),
        (event(time="2026-12-01T00:00:00Z"), "10 minutes ahead"),
        (event(partitionkey="c-2"), "wrong_key"),
        (event(subject="x" * 300_000), "too_large"),
        (rate(), "unknown_type"),
    ],
)
def test_what_is_still_wrong_says_why(value, why):
    """It is not sent."""
    found = judge().judge(letter(value))
    assert isinstance(found, str)
    assert why in found


def test_a_clock_that_was_ahead_is_mended_by_time():
    """Its time has come: the broker's clock has passed it."""
    assert isinstance(
        judge().judge(letter(event(time="2026-01-05T11:00:00Z"), time=1, reason="time_out_of_range")), Sendable
    )


def test_what_was_cut_cannot_be_sent():
    """Nobody but its sender has it."""
    one = letter(b"")
    cut = DeadLetter(0, 1, 1, one.key, None, (*one.headers, (CUT, b"900000")))
    assert "900,000 bytes" in str(judge().judge(cut))


def test_other_topics_are_not_ours():
    """A letter of a topic that is not read here is left alone."""
    assert "other.events" in str(judge().judge(letter(event(), topic="other.events")))


def test_reference_data_never_goes_back():
    """The topic is compacted by order: an older version, or what was deleted since, is not put behind a newer one."""
    bad = {"reason": "wrong_key", "topic": KAFKA.reference_topic, "time": 5_000}
    versions = ReferenceVersions()
    key = b"rate:USD:2026-01-05"
    sent = judge(versions).judge(letter(rate("3"), b"x", **bad))
    assert isinstance(sent, Sendable)
    assert (sent.topic, sent.key, sent.partition) == (KAFKA.reference_topic, key, 0)
    assert "dismiss" in str(judge(versions).judge(letter(rate("2"), b"x", **bad)))
    versions.take(LetterSent(key, json.dumps(rate("5")).encode(), NOW, ()))
    assert "dismiss" in str(judge(versions).judge(letter(rate("4"), b"x", **bad)))
    versions.take(LetterSent(key, None, 9_000, ()))
    assert "deleted" in str(judge(versions).judge(letter(rate("6"), b"x", **bad)))
    assert isinstance(judge(versions).judge(letter(rate("6"), b"x", **(bad | {"time": 10_000}))), Sendable)
