"""What the exporter shows: every answer with the fences and the moment that it is as of, read as series."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import FAMILIES, KPIS, service
from metrics.family import CALENDAR_WINDOWS, PERIODS, SHORT_WINDOWS
from metrics.kpi import Level
from metrics.settled import HEADER, Settled
from metrics.settled import read as read_header
from streams.audit.report import AuditError
from streams.plain.series import Series, series

METRICS, AT, API = "/metrics", "/metrics?at=", "JSON API"
_NAMES = {name for family in FAMILIES for name in family.names} | {service.UNCONVERTED.name, service.WORKING_NOW.name}
_KPIS = {kpi.id: kpi for kpi in KPIS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = 120.0
"""For one answer: a large floor takes its time, and a busy one some tries."""
_PAUSE = 0.1
_SKEW = 5.0
"""Seconds that clocks may be apart."""


@dataclass(frozen=True)
class Answer:
    """One answer: what is shown, as of which records and which moment (us).

    at: the moment (us) that was asked for, 0 for now. asked: level, window and period of KPIs.
    """

    source: str
    fences: Mapping[int, int]
    moment: int
    shown: Mapping[Series, float]
    at: int = 0
    asked: tuple[Level, str, str] | None = None

    @property
    def kind(self) -> str:
        """How its numbers are counted in the report."""
        return "KPIs of the JSON API" if self.asked else "series of the exporter"

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.source} {' '.join(map(str, self.asked))}" if self.asked else self.source


class Asking:
    """The exporter at an address."""

    def __init__(self, url: str, patience: float) -> None:
        self._url = url.rstrip("/")
        self._patience = patience

    async def answers(self, at: int) -> AsyncIterator[Answer]:
        """Everything that is shown: /metrics as it stands and at a moment (us), and the KPIs at all levels.

        Raises AuditError when an answer cannot be had, httpx.TransportError when nobody is there.
        """
        async with httpx.AsyncClient(base_url=self._url, timeout=_SECONDS) as client:
            text, settled = await self._get(client, "/metrics", {})
            yield Answer(METRICS, settled.fences, settled.moment, read(text))
            if at:
                moment = (_EPOCH + timedelta(microseconds=at)).isoformat()
                text, settled = await self._get(client, "/metrics", {"at": moment})
                yield Answer(AT, settled.fences, settled.moment, read(text), at)
            for level in Level:
                for window in (*SHORT_WINDOWS, *CALENDAR_WINDOWS):
                    for period in PERIODS:
                        query = {"level": level.value, "window": window, "period": period}
                        text, settled = await self._get(client, "/api/v1/kpis", query)
                        shown = dict(kpis(json.loads(text), level, window, period))
                        yield Answer(API, settled.fences, settled.moment, shown, asked=(level, window, period))

    async def _get(self, client: httpx.AsyncClient, path: str, query: dict[str, str]) -> tuple[str, Settled]:
        """The text of an answer, and what it is as of."""
        deadline = time.monotonic() + self._patience
        while True:
            began = time.time()
            answer = await client.get(path, params=query | {"settled": "true"})
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                break
            await asyncio.sleep(_PAUSE)
        if answer.status_code != httpx.codes.OK:
            raise AuditError(f"the exporter at {self._url} answers {answer.status_code}: {answer.text[:200].strip()}")
        if HEADER not in answer.headers:
            raise AuditError(f"the exporter at {self._url} does not say what its numbers are as of; update it")
        settled = read_header(answer.headers[HEADER])
        if not began - _SKEW <= settled.moment / 1e6 <= time.time() + _SKEW:
            off = settled.moment / 1e6 - time.time()
            raise AuditError(f"the clock of the exporter at {self._url} is {off:+.1f} s off; set the clocks")
        return answer.text, settled


def read(text: str) -> dict[Series, float]:
    """The series about sales of an exposition in Prometheus's text format."""
    return {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in _NAMES
    }


def kpis(answer: Mapping[str, Any], level: Level, window: str, period: str) -> Iterator[tuple[Series, float]]:
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
