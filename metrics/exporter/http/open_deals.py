"""What the ledger says of open deals by stage and age, for forecasts: asked every few minutes, and never waited for."""

import asyncio
from array import array
from collections.abc import Callable, Sequence
from datetime import date
from time import monotonic
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
import structlog

from metrics.errors import AwayError
from metrics.family import PLAN_WINDOWS
from metrics.forecast import LONGEST, Brought
from metrics.windows import local_day, period_end

log = structlog.get_logger(__name__)
_LOOK_SECONDS = 10.0
_ASK_SECONDS = 300.0
_AGAIN_SECONDS = 30.0
_PATIENCE = 100
"""It is asked again after so many times what an answer took."""
_AWAY_SECONDS = 3600.0
"""What a ledger said that has not answered for so long is not used any more."""


class Teller(Protocol):
    """Who knows it; given from outside."""

    async def brought(self, day: date, runs: Sequence[int]) -> dict[str, Any]:
        """As `GET /api/v1/brought` of the ledger has it. Raises ValueError, AwayError."""


class _One(msgspec.Struct):
    """Of a team ("" for the company), a measure of plans and a run of days."""

    team: str
    measure: str
    run: int
    brings: list[float]
    came: list[float]
    opened: list[float]


class _Answer(msgspec.Struct):
    brought: list[_One]


class OpenDeals:
    """What was heard last, of the day that it was asked for."""

    def __init__(self, clock: Callable[[], float], zone: ZoneInfo) -> None:
        self._clock = clock
        self._zone = zone
        self._day = 0
        self._heard = 0.0
        self._brought: dict[tuple[str, str, int], Brought] = {}

    async def following(self, teller: Teller, *, look: float = _LOOK_SECONDS, again: float = _AGAIN_SECONDS) -> None:
        """Ask from time to time and at midnight, as long as it runs."""
        due = 0.0
        while True:
            today = local_day(int(self._clock()), self._zone)
            if today != self._day or monotonic() >= due:
                began = monotonic()
                try:
                    self.take(today, await teller.brought(date.fromordinal(today), runs(today)))
                    due = monotonic() + max(_ASK_SECONDS, _PATIENCE * (monotonic() - began))
                except (AwayError, ValueError) as error:
                    log.debug("the ledger says nothing of open deals", why=str(error))
                    await asyncio.sleep(again)
            await asyncio.sleep(look)

    def take(self, day: int, told: dict[str, Any]) -> None:
        """Keep an answer for a day. Raises AwayError for one of another program, or of another release."""
        try:
            found = msgspec.convert(told, _Answer)
        except msgspec.ValidationError as error:
            raise AwayError(f"what answers is not a ledger of this release: {error}") from error
        self._day, self._heard = day, self._clock()
        self._brought = {
            (one.team, one.measure, one.run): Brought(
                *(array("d", some) for some in (one.brings, one.came, one.opened))
            )
            for one in found.brought
        }

    def of(self, team: str, measure: str, day: int) -> Callable[[int], Brought | None]:
        """Of a scope, as a day began, by the run of days from it on."""
        is_known = day == self._day and self._clock() - self._heard <= _AWAY_SECONDS
        return lambda run: self._brought.get((team, measure, run)) if is_known else None


def runs(day: int) -> list[int]:
    """How many days are left of the plans' windows that open deals say something of."""
    left = {period_end(window, date.fromordinal(day)).toordinal() - day for window in PLAN_WINDOWS}
    return sorted(run for run in left if run <= LONGEST)
