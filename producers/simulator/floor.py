"""The whole floor as one stream: stories begin slice by slice, their events come out in the order of publishing.

Everything follows from the seed and the calendar: each slice of time has its own luck, and long stories that
began before the stream are told again in silence. So any two streams of one floor agree where they overlap, a
restart needs no memory, and what is sent twice has the same ids.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from random import Random
from typing import Any

from producers.simulator.calls import tell_call
from producers.simulator.chats import tell_chat
from producers.simulator.deals import tell_deal
from producers.simulator.leads import tell_lead
from producers.simulator.market import DEALS_PER_DAY
from producers.simulator.money import tell_costs
from producers.simulator.rhythm import DAY, HOUR, MINUTE, Rhythm, rfc3339
from producers.simulator.script import HORIZON, Script, ScriptLine
from producers.simulator.staff import Staff

CALLS_PER_DAY, CHATS_PER_DAY, LEADS_PER_DAY = 6.6, 1.85, 0.65
"""Stories a day for one average manager; deals are in `market`."""
EVENTS_PER_DAY = 45.0
"""Events of all kinds that come of them, about (a test holds it to that)."""
_SHORT_STORIES = 3 * DAY
_CLIENTS_PER_MANAGER = 12

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """What makes one floor differ from another.

    `volume` multiplies how much happens (1 is what that many people really do); `stretch` multiplies how long
    deals take; `always_open` is a floor in shifts around the clock, `flat` one that knows no hours at all.
    """

    seed: int = 1
    managers: int = 40
    zone: str = "UTC"
    currency: str = "RUB"
    always_open: bool = True
    volume: float = 1.0
    stretch: float = 1.0
    layer: str = ""
    flat: bool = False

    @property
    def source(self) -> str:
        """The CloudEvents source of all events."""
        return f"sim://floor-{self.seed}"


class SimulatedFloor:
    """The stream of events of one `Setup`. `watch` sees every line, also the silent ones before the start."""

    def __init__(self, setup: Setup, watch: Callable[[ScriptLine], None] | None = None) -> None:
        self.setup = setup
        self.staff = Staff(setup.seed, setup.managers)
        self.rhythm = Rhythm(setup.zone, always_open=setup.always_open, flat=setup.flat)
        self._watch = watch
        self._pending: dict[int, list[ScriptLine]] = {}
        busy = setup.managers * setup.volume * EVENTS_PER_DAY
        self.slice = HOUR if busy < 2_000_000 else MINUTE

    def events(self, start_us: int, end_us: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield (moment of publishing in us, event) from `start_us` up to `end_us`, for ever without it."""
        for line in self.lines(start_us, end_us):
            yield line.publish_us, self.event(line)

    def event(self, line: ScriptLine) -> Event:
        """Put a line into its CloudEvents envelope."""
        _, id_, type_, at_us, sequence, data = line
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": self.setup.source,
            "type": type_,
            "time": rfc3339(at_us),
            "data": data,
        }
        if sequence is not None:
            event["sequence"] = sequence
        return event

    def lines(self, start_us: int, end_us: int | None = None) -> Iterator[ScriptLine]:
        """Yield the lines from `start_us` up to `end_us` in the order of publishing."""
        self._pending.clear()
        first = start_us // self.slice
        early = (start_us - int(HORIZON * self.setup.stretch)) // self.slice - 1
        short = (start_us - int(_SHORT_STORIES * self.setup.stretch)) // self.slice - 1
        number = min(early, short)
        while end_us is None or number * self.slice < end_us:
            self._tell(number, short=number >= short)
            lines = sorted(self._pending.pop(number, ()), key=_place)
            for line in lines:
                if self._watch:
                    self._watch(line)
                if number > first or (number == first and line.publish_us >= start_us):
                    if end_us is not None and line.publish_us >= end_us:
                        return
                    yield line
            number += 1

    def short_lines(self, start_us: int, end_us: int) -> Iterator[ScriptLine]:
        """Yield the lines of all calls and chats that may last until `start_us` and begin by `end_us`, in no order."""
        for number in range((start_us - _SHORT_STORIES) // self.slice, end_us // self.slice + 1):
            yield from self._short(number).lines

    def _tell(self, number: int, *, short: bool) -> None:
        """Begin all stories of one slice and file their lines by the slice that they are published in."""
        begin = number * self.slice
        share = self._share(begin)
        script = self._script(number, "long")
        for at in moments(script.rng, share * DEALS_PER_DAY, begin, self.slice):
            tell_deal(script, at, self.setup.currency)
        for at in moments(script.rng, share * LEADS_PER_DAY, begin, self.slice):
            tell_lead(script, script.hours(at), script.staff.anyone(script.rng), script.client(at), sells=False)
        if self.rhythm.local(begin) % DAY == 10 * HOUR and self.setup.layer == "":
            tell_costs(script, begin, self.setup.currency, self.setup.volume)
        self._file(script.lines, begin)
        if short:
            self._file(self._short(number).lines, begin)

    def _short(self, number: int) -> Script:
        """Tell the calls and chats of one slice."""
        begin, script = number * self.slice, self._script(number, "short")
        share = self._share(begin)
        for at in moments(script.rng, share * CALLS_PER_DAY, begin, self.slice):
            tell_call(script, at)
        for at in moments(script.rng, share * CHATS_PER_DAY, begin, self.slice):
            tell_chat(script, at)
        return script

    def _share(self, begin: int) -> float:
        """Return how much of an average manager's day happens in a slice, times managers."""
        return self.rhythm.share(begin) * self.slice / HOUR * self.setup.managers * self.setup.volume

    def _script(self, number: int, kind: str) -> Script:
        setup = self.setup
        return Script(
            Random(f"{setup.seed}:{setup.layer}:{kind}:{number}"),  # noqa: S311  # a seed, not a secret
            self.staff,
            self.rhythm,
            f"{setup.seed}{setup.layer}{kind[0]}{number:x}",
            clients=max(20, int(_CLIENTS_PER_MANAGER * setup.managers * setup.volume)),
            stretch=setup.stretch,
        )

    def _file(self, lines: list[ScriptLine], begin: int) -> None:
        last = begin + int(HORIZON * self.setup.stretch) + 3 * DAY
        pending, size = self._pending, self.slice
        for line in lines:
            if line.publish_us < last:
                slot = line.publish_us // size
                if slot in pending:
                    pending[slot].append(line)
                else:
                    pending[slot] = [line]


_place = itemgetter(0, 1)


def key_of(event: Event) -> str:
    """Return the Kafka key of an event: the client, or the cost where there is none."""
    data = event["data"]
    return str(data.get("client_id") or data["cost_id"])


def moments(rng: Random, mean: float, begin: int, length: int) -> list[int]:
    """Return about `mean` moments of a slice (us); a third of the time some of them come in one burst."""
    count = _poisson(rng, mean)
    burst = begin + int(rng.random() * length) if rng.random() < 0.33 else None
    found = []
    for _ in range(count):
        at = begin + int(rng.random() * length)
        if burst is not None and rng.random() < 0.4:
            at = min(begin + length - 1, max(begin, burst + int(rng.gauss(0, 1.5) * MINUTE)))
        found.append(at)
    return found


def _poisson(rng: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count
