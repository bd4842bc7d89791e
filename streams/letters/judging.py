"""What `replay` can send: each refused record is judged again, by today's contract, as if it were sent now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from producers.errors import Refused
from producers.events import intake, wire
from producers.events.binary import Headers
from producers.events.rules import LOG_APPEND_TIME, MAX_BYTES
from producers.events.version import version
from producers.partitioner import partition_for
from producers.settings import KafkaSettings
from streams.letters import letter
from streams.letters.dead_letter import DeadLetter
from streams.letters.letter import LetterPlace
from streams.state import forwarding

FORWARDED = (forwarding.PARTITION, forwarding.OFFSET, forwarding.COUNT, forwarding.DIGEST)
"""Headers of a copy. What is sent again is a record by itself, wherever it lay before."""


class LetterSent(NamedTuple):
    """A record as it would be sent now."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers
    timestamp_type: int = LOG_APPEND_TIME


@dataclass(frozen=True, slots=True)
class Sendable:
    """A record that the contract takes now: with the right key, for the right partition."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes | None]]
    event: wire.Event | wire.ReferenceEvent

    @property
    def is_chat(self) -> bool:
        """Whether it counts in the order of the log."""
        return self.event.type.startswith("sales.chat.")


@dataclass
class ReferenceVersions:
    """What the reference topic holds. held: of each key the version that counts; deleted: when, Unix ms.

    The topic is compacted by order, not by version: an older record sent behind a newer one would drive that out.
    """

    held: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)

    def take(self, record: intake.KafkaRecord) -> None:
        """Take in a record of the topic, in order."""
        if record.value is None:
            name = (record.key or b"").decode(errors="replace")
            self.held.pop(name, None)
            self.deleted[name] = record.timestamp
            return
        try:
            event = intake.check_reference(record)
        except Refused:
            return
        self.held[event.key] = max(version(event), self.held.get(event.key, version(event)))

    def stale(self, event: wire.ReferenceEvent, time: int) -> str:
        """Why a record that came at `time` must not be sent any more, "" when it may: then it counts as sent."""
        mine = version(event)
        if event.key in self.held and self.held[event.key] >= mine:
            return f"{event.key} is there already in this or a later version: dismiss it"
        if self.deleted.get(event.key, -1) > time:
            return f"{event.key} was deleted after it was refused: dismiss it"
        self.held[event.key] = mine
        return ""


@dataclass
class LetterJudge:
    """Judges letters one after the other. partitions: how many each topic has; now_ms: the broker's clock, about."""

    settings: KafkaSettings
    partitions: Mapping[str, int]
    now_ms: int
    reference: "ReferenceVersions"

    def judge(self, one: DeadLetter) -> Sendable | str:
        """What to send, or why it cannot be used."""
        place, value = one.place, one.value
        if place is None or value is None or one.size is not None:
            return _lost(one)
        kept = [pair for pair in letter.own(one.headers) if pair[0] not in (*FORWARDED, letter.REPLAY_OF)]
        try:
            event = self._event(place, LetterSent(None, value, self.now_ms, kept))
        except Refused as error:
            return str(error)
        if event is None:
            return f"it came from {place.topic}, which is not a topic of this installation; fix it there"
        if isinstance(event, wire.ReferenceEvent) and (stale := self.reference.stale(event, one.time)):
            return stale
        key = event.key.encode()
        marked = [*kept, (letter.REPLAY_OF, str(one.first or place).encode())]
        # What has the size that is allowed to the byte goes without.
        headers = marked if intake.record_size(key, value, marked) <= MAX_BYTES else kept
        partition = partition_for(key, self.partitions[place.topic])
        return Sendable(place.topic, partition, key, value, headers, event)

    def _event(self, place: LetterPlace, record: LetterSent) -> wire.Event | wire.ReferenceEvent | None:
        """The event, whatever key it had: the right one is in it. Raises Refused."""
        intake.check_size(None, record.value, record.headers)
        if place.topic == self.settings.reference_topic:
            return intake.check_reference(record._replace(key=intake.decode_reference(record).key.encode()))
        if place.topic == self.settings.events_topic:
            return intake.check(record._replace(key=intake.decode(record).key.encode()))
        return None


def _lost(one: DeadLetter) -> str:
    """Why there is nothing to judge."""
    if one.place is None:
        return "its headers do not say where it came from"
    if one.size is not None:
        return f"its {one.size:,} bytes were too large to be kept: only its sender has it, and has to send it smaller"
    return "it has no value, so nothing can be made of it"
