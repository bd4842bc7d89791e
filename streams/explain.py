"""Why is this number so? The entities behind any number, recomputed plainly from the log when asked.

Two passes over the events: the first (kept, and later only continued) notes which clients a manager has had to
do with and how the partition's time went on, the second recomputes those clients alone.
"""

import asyncio
import time
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from aiokafka.errors import KafkaError

from metrics.catalogue import FAMILIES
from metrics.errors import AwayError
from metrics.family import Source
from producers.events.intake import Refused, decode
from producers.settings import KafkaSettings
from streams.plain.exact import moment
from streams.plain.kafka import Log, kafka_log
from streams.plain.log import PlainPartition
from streams.plain.placed import COUNTS, PlainPlaces
from streams.plain.reference import PlainReference
from streams.plain.rows import Query, Row, open_rows, percentile, plan_rows, windowed_rows
from streams.plain.rules import Rules
from streams.plain.shown import Shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CACHED = 64
OLDEST = frozenset(family.name for family in FAMILIES if family.name.endswith("_oldest_seconds"))
"""Families that show the greatest of their rows, not the sum."""
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Explanation:
    """A number and the rows that add up to it, or that it is the percentile of.

    total: exact, as a decimal (or a fraction "1/3"), of a percentile the digits shown, None of nothing; over all
    `count` rows, of which `rows` holds at most the limit that was asked for, by size (`truncated` says whether any is
    missing). upto: partition → last offset looked at.
    """

    query: Query
    at: datetime
    total: str | None
    count: int
    rows: tuple[Row, ...]
    truncated: bool
    upto: Mapping[int, int]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values; times in RFC 3339, numbers exact, as text."""
        q = self.query
        return {
            "family": q.family,
            "labels": dict(q.labels),
            "manager": q.manager,
            "team": q.team,
            "window": q.window or None,
            "period": q.period if q.window else None,
            "at": self.at.isoformat(),
            "total": self.total,
            "count": self.count,
            "truncated": self.truncated,
            "entities": [
                {
                    "kind": row.kind,
                    "id": row.entity,
                    "client": row.client,
                    "manager": row.manager,
                    "team": row.team,
                    "time": None if row.time is None else _instant(row.time).isoformat(),
                    "contribution": exact(row.value),
                    "converted": row.converted,
                    "labels": dict(zip(q.declared.labels, row.labels, strict=False)),
                }
                for row in self.rows
            ],
        }


@dataclass
class _Index:
    """What the first pass knows of a partition: up to where, its time, and the log keys of each manager.

    aside: offsets of records that do not count here; odd: of those that count with another key than their client's.
    """

    places: PlainPlaces
    end: int = 0
    aside: set[int] = field(default_factory=set)
    odd: set[int] = field(default_factory=set)
    offsets: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keys: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def time(self, offset: int) -> int:
        """The partition's time (us) after an offset."""
        index = bisect_right(self.offsets, offset)
        return self.times[index - 1] if index else 0


