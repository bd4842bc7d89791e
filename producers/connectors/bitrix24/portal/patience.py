"""When a portal that gave no usable answer is asked again, how long that goes on, and that it is said."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from producers.connectors.bitrix24.errors import PortalUnavailable
from producers.connectors.bitrix24.portal.limits import LONGEST

log = structlog.get_logger(__name__)
_ATTEMPTS = 8
_TOLD = 5.0
"""Seconds from which on it is said what is waited for."""
_AGAIN = 300.0
"""Seconds after which it is said again."""
_STEP = 1.0


class Waits(NamedTuple):
    """Seconds that are waited at once, at most; seconds without a good answer after which it is given up."""

    at_once: float
    silent: float


SOON: Final = Waits(30.0, 0.0)
"""For who comes again in a moment, and holds others up while it waits."""
LONG: Final = Waits(LONGEST, 12 * 3600.0)
"""For who has nothing else to do: as long as a block lasts, and a night without any answer."""


class Patience:
    """Of one portal. over: told which method was waited for, once that is over. `wanted` is asked while it waits."""

    def __init__(
        self,
        over: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        factor: float = 1.0,
    ) -> None:
        self.waits = SOON
        self.wanted: Callable[[], bool] = lambda: True
        self._over = over
        self._clock = clock
        self._sleep = sleep
        self._factor = factor
        self._good = 0
        self._heard = clock()
        self._method = ""
        self._told = 0.0

    def answered(self) -> None:
        """There was a good answer."""
        self._good += 1
        self._heard = self._clock()

    def attempts(self, progress: Callable[[], int] = lambda: 0) -> AsyncRetrying:
        """Attempts at something that gets further from one to the next, as `progress` says."""
        backoff = wait_random_exponential(multiplier=0.5, max=30)
        reached, since, good = progress(), 0, self._good

        def is_over(state: RetryCallState) -> bool:
            nonlocal reached, since, good
            if progress() > reached:
                reached, since, good = progress(), state.attempt_number, self._good
            if (_busy(state).wait_seconds or 0.0) > self.waits.at_once or not self.wanted():
                return True
            # It answers, and to this never well; it has never answered; or for too long.
            is_lost = self._good > good or not self._good or self._clock() - self._heard >= self.waits.silent
            return state.attempt_number - since >= _ATTEMPTS and is_lost

        def tell(state: RetryCallState) -> None:
            seconds = state.next_action.sleep if state.next_action else 0.0
            self._method = _busy(state).method
            if seconds >= _TOLD and self._clock() - self._told >= _AGAIN:
                self._told = self._clock()
                log.warning("waiting for the portal", seconds=round(seconds), why=str(_busy(state)))

        return AsyncRetrying(
            retry=retry_if_exception_type(PortalUnavailable),
            stop=is_over,
            wait=lambda state: _busy(state).wait_seconds or backoff(state),
            before_sleep=tell,
            sleep=self._pause,
            reraise=True,
        )

    async def _pause(self, seconds: float) -> None:
        left, method = seconds * self._factor, self._method
        while left > 0 and self.wanted():
            await self._sleep(min(left, _STEP))
            left -= _STEP
        if method:
            self._over(method)


def _busy(state: RetryCallState) -> PortalUnavailable:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, PortalUnavailable) else PortalUnavailable("")
