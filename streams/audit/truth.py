"""What the log says: every record of a partition accounted for, and the parts it must have made."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from metrics.view import Unanswered, Waiting
from producers.events.intake import Refused
from producers.settings import KafkaSettings
from streams.audit.forwarded import Forwarded
from streams.audit.letters import Judged
from streams.audit.retold import Retold
from streams.letters.letter import LetterPlace
from streams.plain.kafka import Log, PositionedRecord
from streams.plain.kept import UNHEARD, PlainHeard
from streams.plain.listed import still_listed
from streams.plain.log import PlainPartition
from streams.plain.parts import Parts, parts
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules


@dataclass
class Truth:
    """One partition up to a fence. `time`: of the partition, us; `heard`: of its records, by the broker's clock."""

    partition: int
    records: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    time: int = 0
    heard: PlainHeard = UNHEARD
    parts: Parts = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)


async def tell(
    log: Log,
    kafka: KafkaSettings,
    rules: PlainRules,
    partition: int,
    partitions: int,
    fence: int,
    retold: Retold,
    forwarded: Forwarded,
    judged: Judged,
    advance: Callable[[int], None],
) -> Truth:
    """Recompute one partition up to and including the offset `fence`, and for `retold` on to where its last answer is.

    What must become of the records up to the fence is added to `judged`.
    """
    places = forwarded.begin(partition, partitions)
    reading = _AuditReading(Truth(partition), PlainPartition(rules), fence, retold, forwarded, judged, places)
    stops = deque(sorted({fence, *retold.stops(partition)}))
    last = stops[-1]
    async for chunk in log.read(kafka.events_topic, partition, 0, last + 1):
        for record in chunk:
            while record.offset > stops[0]:
                await reading.stand(stops.popleft())
            reading.hear(record, LetterPlace(kafka.events_topic, partition, record.offset))
        advance(len(chunk))
    forwarded.read[partition] = last + 1
    for stop in stops:
        await reading.stand(stop)
    return reading.truth


@dataclass
class _AuditReading:
    """One partition, record by record: behind the fence what `retold` asks for, and copies that arrive."""

    truth: Truth
    plain: PlainPartition
    fence: int
    retold: Retold
    forwarded: Forwarded
    judged: Judged
    places: PlainPlaces

    async def stand(self, stop: int) -> None:
        # Minutes for a large log: in a thread, or Kafka's connections are too old to use when the loop comes to them.
        if stop == self.fence:
            await asyncio.to_thread(_amount, self.truth, self.plain)
        await asyncio.to_thread(self.retold.at, self.truth.partition, stop, self.plain)

    def hear(self, record: PositionedRecord, place: LetterPlace) -> None:
        counts = place.offset <= self.fence
        self.plain.hear(record)
        self.truth.records += counts
        if place in self.judged.closed:
            if counts:
                self.judged.judge(place, "")
            return
        try:
            placed = self.places.judge(record)
        except Refused as refused:
            if counts:
                self.judged.judge(place, refused.reason)
            return
        if counts:
            self.judged.judge(place, "")
        if counts or placed.origin is not None:
            self.forwarded.note(place.partition, place.offset, placed)
        if placed.verdict == COUNTS:
            self.retold.before(self.plain, placed.event.key)
            self.plain.take(placed.event)
        elif counts:
            self.truth.outcomes[placed.verdict] += 1


def _amount(truth: Truth, plain: PlainPartition) -> None:
    truth.outcomes, truth.time = truth.outcomes + plain.outcomes, plain.time
    truth.heard, truth.parts = plain.heard, parts(plain)
    things = list(plain.open_things())
    truth.waiting = sorted(
        Waiting(one.labels[0], one.manager, one.team, one.since) for one in things if one.code == "waiting"
    )
    truth.unanswered = still_listed(things, plain.time, plain.rules)


async def references(log: Log, kafka: KafkaSettings, rules: PlainRules) -> PlainReference:
    """The reference records that count."""
    reference = PlainReference(rules.currency)
    for partition, end in (await log.ends(kafka.reference_topic)).items():
        async for chunk in log.read(kafka.reference_topic, partition, 0, end):
            for record in chunk:
                reference.take_record(record)
    return reference