class Explainer:
    """Answers for one set of topics. Safe for many tasks; scans run one after another, in a thread."""

    def __init__(
        self,
        kafka: KafkaSettings,
        rules: Rules,
        *,
        open_log: Callable[[KafkaSettings], AbstractAsyncContextManager[Log]] = kafka_log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kafka = kafka
        self._rules = rules
        self._open = open_log
        self._clock = clock
        self._indexes: dict[int, _Index] = {}
        self._lock = asyncio.Lock()
        self._cache: OrderedDict[Any, Explanation] = OrderedDict()

    async def explain(
        self,
        family: str,
        labels: Mapping[str, str] | None = None,
        manager: str | None = None,
        team: str | None = None,
        window: str = "",
        period: str = "current",
        at: datetime | None = None,
        *,
        limit: int = 1000,
        upto: Mapping[int, int] | None = None,
    ) -> Explanation:
        """The entities behind a number, the largest contributions first.

        manager, team: None sums over all; `team` as shown (by the roster when not stated). at: as `?at=` of
        /metrics; None means now. upto: partition → last offset to look at (the fences of what is shown); without
        it the whole log. Raises ValueError for what does not exist, AwayError without Kafka.
        """
        query = Query(family, dict(labels or {}), manager, team, window, period)
        async with self._lock:
            try:
                return await asyncio.to_thread(asyncio.run, self._answer(query, at, limit, upto))
            except KafkaError as error:
                raise AwayError(f"Kafka does not answer, so nothing can be explained now: {error}") from error

    async def _answer(
        self, query: Query, at: datetime | None, limit: int, upto: Mapping[int, int] | None
    ) -> Explanation:
        async with self._open(self._kafka) as log:
            ends = await log.ends(self._kafka.events_topic)
            until = {p: min(end, upto[p] + 1) if upto and p in upto else end for p, end in ends.items()}
            references = await log.ends(self._kafka.reference_topic)
            moment_asked = at if at is not None else _instant(int(self._clock() * 1000) * 1000)
            name = (repr(query), at or int(self._clock()), limit, *until.items(), *references.items())
            if name in self._cache:
                return self._cache[name]
            reference = await self._reference(log, references)
            asked, clock = moment(moment_asked), int(self._clock() * 1000) * 1000
            shown = Shown(asked, self._rules, reference, at is not None, clock=clock if at is not None else asked)
            rows = sorted(await self._rows(log, query, until, shown), key=lambda row: -abs(row.value))
        total: Fraction = sum((row.value for row in rows), Fraction())
        if query.family in OLDEST:
            rows = rows[:1]
            total = rows[0].value if rows else Fraction()
        told: str | None = exact(total)
        if query.quantile:
            found = percentile(query, rows)
            told = None if found is None else exact(Fraction(repr(found)))
        answer = Explanation(
            query,
            moment_asked,
            told,
            len(rows),
            tuple(rows[:limit]),
            len(rows) > limit,
            {partition: end - 1 for partition, end in until.items()},
        )
        self._cache[name] = answer
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return answer

    async def _reference(self, log: Log, ends: Mapping[int, int]) -> PlainReference:
        reference = PlainReference(self._rules.currency)
        for partition, end in ends.items():
            async for chunk in log.read(self._kafka.reference_topic, partition, 0, end):
                for record in chunk:
                    reference.take_record(record)
        return reference

    async def _rows(self, log: Log, query: Query, until: Mapping[int, int], shown: Shown) -> list[Row]:
        if query.declared.source is Source.PLAN:
            return list(plan_rows(query, shown))
        rows: list[Row] = []
        for partition, end in until.items():
            index = self._indexes.setdefault(partition, _Index(PlainPlaces(partition, len(until))))
            await self._continue(log, index, partition, end)
            only = None if query.manager is None else frozenset(index.keys[query.manager])
            plain = await self._recompute(log, index, partition, end, only)
            if query.declared.source is Source.CELLS:
                rows += windowed_rows(query, plain.contributions(), shown)
            else:
                rows += open_rows(query, plain.open_things(), shown)
        return rows

    async def _continue(self, log: Log, index: _Index, partition: int, end: int) -> None:
        """First pass, from where it stands: which log keys a manager has had to do with, and the time."""
        async for chunk in log.read(self._kafka.events_topic, partition, index.end, end):
            for record in chunk:
                try:
                    verdict, event, *_ = index.places.judge(record)
                except Refused:
                    verdict = ""
                if verdict != COUNTS:
                    index.aside.add(record.offset)
                    continue
                if record.key != event.key.encode():
                    index.odd.add(record.offset)
                index.keys[getattr(event.data, "manager_id", None) or _UNKNOWN].add(event.key)
                if not index.times or moment(event.time) > index.times[-1]:
                    index.offsets.append(record.offset)
                    index.times.append(moment(event.time))
            index.end = chunk[-1].offset + 1

    async def _recompute(
        self, log: Log, index: _Index, partition: int, end: int, only: frozenset[str] | None
    ) -> PlainPartition:
        """Second pass: the plain definition over the clients asked for."""
        plain = PlainPartition(self._rules)
        keys = None if only is None else {key.encode() for key in only}
        if only is None or only:
            async for chunk in log.read(self._kafka.events_topic, partition, 0, end):
                for record in chunk:
                    offset = record.offset
                    if offset in index.aside or not (keys is None or record.key in keys or offset in index.odd):
                        continue
                    event = decode(record)
                    if only is None or event.key in only:
                        plain.time = index.time(offset)
                        plain.take(event)
        plain.time = index.time(end - 1)
        return plain


def exact(value: Fraction) -> str:
    """A number as text without loss: a decimal where there is one, else a fraction."""
    scaled, places = value, 0
    while scaled.denominator != 1 and places < 60:
        scaled, places = scaled * 10, places + 1
    if scaled.denominator != 1:
        return str(value)
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
