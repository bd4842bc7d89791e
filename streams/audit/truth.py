"""What the log says: every record of a partition accounted for, and the parts it must have made."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metrics.view import Waiting
from producers.events.intake import Refused
from producers.settings import KafkaSettings
from streams.audit.forwarded import Forwarded
from streams.audit.letters import Judged
from streams.letters.letter import Place
from streams.plain.kafka import Log
from streams.plain.log import PlainPartition
from streams.plain.parts import Parts, parts
from streams.plain.placed import COUNTS
from streams.plain.reference import PlainReference
from streams.plain.rules import Rules
from streams.plain.shown import Shown


@dataclass
class Truth:
    """One partition up to a fence. `time`: of the partition, us."""

    partition: int
    records: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    time: int = 0
    parts: Parts = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)


async def tell(
    log: Log,
    kafka: KafkaSettings,
    rules: Rules,
    partition: int,
    partitions: int,
    fence: int,
    shown: Sequence[Shown],
    forwarded: Forwarded,
    judged: Judged,
    advance: Callable[[int], None],
) -> Truth:
    """Recompute one partition up to and including the offset `fence`.

    Adds its contributions to `shown`, and what must become of its records to `judged`.
    """
    truth = Truth(partition)
    plain = PlainPartition(rules)
    places = forwarded.begin(partition, partitions)
    async for chunk in log.read(kafka.events_topic, partition, 0, fence + 1):
        for record in chunk:
            place = Place(kafka.events_topic, partition, record.offset)
            try:
                placed = places.judge(record)
            except Refused as refused:
                judged.judge(place, refused.reason)
                continue
            judged.judge(place, "")
            forwarded.note(partition, record.offset, placed)
            if placed.verdict == COUNTS:
                plain.take(placed.event)
            else:
                truth.outcomes[placed.verdict] += 1
        truth.records += len(chunk)
        advance(len(chunk))
    forwarded.read[partition] = fence + 1
    # Minutes for a large log: in a thread, or Kafka's connections are too old to use when the loop comes to them again.
    await asyncio.to_thread(_amount, truth, plain, shown)
    return truth


def _amount(truth: Truth, plain: PlainPartition, shown: Sequence[Shown]) -> None:
    truth.outcomes, truth.time = truth.outcomes + plain.outcomes, plain.time
    truth.parts = parts(plain)
    truth.waiting = sorted(
        Waiting(one.labels[0], one.manager, one.team, one.since) for one in plain.open_things() if one.code == "waiting"
    )
    for numbers in shown:
        numbers.add(plain.contributions())


async def references(log: Log, kafka: KafkaSettings, rules: Rules) -> PlainReference:
    """The reference records that count."""
    reference = PlainReference(rules.currency)
    for partition, end in (await log.ends(kafka.reference_topic)).items():
        async for chunk in log.read(kafka.reference_topic, partition, 0, end):
            for record in chunk:
                reference.take_record(record)
    return reference
