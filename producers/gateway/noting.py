"""Writes down what became of requests, three times over: for Prometheus, for the log, and for the sender to see."""

from collections.abc import Callable, Mapping

import structlog

from producers.gateway.series import GatewaySeries
from producers.gateway.verdict import Verdict
from producers.senders import QUARTER, REFUSED, TAKEN, UNKNOWN, Notes, SenderNames, SenderRefusal

log = structlog.get_logger(__name__)
_MOST_NAMED = 5
_MOST_SLIPS = 1_000


class Noting:
    """`notes`: what was noted since somebody last took them. `now`: Unix seconds."""

    def __init__(self, series: GatewaySeries, now: Callable[[], float]) -> None:
        self._notes = Notes()
        self._taken: dict[tuple[str, str], tuple[int, float]] = {}
        """Source and type → how many since the notes were last looked at, and when the last came."""
        self._series = series
        self._now = now
        self._name = SenderNames()
        self._slips: set[tuple[str, str]] = set()

    def take(self) -> Notes:
        """Take all notes; what is noted from now on starts from zero."""
        notes, self.notes = self.notes, Notes()
        return notes

    @property
    def notes(self) -> Notes:
        """What was noted until now."""
        self._fold()
        return self._notes

    @notes.setter
    def notes(self, notes: Notes) -> None:
        self._notes = notes

    def _fold(self) -> None:
        for (source, kind), (n, at) in self._taken.items():
            name = self._name(source)
            self._notes.count(name, TAKEN, kind, n, at)
            self._notes.seen(name, kind, at)
        self._taken.clear()

    def taken(self, counts: Mapping[tuple[str, str], int]) -> None:
        """So many events of each source and type are in Kafka."""
        now = self._now()
        for of, n in counts.items():
            self._series.events(of[0], "accepted", n)
            count, at = self._taken.get(of, (0, now))
            if at // QUARTER != now // QUARTER or len(self._taken) > _MOST_SLIPS:
                self._fold()
                count = 0
            self._taken[of] = count + n, now

    def tried(self, verdict: Verdict) -> None:
        """Events were judged, and not to be sent."""
        for (source, _), n in verdict.counts.items():
            self._series.events(source, "tried", n)

    def refused(self, verdict: Verdict, status: int) -> None:
        """Some events of a request are bad."""
        now = self._now()
        for source, found in zip(verdict.sources, verdict.problems, strict=True):
            self._series.events(source, "refused", 1)
            self._series.refused(source, found.reason)
            name = self._name(source)
            self.notes.count(name, REFUSED, found.reason, 1, now)
            self.notes.refuse(name, SenderRefusal("http", found.reason, found.field, found.detail), now)
        first = verdict.problems[0]
        log.info(
            "request refused",
            status=status,
            source=" ".join([*dict.fromkeys(verdict.sources)][:_MOST_NAMED]),
            reason=" ".join([*dict.fromkeys(found.reason for found in verdict.problems)]),
            field=" ".join([*dict.fromkeys(found.field for found in verdict.problems)][:_MOST_NAMED]),
            events=len(verdict.problems),
            of=verdict.total,
            why=first.detail,
        )

    def turned_away(self, source: str, status: int, why: str) -> None:
        """A request as a whole was not taken, whatever it holds."""
        self._series.refused(source, str(status))
        log.info("request refused", status=status, source=source, why=why)
        if source:
            now = self._now()
            self.notes.count(self._name(source), REFUSED, str(status), 1, now)
            self.notes.refuse(self._name(source), SenderRefusal("http", str(status), "", why), now)

    def unknown(self, verdict: Verdict) -> None:
        """Fields were ignored. The log has each once."""
        now = self._now()
        sources = {record.place: record.source for record in verdict.good}
        sources |= {found.index: source for source, found in zip(verdict.sources, verdict.problems, strict=True)}
        for hint in verdict.warnings:
            source = verdict.sender or sources.get(hint.index, "")
            name = self._name(source)
            self._series.unknown(source, 1)
            self.notes.count(name, UNKNOWN, hint.field, 1, now)
            if (name, hint.field) not in self._slips and len(self._slips) < _MOST_SLIPS:
                self._slips.add((name, hint.field))
                log.warning("a field is ignored", source=source, field=hint.field, why=hint.detail)
