"""The audit itself: read what is shown, recompute it from the log, compare."""

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from metrics.redis_client import connect
from metrics.settings import BusinessSettings
from producers.settings import KafkaSettings
from streams.audit import compare, letters
from streams.audit.forwarded import Forwarded
from streams.audit.report import AuditError, AuditReport
from streams.audit.retold import Retold
from streams.audit.shown import SeenView, compare_answers, look, reference_differences
from streams.audit.shown_parts import ShownParts
from streams.audit.truth import tell
from streams.plain.kafka import Log, kafka_log
from streams.plain.kept import is_kept
from streams.plain.rules import PlainRules

_COPIES_SECONDS = 30.0
"""Until copies of committed records can be read: a dead worker's transaction holds them back for up to 20 s."""


class AuditProgress(Protocol):
    """Who is told how far an audit is."""

    def start(self, total: int) -> None:
        """There are `total` records to read."""

    def advance(self, records: int) -> None:
        """So many more were read."""


class _Silent:
    def start(self, total: int) -> None:
        pass

    def advance(self, records: int) -> None:
        pass


async def audit(
    kafka: KafkaSettings,
    business: BusinessSettings,
    *,
    exporter: str | None = None,
    patience: float = 60.0,
    progress: AuditProgress | None = None,
) -> AuditReport:
    """Compare what is shown with what the log says, each as of its own records, while events come in.

    exporter: its address, when what it shows should be compared too. patience: seconds to wait for a moment in
    which a partition's view is whole. Raises AuditError (the view is missing, never whole, or belongs to other
    settings), aiokafka's KafkaError and redis-py's RedisError when a server does not answer.
    """
    began = time.monotonic()
    rules, report = PlainRules.of(business), AuditReport()
    redis = connect(business.redis_url.get_secret_value())
    try:
        async with kafka_log(kafka) as log:
            # Before the view is looked at: a partition that had records by now must be in it.
            ends = await log.ends(kafka.events_topic)

            def checked(view: ShownParts) -> None:
                _check(view, ends, business)

            seen = await look(log, kafka, redis, business, checked, exporter=exporter, patience=patience)
            _check_log(seen, await log.ends(kafka.events_topic), kafka)
            report.fences, report.notes = seen.view.fences, seen.notes
            retold, forwarded = Retold(seen.answers, rules, seen.reference), Forwarded()
            judged = letters.Judged(closed=await letters.closed(log, kafka, business.app_id))
            await _partitions(log, kafka, rules, seen, retold, forwarded, judged, report, progress or _Silent())
            # Last: the view goes ahead of the flush (decision 6), so what was shown may have been committed only since.
            # Copies and dead letters are of one transaction with the offset: what is not committed owes neither.
            durable = await _durable(log, business.app_id, judged, report, patience)
            upto = {number: offset for (topic, number), offset in durable.items() if topic == kafka.events_topic}
            await forwarded.arrived(log, kafka.events_topic, upto, _COPIES_SECONDS)
            await _compare_letters(log, kafka, business.app_id, judged, durable, forwarded, report)
            report.compared["reference records"] += len(seen.reference.held)
            report.differs("reference records", reference_differences(seen.view, seen.reference))
            # In a thread, as what computes for long above: Kafka and Redis drop connections that fall silent.
            await asyncio.to_thread(compare_answers, seen, retold, report)
    finally:
        await redis.aclose()
    report.seconds = time.monotonic() - began
    return report


def _check(view: ShownParts, ends: Mapping[int, int], business: BusinessSettings) -> None:
    if not ends:
        raise AuditError("there is no events topic yet; `sales-pulse topics create` makes it")
    missing = [partition for partition, end in ends.items() if end and partition not in view.fences]
    if missing:
        raise AuditError(
            f"no worker of {business.app_id} has reported on partition {missing[0]}; start one, or set SALES_APP_ID"
        )
    for partition, beat in view.beats.items():
        zone = beat.get("zone", business.timezone)
        if zone != business.timezone:
            raise AuditError(
                f"partition {partition} is counted in {zone}, this audit in {business.timezone}; set SALES_TIMEZONE"
            )


