"""The audit itself: read what is shown, recompute it from the log, compare."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Protocol

from redis.asyncio import Redis

from metrics.settings import BusinessSettings
from metrics.view import Keys
from producers.events import wire
from producers.settings import KafkaSettings
from streams.audit import compare, letters
from streams.audit.exposition import scrape
from streams.audit.forwarded import Forwarded
from streams.audit.report import AuditError, Difference, Report
from streams.audit.shown_parts import ShownParts, fences, settled
from streams.audit.truth import references, tell
from streams.plain.kafka import Log, kafka_log
from streams.plain.parts import is_kept
from streams.plain.reference import PlainReference
from streams.plain.rules import Rules
from streams.plain.series import Series
from streams.plain.shown import Shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRIES = 5
_COPIES_SECONDS = 15.0
"""Until the flush that writes the copies of what the view shows already."""
_HOURS_SHOWN = 8 * 86_400 * 10**6


class Progress(Protocol):
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
    progress: Progress | None = None,
) -> Report:
    """Compare what is shown with what the log says, as of the fences of the view.

    exporter: its address, when what it shows should be compared too. patience: seconds to wait for a moment in
    which the view stands still. Raises AuditError (the view is missing, moves on, or belongs to other settings),
    aiokafka's KafkaError and redis-py's RedisError when a server does not answer.
    """
    began = time.monotonic()
    rules, report, keys = Rules.of(business), Report(), Keys(business.app_id)
    redis = Redis.from_url(business.redis_url.get_secret_value())
    try:
        async with kafka_log(kafka) as log:
            view = await settled(redis, keys, patience)
            ends = await log.ends(kafka.events_topic)
            _check(view, ends, business)
            report.fences = view.fences
            reference = await references(log, kafka, rules)
            at, exposed = await _exposed(redis, view, exporter, rules, report)
            shown = [Shown(at, rules, reference, at=True)] if exposed is not None else []
            forwarded = Forwarded()
            judged = await _partitions(log, kafka, rules, view, shown, forwarded, report, progress or _Silent())
            await forwarded.arrived(log, kafka.events_topic, _COPIES_SECONDS)
            await _compare_letters(log, kafka, business.app_id, judged, forwarded, report, patience)
            _compare_reference(view, reference, report)
            if exposed is not None:
                numbers = _held(shown[0].windowed(), at)
                report.compared["series of the exporter"] += len(numbers.keys() | exposed.keys())
                report.differs("series of the exporter", compare.series(numbers, exposed))
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


async def _exposed(
    redis: Redis, view: ShownParts, exporter: str | None, rules: Rules, report: Report
) -> tuple[int, dict[Series, float] | None]:
    """The moment (us) at which the exporter was asked, and what it showed, if it shows the view that is audited."""
    newest = max((beat.get("time", 0) for beat in view.beats.values()), default=0)
    if exporter is None or newest <= 0:
        return 0, None
    at = rules.hour(newest) * 10**6 - 1
    for _ in range(_TRIES):
        exposed = await scrape(exporter, (_EPOCH + timedelta(microseconds=at)).isoformat())
        if exposed is None:
            report.notes.append(f"no exporter answers at {exporter}; what it shows was not compared")
            return at, None
        now, _ = await fences(redis, view.keys)
        if now == view.fences:
            return at, exposed
        moved = await settled(redis, view.keys, 10)
        view.fences, view.beats, view.parts, view.waiting = moved.fences, moved.beats, moved.parts, moved.waiting
    report.notes.append("the view kept moving while the exporter answered; what it shows was not compared")
    return at, None


def _held(numbers: dict[Series, Fraction], at: int) -> dict[Series, Fraction]:
    """Of the numbers at a moment (us) those that an exporter still shows: no day and week more than 8 days back."""
    if time.time() * 10**6 - at <= _HOURS_SHOWN:
        return numbers
    return {one: n for one, n in numbers.items() if dict(one.labels)["window"] not in ("day", "week")}


async def _partitions(
    log: Log,
    kafka: KafkaSettings,
    rules: Rules,
    view: ShownParts,
    shown: list[Shown],
    forwarded: Forwarded,
    report: Report,
    progress: Progress,
) -> letters.Judged:
    """Recompute and compare one partition after another; says what must be in the dead letters."""
    judged = letters.Judged()
    report.fences = view.fences
    progress.start(sum(fence + 1 for fence in view.fences.values()))
    count = len(view.fences)
    for partition, fence in sorted(view.fences.items()):
        truth = await tell(log, kafka, rules, partition, count, fence, shown, forwarded, judged, progress.advance)
        report.records += truth.records
        report.outcomes += truth.outcomes
        compared, different = await asyncio.to_thread(
            compare.parts, partition, truth.time, rules, truth.parts, view.parts
        )
        report.compared["numbers of parts"] += compared
        report.differs("parts", different)
        held = view.waiting.get(partition, [])
        report.compared["waiting clients"] += len(truth.waiting)
        report.differs("waiting", compare.waiting(partition, truth.time, truth.waiting, held))
        report.past += sum(
            not is_kept(kind, bucket, truth.time, rules) for kind, bucket, of, *_ in view.parts if of == partition
        )
    return judged


def _compare_forwarded(forwarded: Forwarded, found: letters.Written, topic: str, report: Report) -> letters.Written:
    """Compare; gives the letters less those of records that a worker refused before workers forwarded any."""
    of_events = {(place.partition, place.offset): reasons for place, reasons in found.items() if place.topic == topic}
    before = forwarded.refused_before({place: max(reasons) for place, reasons in of_events.items()})
    if before:
        report.notes.append(
            f"{len(before):,} records that lie wrong are dead letters of an earlier version; "
            "`sales-pulse dead-letters replay` has them counted"
        )
    report.compared["forwarded records"] += sum(map(len, forwarded.owed.values()))
    ends = {partition: fence + 1 for partition, fence in report.fences.items()}
    report.differs("forwarded records", forwarded.differences(ends, before))
    return {
        place: reasons
        for place, reasons in found.items()
        if place.topic != topic or (place.partition, place.offset) not in before
    }


async def _compare_letters(
    log: Log,
    kafka: KafkaSettings,
    application: str,
    judged: letters.Judged,
    forwarded: Forwarded,
    report: Report,
    patience: float,
) -> None:
    """Compare what was forwarded and the dead letters of both topics; last, as they are durable after the view."""
    committed = await letters.committed_to(log, kafka, application, report.fences, patience)
    reference = await letters.judge_reference(log, kafka, committed)
    found = await letters.written(log, kafka, application)
    found = _compare_forwarded(forwarded, found, kafka.events_topic, report)
    for one in (judged, reference):
        letters.report_on(one, found, report)


def _compare_reference(view: ShownParts, reference: PlainReference, report: Report) -> None:
    log = {key: _plain(event) for key, event in reference.held.items()}
    report.compared["reference records"] += len(log)
    report.differs(
        "reference records",
        (
            Difference(f"reference {key}", str(view.reference.get(key, {}).get("data", "")), str(log.get(key, "")))
            for key in sorted(log.keys() | view.reference.keys())
            if log.get(key) != _stated(view.reference.get(key))
        ),
    )


def _plain(event: wire.ReferenceEvent) -> dict[str, Any]:
    data = event.data
    return {name: getattr(data, name) for name in data.__struct_fields__ if getattr(data, name) is not None}


def _stated(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {name: value for name, value in record["data"].items() if value is not None}
