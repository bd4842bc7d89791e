"""The cycle: what is shown now every nine minutes, other days once a day or oftener, at a bounded share of a core.

The first look at a unit takes the index as it is, which is ahead of the view: where both agree, all is well. What
differs is looked at again with the ledger held at the very record as of which the view is, and what differs then once
more, later. Only that counts: events that came in between never do.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import ExitStack
from typing import TypeVar

import structlog

from metrics.errors import AwayError
from streams.audit.standing import index
from streams.audit.standing.ledger import LedgerClient
from streams.audit.standing.look import Found, Piece, StandingLook, compare_all, together
from streams.audit.standing.status import AuditStatus
from streams.audit.standing.units import OPEN, Unit
from streams.audit.standing.view import View
from streams.plain.rules import PlainRules

log = structlog.get_logger(__name__)
CYCLE_SECONDS = 540.0
"""Nine minutes: what differs is looked at once more before it counts, and is found within ten."""
_DAY_SECONDS = 86_400.0
_SHOWN_DAYS = 31
"""Local days that are looked at in every cycle: events still come for them, and walls show them one by one."""
_AGAIN_SECONDS = 10.0
"""After which what differed is looked at once more: a view that lost something is repaired by then."""
_PATIENCE = 5.0
_PAUSE, _LOOKS = 0.05, 30
"""While the ledger stands still: for as long as whoever asks it meanwhile is still answered."""
_TRIES = 4
_UNITS = 8
"""Looked at together at most while the ledger is held."""
_LOGGED = 20
NOTE = "audit"
_T = TypeVar("_T")


class StandingAudit:
    """One index against one view. share: of a core, at most. clock, sleep: replaced in tests."""

    def __init__(
        self,
        ledger: LedgerClient,
        view: View,
        rules: PlainRules,
        *,
        share: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._view = view
        self._rules = rules
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._spent = self._owed = 0.0
        self._began = 0.0
        self._is_recalled = False
        self.status = AuditStatus()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            began = self._clock()
            await self.cycle()
            # One that could not be made costs next to nothing: at a start the ledger has not reached Kafka yet.
            pause = CYCLE_SECONDS if not self.status.problem else _AGAIN_SECONDS / 2
            await self._sleep(max(1.0, began + pause - self._clock()))

    async def cycle(self) -> None:
        """Compare what is shown now, and of other days as many as there is time for, the longest not compared first."""
        self._spent, self._began = 0.0, self._clock()
        try:
            await self._recall()
            days = await self._days()
            today = self._rules.day(int(self._began * 10**6))
            wrong = {unit for unit, _ in self.status.differences}
            now = [OPEN, *(Unit(day) for day in sorted(days, reverse=True) if day > today - _SHOWN_DAYS)]
            is_whole = await self._compare([*now, *sorted(wrong - set(now))])
            if is_whole and not self.status.differences:
                self.status.shown = self._began
            await self._others(sorted(days - {unit.day for unit in now}, key=self._proved))
            self.status.problem = "" if is_whole else "the view is behind the ledger, or being written again"
        except AwayError as error:
            self.status.problem = str(error)
        except (sqlite3.Error, OSError) as error:
            self.status.problem = f"the index cannot be read now: {error}"
        except Exception as error:
            # It proves nothing then, and says so; the ledger itself goes on.
            log.exception("the standing audit failed")
            self.status.problem = f"the standing audit failed: {error!r}"
        try:
            await self._ledger.note(NOTE, self.status.kept())
        except sqlite3.Error as error:
            log.warning("what was proved cannot be kept", error=str(error))

    async def _others(self, days: list[int]) -> None:
        """Older days: those that have been equal longest ago come first, as many as the cycle's share allows."""
        for day in days:
            is_due = self._clock() - self._proved(day) >= _DAY_SECONDS
            is_over = self._clock() - self._began >= CYCLE_SECONDS or self._spent >= self._share * CYCLE_SECONDS
            if is_over and not (is_due and self._spent < 2 * self._share * CYCLE_SECONDS):
                return
            await self._compare([Unit(day)])

    def _proved(self, day: int) -> float:
        return self.status.days.get(day, 0.0)

    async def _recall(self) -> None:
        if not self._is_recalled:
            with self._ledger.moments().reading() as database:
                found = database.execute("SELECT value FROM meta WHERE name = ?", (NOTE,)).fetchone()
            if found is not None:
                self.status.recall(found[0])
            self._is_recalled = True

    async def _days(self) -> set[int]:
        """All days that are in the index or in the view; what is known of others is forgotten."""

        def look() -> set[int]:
            with self._ledger.moments().reading() as database:
                return index.days(database) | self._view.days()

        found = await self._working(look)
        self.status.days = {day: at for day, at in self.status.days.items() if day in found}
        for piece in [piece for piece in self.status.differences if piece[0] != OPEN and piece[0].day not in found]:
            del self.status.differences[piece]
        return found

    async def _compare(self, units: list[Unit]) -> bool:
        """Compare units; says whether all of them could be."""
        left: set[Piece] = set()
        began: dict[Unit, float] = {}
        for unit in units:
            began[unit] = self._clock()
            look = await self._first(unit)
            await self._pay()
            self._keep(look)
            left |= look.different.keys() | look.skipped
        for again in (False, True):
            if left and again:
                await self._sleep(_AGAIN_SECONDS)
            found, skipped = await self._exactly(left)
            left = set(found) | skipped
        self._differ(found)
        for unit in units:
            if unit != OPEN and not any(piece[0] == unit for piece in left):
                self.status.days[unit.day] = began[unit]
        return not skipped

    async def _first(self, unit: Unit) -> StandingLook:
        """Compare with the index as it is, once it has passed the view."""
        numbers = await self._working(self._view.partitions)
        if silent := sorted(set(self._ledger.partitions()) - numbers):
            raise AwayError(f"no worker has reported on partition {silent[0]}")
        shown = await self._working(lambda: self._view.read([unit], numbers))
        await self._ledger.passed(shown.fences, _PATIENCE)

        def look() -> StandingLook:
            with self._ledger.moments().reading() as database:
                return compare_all(database, self._rules, shown, {unit: numbers}, exact=False)

        return await self._working(look)

    async def _exactly(self, pieces: Collection[Piece]) -> tuple[dict[Piece, list[Found]], set[Piece]]:
        """Compare pieces as of the very same records; what differs, and what was never whole."""
        found: dict[Piece, list[Found]] = {}
        left = set(pieces)
        for _ in range(_TRIES):
            skipped: set[Piece] = set()
            for units in together(left, _UNITS):
                look = await self._held(units)
                await self._pay()
                self._keep(look)
                found |= look.different
                skipped |= look.skipped
            left = skipped
        return found, left

    async def _held(self, units: Mapping[Unit, Collection[int]]) -> StandingLook:
        numbers = {number for found in units.values() for number in found}
        with ExitStack() as stack:
            async with self._ledger.held(numbers, _PATIENCE) as hold:
                for _ in range(_LOOKS):
                    shown = await self._working(lambda: self._view.read(units, numbers))
                    behind = [n for n in numbers if shown.fences.get(n, -1) < self._ledger.last(n)]
                    if not behind:
                        break
                    await self._sleep(_PAUSE)
                if not behind:
                    await hold.advance({number: shown.fences[number] for number in numbers})
                # From here on it is as of this moment, whatever is taken next.
                database = stack.enter_context(self._ledger.moments().reading())
                index.reached(database)
            return await self._working(lambda: compare_all(database, self._rules, shown, units, exact=True))

    def _keep(self, look: StandingLook) -> None:
        self.status.take(look)
        for piece in look.equal & self.status.differences.keys():
            del self.status.differences[piece]
            log.info("the view is what the log says again", unit=str(piece[0]), partition=piece[1])

    def _differ(self, found: Mapping[Piece, list[Found]]) -> None:
        news = [
            one for piece, some in found.items() for one in some if one not in self.status.differences.get(piece, [])
        ]
        self.status.differences |= found
        for one in news[:_LOGGED]:
            log.error(
                "the view differs from the log", what=one.what.where, shown=one.what.shown, log=one.what.log,
                family=one.family, explain=one.explain, recompute="sales-pulse audit",
            )  # fmt: skip
        if len(news) > _LOGGED:
            log.error("the view differs from the log in more numbers", count=len(news) - _LOGGED)

    async def _working(self, do: Callable[[], _T]) -> _T:
        """Do it in a thread, and note what it costs."""

        def timed() -> tuple[_T, float]:
            began = time.thread_time()
            return do(), time.thread_time() - began

        found, seconds = await asyncio.to_thread(timed)
        self._spent += seconds
        self._owed += seconds
        self.status.seconds += seconds
        return found

    async def _pay(self) -> None:
        """Wait for as long as keeps our share of a core; nothing is held meanwhile."""
        owed, self._owed = self._owed, 0.0
        await self._sleep(owed * (1 / self._share - 1))