def _check_log(seen: SeenView, ends: Mapping[int, int], kafka: KafkaSettings) -> None:
    """What is shown of records that the log does not have could be waited for for ever. ends: asked for after it."""
    for partition in seen.view.fences:
        if (last := seen.last(partition)) >= (end := ends.get(partition, 0)):
            raise AuditError(
                f"partition {partition} is shown up to offset {last}, and its log ends at {end}: {kafka.events_topic} "
                "lost the end of its log, or is another topic of that name; a worker that runs takes that back"
            )


async def _partitions(
    log: Log,
    kafka: KafkaSettings,
    rules: PlainRules,
    seen: SeenView,
    retold: Retold,
    forwarded: Forwarded,
    judged: letters.Judged,
    report: AuditReport,
    progress: AuditProgress,
) -> None:
    """Recompute and compare one partition after another; what must be in the dead letters is added to `judged`."""
    view, count = seen.view, len(seen.view.fences)
    progress.start(sum(seen.last(partition) + 1 for partition in view.fences))
    for partition, fence in sorted(view.fences.items()):
        truth = await tell(log, kafka, rules, partition, count, fence, retold, forwarded, judged, progress.advance)
        report.records += truth.records
        report.outcomes += truth.outcomes
        compared, different = await asyncio.to_thread(
            compare.cells, partition, truth.time, truth.heard, rules, truth.parts, view.parts
        )
        report.compared["numbers of parts"] += compared
        report.differs("parts", [compare.in_words(partition, one) for one in different])
        held = view.waiting.get(partition, [])
        report.compared["waiting clients"] += len(truth.waiting)
        report.differs("waiting", compare.waiting(partition, truth.time, truth.waiting, held))
        report.compared["clients nobody answered"] += len(truth.unanswered)
        listed = view.unanswered.get(partition, [])
        report.differs("unanswered", compare.unanswered(partition, truth.unanswered, listed))
        report.past += sum(
            not is_kept(kind, bucket, truth.time, truth.heard, rules)
            for kind, bucket, of, *_ in view.parts
            if of == partition
        )


def _compare_forwarded(
    forwarded: Forwarded, found: letters.Written, topic: str, report: AuditReport
) -> letters.Written:
    """Compare; gives the letters less those of records that a worker refused before workers forwarded any."""
    of_events = {(place.partition, place.offset): reasons for place, reasons in found.items() if place.topic == topic}
    before = forwarded.refused_before({place: max(reasons) for place, reasons in of_events.items()})
    if before:
        report.notes.append(
            f"{len(before):,} records that lie wrong are dead letters of an earlier version; "
            "`sales-pulse dead-letters replay` has them counted"
        )
    report.notes += [
        f"an open transaction holds partition {number} back: of {count:,} records the copies cannot be looked for"
        for number, count in forwarded.held_back()
    ]
    report.compared["forwarded records"] += sum(map(len, forwarded.owed.values()))
    ends = {partition: fence + 1 for partition, fence in report.fences.items()}
    report.differs("forwarded records", forwarded.differences(ends, before))
    return {
        place: reasons
        for place, reasons in found.items()
        if place.topic != topic or (place.partition, place.offset) not in before
    }


async def _durable(
    log: Log, application: str, judged: letters.Judged, report: AuditReport, patience: float
) -> Mapping[tuple[str, int], int]:
    """How far each partition is committed, and with it the copies and dead letters of its records."""
    durable = await letters.committed_to(log, application, judged.lasts, patience)
    for where, last in sorted(judged.lasts.items()):
        if (offset := durable.get(where, 0)) <= last:
            report.notes.append(
                f"partition {where[1]}: what is shown of offsets {offset:,} to {last:,} is not durable after "
                f"{patience:.0f} s, so what is forwarded and dead-lettered of it was not compared; "
                "does its worker run?"
            )
    return durable


async def _compare_letters(
    log: Log,
    kafka: KafkaSettings,
    application: str,
    judged: letters.Judged,
    durable: Mapping[tuple[str, int], int],
    forwarded: Forwarded,
    report: AuditReport,
) -> None:
    """Compare what was forwarded and the dead letters of both topics; last, as they are durable after the view."""
    reference = await letters.judge_reference(log, kafka, durable, judged.closed)
    found = await letters.written(log, kafka, application)
    found = _compare_forwarded(forwarded, found, kafka.events_topic, report)
    for one in (judged, reference):
        letters.report_on(one, durable, found, report)
