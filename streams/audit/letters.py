"""Dead letters against their records: each unusable record has exactly one, and each letter has its record."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from producers.brokers import until
from producers.errors import Refused
from producers.events.intake import check_reference
from producers.settings import KafkaSettings
from streams.audit.report import AuditReport, Difference
from streams.letters import letter
from streams.letters.letter import LetterPlace
from streams.plain.kafka import Log

Written = Mapping[LetterPlace, Counter[str]]
"""Record → how often each reason was written of it."""

_PAUSE_SECONDS = 0.2


@dataclass
class Judged:
    """What must have become of records: `refused` with their reasons.

    firsts, lasts: by topic and partition, the offsets of the first record that was judged and of the last; what lies
    outside is not there any more or not read yet. compacted: of topics in which records vanish between others, all.
    closed: records whose letters somebody has closed → the reason: they count where their replay lies, or nowhere.
    """

    refused: dict[LetterPlace, str] = field(default_factory=dict)
    firsts: dict[tuple[str, int], int] = field(default_factory=dict)
    lasts: dict[tuple[str, int], int] = field(default_factory=dict)
    compacted: dict[str, set[LetterPlace]] = field(default_factory=dict)
    closed: Mapping[LetterPlace, str] = field(default_factory=dict)

    def judge(self, place: LetterPlace, reason: str) -> None:
        """Take note of a record in log order; `reason` "" when it is usable."""
        reason = self.closed.get(place, reason)
        where = place.topic, place.partition
        self.firsts.setdefault(where, place.offset)
        self.lasts[where] = place.offset
        if reason:
            self.refused[place] = reason
        if place.topic in self.compacted:
            self.compacted[place.topic].add(place)

    def before(self, ends: Mapping[tuple[str, int], int]) -> "Judged":
        """The same of the records before `ends`, by topic and partition."""
        refused = {at: why for at, why in self.refused.items() if at.offset < ends.get((at.topic, at.partition), 0)}
        lasts = {where: min(last, ends.get(where, 0) - 1) for where, last in self.lasts.items()}
        return Judged(refused, self.firsts, lasts, self.compacted)

    def covers(self, place: LetterPlace) -> bool:
        """Whether the record of a letter was judged."""
        if place.topic in self.compacted:
            return place in self.compacted[place.topic]
        where = place.topic, place.partition
        return where in self.firsts and self.firsts[where] <= place.offset <= self.lasts[where]


async def judge_reference(
    log: Log, kafka: KafkaSettings, committed: Mapping[tuple[str, int], int], closed: Mapping[LetterPlace, str]
) -> Judged:
    """Judge the reference records that the workers have read."""
    topic = kafka.reference_topic
    judged = Judged(compacted={topic: set()}, closed=closed)
    for partition in await log.ends(topic):
        async for chunk in log.read(topic, partition, 0, committed.get((topic, partition), 0)):
            for record in chunk:
                reason = ""
                if record.value is not None:
                    try:
                        check_reference(record)
                    except Refused as error:
                        reason = error.reason
                judged.judge(LetterPlace(topic, partition, record.offset), reason)
    return judged


async def committed_to(
    log: Log, application: str, lasts: Mapping[tuple[str, int], int], patience: float
) -> Mapping[tuple[str, int], int]:
    """How far the group has read each partition, once the last records are durable: the view runs ahead of it."""

    def is_durable(found: Mapping[tuple[str, int], int]) -> bool:
        return all(found.get(where, 0) > last for where, last in lasts.items())

    return await until(lambda: log.committed(application), is_durable, seconds=patience, pause=_PAUSE_SECONDS)


async def written(log: Log, kafka: KafkaSettings, application: str) -> Written:
    """The dead letters that an application wrote; those that do not say so are everybody's."""
    found: dict[LetterPlace, Counter[str]] = defaultdict(Counter)
    unsigned: dict[LetterPlace, Counter[str]] = defaultdict(Counter)
    for partition, end in (await log.ends(kafka.dead_letters_topic)).items():
        async for chunk in log.read(kafka.dead_letters_topic, partition, 0, end):
            for record in chunk:
                place, by = letter.place_of(record.headers), letter.text(record.headers, letter.APPLICATION)
                if place is not None and by in ("", application) and not letter.text(record.headers, letter.MARK):
                    (found if by else unsigned)[place][letter.text(record.headers, letter.REASON)] += 1
    return {**unsigned, **found}


async def closed(log: Log, kafka: KafkaSettings, application: str) -> Mapping[LetterPlace, str]:
    """What `Judged` is to know."""
    reasons: dict[LetterPlace, str] = {}
    marked: set[LetterPlace] = set()
    for partition, end in (await log.ends(kafka.dead_letters_topic)).items():
        async for chunk in log.read(kafka.dead_letters_topic, partition, 0, end):
            for record in chunk:
                place, mark = letter.place_of(record.headers), letter.text(record.headers, letter.MARK)
                if place is None:
                    continue
                if mark in ("replayed", "dismissed"):
                    marked.add(place)
                elif not mark and letter.text(record.headers, letter.APPLICATION) in ("", application):
                    reasons[place] = letter.text(record.headers, letter.REASON)
    return {place: reason for place, reason in reasons.items() if place in marked}


def compare(judged: Judged, found: Written) -> Iterator[Difference]:
    """Records without their letter, letters without their record, and what was written twice."""
    for place in sorted(judged.refused.keys() | {place for place in found if judged.covers(place)}):
        expected, reasons = judged.refused.get(place, ""), found.get(place, Counter[str]())
        if reasons != Counter([expected] if expected else []):
            shown = ", ".join(f"{reason} {n} times" if n > 1 else reason for reason, n in sorted(reasons.items()))
            yield Difference(f"dead letter of {place}", shown, expected)


def report_on(judged: Judged, durable: Mapping[tuple[str, int], int], found: Written, report: AuditReport) -> None:
    """Add the comparison to a report. A letter is written in one transaction with the offset of its record."""
    report.refused.update(judged.refused.values())
    due = judged.before(durable)
    report.compared["dead letters"] += len(due.refused)
    report.differs("dead letters", compare(due, found))
