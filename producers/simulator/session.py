"""One run of the simulator: reference data first, then the stream; remembers how far it came."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from heapq import merge
from pathlib import Path
from time import monotonic
from typing import Literal

import msgspec

from producers.simulator.floor import Event, Setup, SimulatedFloor
from producers.simulator.live import LiveFloor, Stretch, load_floor
from producers.simulator.plans import reference
from producers.simulator.rhythm import DAY, HOUR
from producers.simulator.run import SimulatedPace, run
from producers.simulator.sinks import EventSink
from producers.simulator.state import SimulatorState, load, save

Profile = Literal["wall", "load"]
_SAVE_EVERY = 1.0
_REMEMBERED = 3 * DAY
"""No call or chat lasts longer."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What to send: moments in us; `end_us` None goes on for ever; `live_us` is when `rate` begins to hold.

    `lived`: live times of earlier runs; `before`: another floor that sent to the same receiver, as it stopped.
    """

    setup: Setup
    start_us: int
    end_us: int | None
    live_us: int
    rate: float
    profile: Profile = "wall"
    with_reference: bool = True
    lived: tuple[Stretch, ...] = ()
    before: SimulatorState | None = None


def resumed(plan: SessionPlan, state_file: Path | None, receiver: str) -> tuple[SessionPlan, SimulatorState]:
    """Return the plan from where an earlier run of the same floor to the same receiver stopped, and its state."""
    identity = msgspec.json.encode([asdict(plan.setup), receiver]).decode()
    state = load(state_file)
    if state is None or state.setup != identity:
        fresh = SimulatorState(identity, plan.start_us, plan.live_us, plan.start_us)
        same_receiver = state is not None and msgspec.json.decode(state.setup)[1] == receiver
        return (replace(plan, before=state) if same_receiver else plan), fresh
    lived = tuple(stretch for stretch in state.lived if stretch.until_us > state.until_us - _REMEMBERED)
    return replace(plan, start_us=max(plan.start_us, state.until_us), lived=lived), state


def left_open(before: SimulatorState) -> Iterator[tuple[int, Event]]:
    """Yield what a floor that does not go on still has to tell, so that none of its clients waits for ever."""
    setup = msgspec.convert(msgspec.json.decode(before.setup)[0], Setup)
    return LiveFloor(setup, 0.0, before.until_us, before.lived).left_open(before.until_us)


def stream(plan: SessionPlan) -> Iterator[tuple[int, Event]]:
    """Yield (moment of publishing in us, event) of a plan.

    `wall` adds to a natural floor what keeps its totals believable; `load` adds the full mix, for measuring.
    """
    if plan.profile == "wall":
        floor = LiveFloor(plan.setup, plan.rate, plan.live_us, plan.lived).events(plan.start_us, plan.end_us)
        return merge(floor, left_open(plan.before), key=lambda pair: pair[0]) if plan.before else floor
    begin = max(plan.start_us, plan.live_us)
    busy = load_floor(plan.setup, plan.rate).events(begin, plan.end_us)
    if begin >= (plan.end_us or begin + 1) or plan.start_us >= begin:
        return busy
    calm = SimulatedFloor(plan.setup).events(plan.start_us, plan.end_us)
    return merge(calm, busy, key=lambda pair: pair[0])


async def simulate(
    plan: SessionPlan,
    state: SimulatorState,
    sink: EventSink,
    pace: SimulatedPace,
    stop: asyncio.Event,
    *,
    state_file: Path | None = None,
    sent: Callable[[int, int], None],
) -> None:
    """Send a plan until its end or `stop`. The state file is written as batches are acknowledged."""
    floor = SimulatedFloor(plan.setup)
    known: set[str] = set()
    saved = monotonic()

    async def refresh(now_us: int) -> None:
        if not plan.with_reference:
            return
        records = list(reference(floor, state.began_us, now_us, state.anchor_us))
        fresh = [(key, event) for key, event in records if event["id"] not in known]
        if fresh:
            await sink.send(fresh)
            known.update(event["id"] for _, event in fresh)

    def note(count: int, moment: int) -> None:
        nonlocal state, saved
        lived = (*plan.lived, Stretch(plan.live_us, moment, plan.rate)) if moment > plan.live_us else plan.lived
        state = msgspec.structs.replace(state, until_us=moment, lived=lived)
        if monotonic() - saved > _SAVE_EVERY:
            save(state_file, state)
            saved = monotonic()
        sent(count, moment)

    async def keep_reference() -> None:
        while True:
            await asyncio.sleep(HOUR / 4 / 1_000_000)
            await refresh(pace.now())

    await refresh(plan.live_us if plan.end_us is None else plan.end_us)
    keeper = asyncio.create_task(keep_reference())
    try:
        await run(stream(plan), sink, pace, stop, note)
    finally:
        keeper.cancel()
        save(state_file, state)
