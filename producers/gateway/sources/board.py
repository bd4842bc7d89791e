"""What gateways and workers know of each sender, put together for the sender to see."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from producers.gateway.noting import Noting
from producers.gateway.sources import remedies
from producers.senders import (
    COUNTED,
    DAY,
    FORWARDED,
    LETTERED,
    QUARTER,
    REFUSED,
    TAKEN,
    UNKNOWN,
    KnownSenders,
    Notes,
    Shared,
    SharedAway,
)

log = structlog.get_logger(__name__)
_SHARE_SECONDS = 1.0
_HOUR = 3600


class SourcesBoard:
    """Without `shared` a gateway knows what went through itself since it started. `now`: Unix seconds."""

    def __init__(self, noting: Noting, now: Callable[[], float], shared: Shared | None = None) -> None:
        self._noting = noting
        self._now = now
        self._shared = shared

    async def run(self) -> None:
        """Share what was noted, for ever; what cannot be shared now is kept."""
        while True:
            await asyncio.sleep(_SHARE_SECONDS)
            await self.share()

    async def share(self) -> None:
        """Share what was noted since the last time: before a gateway ends, too."""
        self._noting.notes.forget(self._now())
        if self._shared is None or not self._noting.notes:
            return
        notes = self._noting.take()
        try:
            await self._shared.write(notes)
        except SharedAway as error:
            log.warning("what senders may see of themselves is not shared", problem=str(error))
            notes.add(self._noting.notes)
            self._noting.notes = notes

    async def known(self) -> tuple[KnownSenders, str]:
        """All that is known, and what is missing of it."""
        if self._shared is None:
            known, missing = KnownSenders(), "only what this gateway has seen since it started is known here"
        else:
            try:
                known, missing = await self._shared.read(self._now()), ""
            except SharedAway as error:
                known, missing = KnownSenders(), f"only what this gateway has seen lately is known now: {error}"
        known.notes.add(self._noting.notes)
        known.notes.forget(self._now())
        return known, missing

    async def of(self, source: str) -> dict[str, Any]:
        """All there is to tell one sender."""
        known, missing = await self.known()
        return self._report(known, source, known.notes.by_source().get(source, Notes()), missing)

    async def all(self) -> list[dict[str, Any]]:
        """The same of every sender."""
        known, missing = await self.known()
        notes = known.notes.by_source()
        sources = sorted({*notes, *(source for source, _ in known.letters or ())})
        return [self._report(known, source, notes.get(source, Notes()), missing) for source in sources]

    def _report(self, known: KnownSenders, source: str, notes: Notes, missing: str) -> dict[str, Any]:
        found = report(source, notes, self._now())
        letters = known.letters
        if letters is not None:
            open_now = {reason: n for (whose, reason), n in letters.items() if whose == source and n}
            found["dead_letters"] = _remedied(open_now, remedies.LETTERS)
        return found | ({"missing": missing} if missing else {})


def report(source: str, notes: Notes, now: float) -> dict[str, Any]:
    """What became of a sender's events since a day ago, by the notes on it alone."""
    refusals = sorted(notes.refusals.get(source, {}).items(), key=lambda pair: pair[1])[::-1]
    # What workers counted, or what gateways took where no worker has told.
    course = notes.course(COUNTED) | notes.course(TAKEN)
    return {
        "source": source,
        "since": _time((now - DAY) // QUARTER * QUARTER),
        "taken": notes.sums(TAKEN).total(),
        "counted": notes.sums(COUNTED).total(),
        "per_minute": round(_rate(course, now), 2),
        "by_hour": _hours(course, now),
        "last": {kind: _time(at) for (_, kind), at in sorted(notes.last.items()) if kind},
        "refused": dict(sorted((notes.sums(REFUSED) + notes.sums(LETTERED)).items())),
        "refusals": [{"at": _time(at), **refusal._asdict()} for refusal, at in refusals],
        "unknown_fields": dict(notes.sums(UNKNOWN).most_common(20)),
        "forwarded": _remedied(notes.sums(FORWARDED), remedies.FORWARDED),
        "dead_letters": None,
    }


def _remedied(counts: Mapping[str, int], ways: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {reason: {"events": n, "remedy": ways.get(reason, "")} for reason, n in sorted(counts.items())}


def _rate(course: Counter[int], now: float) -> float:
    """Events a minute, over the quarter under way and the one before."""
    quarter = int(now) // QUARTER
    return (course[quarter] + course[quarter - 1]) * 60 / (now - (quarter - 1) * QUARTER)


def _hours(course: Counter[int], now: float) -> list[dict[str, Any]]:
    """The last 24 hours, the one under way last."""
    first, of = int(now) // _HOUR - 23, _HOUR // QUARTER
    return [
        {"from": _time(hour * _HOUR), "events": sum(course[hour * of + quarter] for quarter in range(of))}
        for hour in range(first, first + 24)
    ]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
