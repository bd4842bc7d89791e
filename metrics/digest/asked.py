"""What a digest needs to know, asked of the exporter: nothing is added up here that the exporter answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from metrics.catalogue import ANSWERS, TILES
from metrics.digest.certificates import not_accepted
from metrics.digest.period import DigestPeriod
from metrics.errors import AskedError, AwayError
from metrics.family import PLAN_WINDOWS
from metrics.tile import Wanted

LEADING = Wanted("sales_won_amount:sum", {})
"""What people are ordered by, and what the chart shows."""
MISSED = "sales_missed_clients"
_BARS = {"day": 14, "week": 12}
"""Periods of a chart, the one that is told of last."""
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Facts:
    """Answers of the exporter, as they came.

    live: of now. row, leaders: of the period (`/compare`), None where it has no numbers. courses: KPI → its points
    up to the period (`/history`). plans: window → the plan's course (`/burnup`). missed: outcome → clients.
    """

    period: DigestPeriod
    team: str
    live: Mapping[str, Any]
    row: Mapping[str, Any] | None
    leaders: list[Mapping[str, Any]]
    courses: Mapping[str, list[dict[str, Any]]]
    plans: Mapping[str, Mapping[str, Any]]
    missed: Mapping[str, float]

    @property
    def zone(self) -> ZoneInfo:
        """The business's."""
        return ZoneInfo(self.live["zone"])


class ExporterClient:
    """The exporter at an address. Safe to ask again: what is away is waited for, at most `patience` seconds.

    stop: nothing more is asked.
    """

    def __init__(self, client: httpx.Client, patience: float = _PATIENCE_SECONDS, stop: Event | None = None) -> None:
        self._client = client
        self._patience = patience
        self._stop = stop or Event()

    def now(self, team: str = "") -> datetime:
        """The time that the business's clocks show."""
        live = self._live("day", team)
        return datetime.fromtimestamp(live["now"], ZoneInfo(live["zone"]))

    def facts(self, period: DigestPeriod, team: str = "") -> Facts:
        """Everything about a period. Raises AwayError, AskedError."""
        whose = {"level": "team", "name": team} if team else {"level": "company"}
        told = [tile for tile in (*TILES, *ANSWERS) if not tile.is_planned and not tile.now]
        kpis = {one.id for tile in told for one in (tile.main, *tile.more)}
        rows = self._ask("compare", {"kpis": ",".join(sorted(kpis)), **whose, **period.days})["rows"]
        people = {"kpis": LEADING.id, "level": "manager", **({"team": team} if team else {}), **period.days}
        charted = sorted({tile.main.id for tile in told} | {LEADING.id})
        return Facts(
            period=period,
            team=team,
            live=self._live(period.kind, team),
            row=rows[0] if rows else None,
            leaders=self._ask("compare", people)["rows"],
            courses={kpi: self._course({"kpi": kpi, **whose}, period) for kpi in charted},
            plans={window: self._plan(window, period, whose) for window in PLAN_WINDOWS},
            missed=self._missed(period, whose),
        )

    def _live(self, window: str, team: str) -> dict[str, Any]:
        whose = {"level": "team", "id": team} if team else {"level": "company"}
        return self._ask("live", {"window": window, **whose})

    def _course(self, asked: Mapping[str, str], period: DigestPeriod) -> list[dict[str, Any]]:
        since = period.first - (_BARS[period.kind] - 1) * (period.last - period.first + timedelta(days=1))
        days = {"from": since.isoformat(), "to": period.last.isoformat()}
        found: list[dict[str, Any]] = self._ask("history", {**asked, "step": period.kind, **days})["points"]
        return found

    def _missed(self, period: DigestPeriod, whose: Mapping[str, str]) -> dict[str, float]:
        """Outcome → clients whom nobody answered in the period."""
        asked = {"family": MISSED, **whose, "step": period.kind, **period.days}
        values = self._ask("history", asked)["points"][-1]["values"]
        return {one["labels"]["outcome"]: one["value"] for one in values}

    def _plan(self, window: str, period: DigestPeriod, whose: Mapping[str, str]) -> dict[str, Any]:
        return self._ask("burnup", {"kpi": LEADING.id, **whose, "window": window, "day": period.last.isoformat()})

    def _ask(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        waiting = Retrying(
            retry=retry_if_exception_type(AwayError),
            wait=wait_random_exponential(multiplier=0.5, max=15),
            stop=stop_after_delay(self._patience) | stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        )
        return waiting(self._asked, path, query)

    def _asked(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        if self._stop.is_set():
            raise AwayError("the digest is not made, as it was asked to stop")
        try:
            answer = self._client.get(f"/api/v1/{path}", params=query)
            content = answer.json()
        except (httpx.TransportError, ValueError) as error:
            if wrong := not_accepted(error):
                trust = "SSL_CERT_FILE names a file of those who are trusted"
                raise AskedError(f"the exporter at {self._client.base_url}: {wrong}; {trust}") from error
            raise AwayError(f"no exporter answers at {self._client.base_url}; set SALES_DIGEST_EXPORTER") from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise AskedError("the exporter does not know us: set SALES_WEB_USER and SALES_WEB_PASSWORD")
        detail = str(content.get("detail") or content.get("problem") or "")
        if answer.is_server_error or (answer.is_success and detail):
            raise AwayError(f"the exporter withholds its numbers: {detail}")
        if not answer.is_success:
            raise AskedError(f"the exporter refuses {path}: {detail}")
        found: dict[str, Any] = content
        return found
