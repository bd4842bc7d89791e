"""The simulator's loop: what is past goes out as fast as it can, what is to come at its moment, never earlier."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from producers.simulator.floor import Event, key_of
from producers.simulator.rhythm import SECOND
from producers.simulator.sinks import EventSink

BATCH = 2000
_SHORTEST_WAIT = 0.02

Stream = Iterator[tuple[int, Event]]


@dataclass(slots=True)
class SimulatedPace:
    """Which simulated moment it is. Without `speed` all that `now()` has passed is due.

    With it, simulated time runs from `start_us` at `speed` times the real one, but never ahead of it.
    """

    now: Callable[[], int]
    start_us: int = 0
    speed: float | None = None
    may_lead: bool = False
    _began_us: int = field(init=False)

    def __post_init__(self) -> None:
        self._began_us = self.now()

    def due(self) -> int:
        """Return the simulated moment (us) up to which events may be sent."""
        now = self.now()
        if self.speed is None:
            return 1 << 62 if self.may_lead else now
        simulated = self.start_us + int((now - self._began_us) * self.speed)
        return simulated if self.may_lead else min(now, simulated)

    def wait(self, until_us: int) -> float:
        """Return the real seconds until a simulated moment is due."""
        return max(_SHORTEST_WAIT, (until_us - self.due()) / SECOND / (self.speed or 1.0))


async def run(
    stream: Stream,
    sink: EventSink,
    pace: SimulatedPace,
    stop: asyncio.Event,
    sent: Callable[[int, int], None],
) -> None:
    """Send a stream until its end or `stop`. `sent(count, moment)` follows each acknowledged batch.

    The moment (us) is the last one of which all is sent.
    """
    batch: list[tuple[str, Event]] = []
    last = 0
    for moment, event in stream:
        if moment > pace.due() or len(batch) >= BATCH:
            if batch:
                await sink.send(batch)
                sent(len(batch), last)
                batch.clear()
            else:
                await asyncio.sleep(0)
            while moment > pace.due() and not stop.is_set():
                await _pause(stop, min(1.0, pace.wait(moment)))
            if stop.is_set():
                return
        batch.append((key_of(event), event))
        last = moment
    if batch:
        await sink.send(batch)
        sent(len(batch), last)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
