"""What is shown, taken down while events come in: the view, all answers of the exporter, what they were shown by."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from redis.asyncio import Redis

from metrics.settings import BusinessSettings, LoginSettings
from metrics.view import Keys
from producers.events import wire
from producers.settings import KafkaSettings
from streams.audit import compare
from streams.audit.answers import Asking, AuditAnswer
from streams.audit.report import AuditReport, Difference
from streams.audit.retold import Retold
from streams.audit.shown_parts import ShownParts, settled
from streams.audit.truth import references
from streams.plain.kafka import Log
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules

_TRIES = 5
_LATE = 2
"""Pauses in which what was set a moment ago reaches the view."""
_PAUSE = 1.0
_HOURS_SHOWN = 7 * 86_400 * 10**6
"""Within this time (us) the exporter is asked for an hour: it has hours for eight days."""


@dataclass
class SeenView:
    """What is shown, and the reference data that it was shown by."""

    view: ShownParts
    reference: PlainReference
    answers: list[AuditAnswer]
    notes: list[str]

    def last(self, partition: int) -> int:
        """Offset of the last record that anything shown is as of."""
        return max(held.get(partition, -1) for held in (self.view.fences, *(one.fences for one in self.answers)))


async def look(
    log: Log,
    kafka: KafkaSettings,
    redis: Redis,
    business: BusinessSettings,
    check: Callable[[ShownParts], None],
    *,
    exporter: str | None,
    patience: float,
) -> SeenView:
    """Take down the view and all answers of the exporter, by reference data that does not change meanwhile.

    `check` raises what is wrong with a view. Raises AuditError as well where nothing whole can be had.
    """
    rules = PlainRules.of(business)
    notes: list[str] = []
    answers: list[AuditAnswer] = []
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE)
        before = await log.ends(kafka.reference_topic)
        reference = await references(log, kafka, rules)
        view = await settled(redis, Keys(business.app_id), patience)
        check(view)
        if attempt < _LATE and any(reference_differences(view, reference)):
            continue
        notes, answers = [], []
        if exporter is not None:
            answers = await _ask(exporter, view, rules, patience, notes)
        if await log.ends(kafka.reference_topic) == before:
            break
    return SeenView(view, reference, answers, notes)


async def _ask(
    exporter: str, view: ShownParts, rules: PlainRules, patience: float, notes: list[str]
) -> list[AuditAnswer]:
    newest = max((beat.get("time", 0) for beat in view.beats.values()), default=0)
    at = _moment(newest, int(time.time() * 10**6), rules) if newest else 0
    try:
        return [answer async for answer in Asking(exporter, patience, LoginSettings().pair).answers(at)]
    except httpx.TransportError:
        notes.append(f"no exporter answers at {exporter}; what it shows was not compared")
        return []


def _moment(newest: int, now: int, rules: PlainRules) -> int:
    """The past that is asked for (us): the end of the hour before the newest record, or of a day."""
    newest = min(newest, now)
    if now - newest < _HOURS_SHOWN:
        return rules.hour(newest) * 10**6 - 1
    return rules.start(rules.local(newest).date()) - 1


def compare_answers(seen: SeenView, retold: Retold, report: AuditReport) -> None:
    """Hold every answer against what it must show, and against the view that was there before it."""
    for answer, numbers in retold.expected():
        report.differs("age of what the exporter shows", compare.fences(answer, seen.view.fences))
        report.compared[answer.kind] += len(numbers.keys() | answer.shown.keys())
        report.differs(answer.kind, compare.answers(answer, numbers))


def reference_differences(view: ShownParts, reference: PlainReference) -> Iterator[Difference]:
    """Reference records of which the view has another version than the log."""
    log = {key: _plain(event) for key, event in reference.held.items()}
    for key in sorted(log.keys() | view.reference.keys()):
        if log.get(key) != _stated(view.reference.get(key)):
            held = str(view.reference.get(key, {}).get("data", ""))
            yield Difference(f"reference {key}", held, str(log.get(key, "")))


def _plain(event: wire.ReferenceEvent) -> dict[str, Any]:
    data = event.data
    return {name: getattr(data, name) for name in data.__struct_fields__ if getattr(data, name) is not None}


def _stated(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {name: value for name, value in record["data"].items() if value is not None}
