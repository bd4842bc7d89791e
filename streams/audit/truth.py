"""What the log says: every record of a partition accounted for, and the parts it must have made."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metrics.view import Waiting
from producers.events.intake import Refused
from producers.settings import KafkaSettings
from streams.audit.forwarded import Forwarded
from streams.plain.kafka import Log
from streams.plain.log import PlainPartition
from streams.plain.parts import Parts, parts
from streams.plain.placed import COUNTS
from streams.plain.reference import PlainReference
from streams.plain.rules import Rules
from streams.plain.shown import Shown

Letters = dict[tuple[int, int], str]
"""(partition, offset) of the source → reason."""


@dataclass
class Truth:
    """One partition up to a fence. `time`: of the partition, us. `letters`: what must be dead-lettered."""

    partition: int
    records: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    letters: Letters = field(default_factory=dict)
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
    advance: Callable[[int], None],
) -> Truth:
    """Recompute one partition up to and including the offset `fence`, and add its contributions to `shown`."""
    truth = Truth(partition)
    plain = PlainPartition(rules)
    places = forwarded.begin(partition, partitions)
    async for chunk in log.read(kafka.events_topic, partition, 0, fence + 1):
        for record in chunk:
            try:
                placed = places.judge(record)
            except Refused as refused:
                truth.letters[partition, record.offset] = refused.reason
                continue
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


async def dead_letters(log: Log, kafka: KafkaSettings) -> Letters:
    """What lies in the dead letters for the events topic."""
    found: Letters = {}
    for partition, end in (await log.ends(kafka.dead_letters_topic)).items():
        async for chunk in log.read(kafka.dead_letters_topic, partition, 0, end):
            for record in chunk:
                headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
                if headers.get("source_topic") == kafka.events_topic:
                    source = int(headers["source_partition"]), int(headers["source_offset"])
                    found[source] = headers.get("reason", "")
    return found


async def references(log: Log, kafka: KafkaSettings, rules: Rules) -> PlainReference:
    """The reference records that count."""
    reference = PlainReference(rules.currency)
    for partition, end in (await log.ends(kafka.reference_topic)).items():
        async for chunk in log.read(kafka.reference_topic, partition, 0, end):
            for record in chunk:
                reference.take_record(record)
    return reference
