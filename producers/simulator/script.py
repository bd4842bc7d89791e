"""What a story writes its lines into: it decides when each event is published, and what goes wrong on the way.

About one line in a hundred is published twice and one in a hundred late, as upstream systems do.
"""

from math import exp
from random import Random
from typing import Any, NamedTuple

from producers.simulator.rhythm import DAY, HOUR, MINUTE, SECOND, Rhythm
from producers.simulator.staff import Staff

HORIZON = 100 * DAY
"""No story of a deal tells anything later than this after it began."""

_LATE, _TWICE = 0.01, 0.01


class ScriptLine(NamedTuple):
    """One event before its envelope: ordered by the moment of publishing (us), then by id."""

    publish_us: int
    id: str
    type: str
    at_us: int
    sequence: str | None
    data: dict[str, Any]


class Script:
    """The lines of all stories that begin in one slice of time, and the luck (RNG) that they share.

    `stretch` multiplies how long stories about deals take; `tag` keeps ids of different layers apart.
    """

    def __init__(
        self, rng: Random, staff: Staff, rhythm: Rhythm, tag: str, *, clients: int, stretch: float = 1.0
    ) -> None:
        self.rng = rng
        self.staff = staff
        self.rhythm = rhythm
        self.tag = tag
        self.stretch = stretch
        self.lines: list[ScriptLine] = []
        self._clients = clients
        self._serial = 0

    def name(self, letter: str) -> str:
        """Return a new entity id."""
        self._serial += 1
        return f"{letter}-{self.tag}-{self._serial:x}"

    def client(self, at_us: int) -> str:
        """Return a client: mostly of this month, else of the three before, so that some come back."""
        luck = self.rng.random()
        month = at_us // (30 * DAY) - (int(luck * 10) if luck < 0.4 else 0)
        return f"cl-{month}-{int(self.rng.random() * self._clients):x}"

    def hours(self, at_us: int) -> int:
        """Return the moment, or the next one that the floor works at."""
        return self.rhythm.hours(at_us, self.rng.random())

    def later(self, at_us: int, mean_us: float, most: float = 4.0) -> int:
        """Return a working moment about `mean_us` (times `stretch`) later, at most `most` times that."""
        wait = min(self.rng.expovariate(1.0), most) * mean_us * self.stretch
        return self.hours(at_us + int(wait) + SECOND)

    def lognormal(self, median: float, sigma: float) -> float:
        """Return a positive number around `median`."""
        return median * exp(self.rng.gauss(0.0, sigma))

    def say(
        self,
        at_us: int,
        type_: str,
        id_: str,
        data: dict[str, Any],
        *,
        sequence: str | None = None,
        steady: bool = False,
    ) -> None:
        """Write one event that happened at `at_us`. `steady` ones keep their order whatever happens."""
        random = self.rng.random
        at_us = at_us // 1000 * 1000
        publish = at_us + (150_000 if steady else 80_000 + int(random() * 300_000))
        luck = random()
        if luck < _LATE and not steady:
            publish += _delay(random())
        line = ScriptLine(publish, id_, type_, at_us, sequence, data)
        self.lines.append(line)
        if luck > 1 - _TWICE:
            self.lines.append(line._replace(publish_us=publish + SECOND + int(random() * 90 * SECOND)))


def _delay(luck: float) -> int:
    """Return how late: mostly minutes, at times hours, seldom up to two days."""
    if luck < 0.7:
        return MINUTE + int(luck * 20 * MINUTE)
    if luck < 0.95:
        return int(luck * 6 * HOUR)
    return int(luck * 2 * DAY)
