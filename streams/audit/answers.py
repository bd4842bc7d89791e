"""What the exporter shows: every answer with the fences and the moment that it is as of, read as series."""

import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import FAMILIES, KPIS, service
from metrics.catalogue.course import COURSE_FAMILIES
from metrics.family import CALENDAR_WINDOWS, PERIODS, SHORT_WINDOWS
from metrics.kpi import Level
from metrics.settled import HEADER, Settled
from metrics.settled import read as read_header
from producers.brokers import until
from streams.audit import walls
from streams.audit.report import AuditError
from streams.audit.walls import Wall
from streams.plain.series import PlainSeries, series

METRICS, AT, API, WALL = "/metrics", "/metrics?at=", "JSON API", "wall"
_BESIDES = (service.UNCONVERTED, service.WORKING_NOW, *COURSE_FAMILIES)
_NAMES = {name for family in FAMILIES for name in family.names} | {family.name for family in _BESIDES}
_KPIS = {kpi.id: kpi for kpi in KPIS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = 120.0
"""For one answer: a large floor takes its time, and a busy one some tries."""
_PAUSE = 0.1
_PEOPLE = 3
"""Of whose walls are looked at: they are made as those of teams are, and all KPIs of people are asked for besides."""
_SKEW = 5.0
"""Seconds that clocks may be apart."""


@dataclass(frozen=True)
class AuditAnswer:
    """One answer: what is shown, as of which records and which moment (us).

    at: the moment (us) that was asked for, 0 for now. asked: level, window and period of KPIs; wall: whose it is.
    """

    source: str
    fences: Mapping[int, int]
    moment: int
    shown: Mapping[PlainSeries, float]
    at: int = 0
    asked: tuple[Level, str, str] | None = None
    wall: Wall | None = None

    @property
    def kind(self) -> str:
        """How its numbers are counted in the report."""
        if self.wall is not None:
            return "numbers of walls"
        return "KPIs of the JSON API" if self.asked else "series of the exporter"

    @property
    def divides(self) -> bool:
        """Whether its numbers are divided in floats."""
        return self.asked is not None or self.wall is not None

    @property
    def name(self) -> str:
        """For people."""
        return " ".join(map(str, (self.source, *(self.asked or self.wall or ()))))


class Asking:
    """The exporter at an address. login: as whom it is read, where it asks."""

    def __init__(self, url: str, patience: float, login: tuple[str, str] | None = None) -> None:
        self._login = login
        self._url = url.rstrip("/")
        self._patience = patience

    async def answers(self, at: int) -> AsyncIterator[AuditAnswer]:
        """Everything that is shown: /metrics as it stands and at a moment (us), the KPIs at all levels, and walls.

        Raises AuditError when an answer cannot be had, httpx.TransportError when nobody is there.
        """
        async with httpx.AsyncClient(base_url=self._url, timeout=_SECONDS, auth=self._login) as client:
            text, settled = await self._get(client, "/metrics", {})
            yield AuditAnswer(METRICS, settled.fences, settled.moment, read(text))
            if at:
                moment = (_EPOCH + timedelta(microseconds=at)).isoformat()
                text, settled = await self._get(client, "/metrics", {"at": moment})
                yield AuditAnswer(AT, settled.fences, settled.moment, read(text), at)
            for level in Level:
                for window in (*SHORT_WINDOWS, *CALENDAR_WINDOWS):
                    for period in PERIODS:
                        query = {"level": level.value, "window": window, "period": period}
                        text, settled = await self._get(client, "/api/v1/kpis", query)
                        shown = dict(kpis(json.loads(text), level, window, period))
                        yield AuditAnswer(API, settled.fences, settled.moment, shown, asked=(level, window, period))
            async for answer in self._walls(client):
                yield answer

    async def _walls(self, client: httpx.AsyncClient) -> AsyncIterator[AuditAnswer]:
        """The walls of the company, of all teams and of some people, other ones each time."""
        scopes: dict[str, Any] = {}
        for window in CALENDAR_WINDOWS:
            answer, scopes = await self._wall(client, Wall(Level.COMPANY, "", window))
            yield answer
        people = [one["id"] for one in scopes["managers"]]
        some = random.sample(people, min(_PEOPLE, len(people)))
        named = [*((Level.TEAM, team) for team in scopes["teams"]), *((Level.MANAGER, person) for person in some)]
        for number, (level, name) in enumerate(named):
            yield (await self._wall(client, Wall(level, name, CALENDAR_WINDOWS[number % len(CALENDAR_WINDOWS)])))[0]

    async def _wall(self, client: httpx.AsyncClient, wall: Wall) -> tuple[AuditAnswer, dict[str, Any]]:
        """What one wall shows, and whom there are walls of."""
        query = {"level": wall.level.value, "id": wall.name, "window": wall.window}
        text, settled = await self._get(client, "/api/v1/live", query)
        found = json.loads(text)
        return AuditAnswer(WALL, settled.fences, settled.moment, walls.shown(found, wall), wall=wall), found["scopes"]

    async def _get(self, client: httpx.AsyncClient, path: str, query: dict[str, str]) -> tuple[str, Settled]:
        """The text of an answer, and what it is as of."""

        async def ask() -> tuple[float, httpx.Response]:
            return time.time(), await client.get(path, params=query | {"settled": "true"})

        # 503 while workers write without a pause: then nothing is as of one record of each partition.
        began, answer = await until(
            ask,
            lambda found: found[1].status_code != httpx.codes.SERVICE_UNAVAILABLE,
            seconds=self._patience,
            pause=_PAUSE,
        )
        if answer.status_code != httpx.codes.OK:
            raise AuditError(f"the exporter at {self._url} answers {answer.status_code}: {answer.text[:200].strip()}")
        if HEADER not in answer.headers:
            raise AuditError(f"the exporter at {self._url} does not say what its numbers are as of; update it")
        settled = read_header(answer.headers[HEADER])
        if not began - _SKEW <= settled.moment / 1e6 <= time.time() + _SKEW:
            off = settled.moment / 1e6 - time.time()
            raise AuditError(f"the clock of the exporter at {self._url} is {off:+.1f} s off; set the clocks")
        return answer.text, settled


def read(text: str) -> dict[PlainSeries, float]:
    """The series about sales of an exposition in Prometheus's text format."""
    return {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in _NAMES
    }


def kpis(answer: Mapping[str, Any], level: Level, window: str, period: str) -> Iterator[tuple[PlainSeries, float]]:
    """Values, previous values and trends, as the series that rules record."""
    for row in answer["kpis"]:
        kpi = _KPIS[row["id"]]
        for one in row["values"]:
            labels = one["labels"] | ({"window": window} if kpi.windows else {})
            timed = bool(kpi.windows) and not kpi.is_planned
            yield series(kpi.record(level), labels | ({"period": period} if timed else {})), one["value"]
            if one["previous"] is not None:
                yield series(kpi.record(level), labels | {"period": PERIODS[1]}), one["previous"]
            if one["trend"] is not None:
                yield series(kpi.trend_record(level), labels), one["trend"]
