"""How far the numbers can be trusted now: whole, of when, and what stands between them and now.

Numbers that are not whole are withheld. Whole ones that are some seconds old are shown with their age: they are what
was so then. Who waits is another matter: a wait that has ended meanwhile would look as if it went on.
"""

from collections.abc import Callable, Iterator, Mapping

from metrics.exporter.feed.follow import ViewFollower

FRESH_SECONDS = 5.0
"""Numbers older than this are not those of now."""
CONTACT_SECONDS = 8.0
"""Workers report, and ask Kafka, every second: after this long without an answer the exporter is not ready."""
WAITS_SECONDS = 10.0
"""Who waits is not known any more after this long."""


class Trust:
    """What is to be said of the numbers of one follower. `withheld_after`: seconds of a silent owner of a partition."""

    def __init__(self, follower: ViewFollower, clock: Callable[[], float], withheld_after: float) -> None:
        self._follower = follower
        self._clock = clock
        self._withheld_after = withheld_after

    def problem(self) -> str:
        """Why the numbers are withheld; "" when they are shown."""
        return next(self._problems(), "")

    def _problems(self) -> Iterator[str]:
        follower = self._follower
        if not follower.loaded:
            yield "the view is being loaded" if follower.loading else "the view is not loaded yet: no answer from Redis"
        silent = follower.age()
        if silent is None:
            yield "no worker has reported yet"
        if missing := follower.missing():
            yield f"no worker has reported for partitions {missing}"
        if others := follower.of_another_version():
            yield f"partitions {others} are shown by workers of another release: let all run the same"
        if follower.lacking:
            yield f"Redis lacks part of the view, which workers write again: {follower.lacking}"
        if silent is not None and silent > self._withheld_after:
            yield f"the owner of a partition has been silent for {silent:.0f} s"
        if left := follower.uncounted():
            yield f"the log is being counted from its start: {left:,} events to go"

    def unready(self) -> str:
        """Why /readyz fails, which it does before numbers are withheld; "" when it does not."""
        return next(self._obstacles(), "")

    def _obstacles(self) -> Iterator[str]:
        follower = self._follower
        yield from self._problems()
        if not follower.connected:
            yield "Redis does not answer"
        if silent := self._since("at", CONTACT_SECONDS):
            yield f"the owners of partitions {silent} have been silent for {follower.age():.0f} s"
        if away := self._since("contact", CONTACT_SECONDS):
            yield f"Kafka has not answered the owners of partitions {away}: numbers are {self.age():.0f} s old"

    def age(self) -> float | None:
        """How old the numbers are, seconds: since an owner last reported, or Kafka last answered it, the older."""
        return self._follower.age(contact=True)

    def cause(self) -> str:
        """What keeps the numbers from being those of now: redis, worker or kafka; "" when nothing does."""
        if not self._follower.connected:
            return "redis"
        if self._since("at", FRESH_SECONDS):
            return "worker"
        return "kafka" if self._since("contact", FRESH_SECONDS) else ""

    def unknown_waits(self) -> frozenset[int]:
        """Partitions of which nobody knows who still waits."""
        return frozenset(self._since("contact", FRESH_SECONDS)) | frozenset(self._since("at", FRESH_SECONDS))

    def knows_waits(self) -> bool:
        """Whether sums of who waits are what is so."""
        return not self._since("contact", WAITS_SECONDS) and not self._since("at", WAITS_SECONDS)

    def unsettled(self, fences: Mapping[int, int] | None) -> str:
        """Why an answer is not as of one record of each partition (`fences`) in all that it says; "" when it is."""
        if fences is None:
            return "workers kept writing while the view was fetched; ask again"
        return "" if self.knows_waits() else "who waits is not known: owners do not reach Kafka in time; ask again"

    def _since(self, what: str, seconds: float) -> list[int]:
        """Partitions of which this is longer ago."""
        limit = (self._clock() - seconds) * 1000
        beats = self._follower.heartbeats
        return sorted(number for number, beat in beats.items() if beat.get(what, beat["at"]) < limit)
