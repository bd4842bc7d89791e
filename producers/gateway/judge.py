"""Judges a request's events one by one: by the contract, by the sender's rights and its limit."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

from producers.errors import Refused
from producers.gateway.auth import ANYBODY
from producers.gateway.limits import Rates
from producers.gateway.reading import body, content
from producers.gateway.reading.body import Events, Problem, Record
from producers.gateway.reading.hints import Hint, hints
from producers.gateway.rights import Rights
from producers.gateway.settings import GatewaySettings
from producers.gateway.verdict import MOST_NAMED, Verdict

_LOOKED_AT = 10
"""Events of a request in which unknown fields are looked for, beside bad ones: a slip is in all of them."""


class Judge:
    """Knows what each sender may do. `now`: Unix seconds."""

    def __init__(self, settings: GatewaySettings, now: Callable[[], float]) -> None:
        self._rights = Rights(settings)
        self._rates = Rates(settings.gateway_events_per_second, time.monotonic)
        self._now = now

    def judge(self, sender: str, headers: Mapping[str, str], taken: bytes, *, dry_run: bool) -> Verdict:
        """What becomes of each event. Raises UnsupportedMediaType, ContentTooLarge, TooManyRequests.

        What is refused counts towards the sender's limit like any other: judging it is the most of the work.
        """
        try:
            values = body.split(headers, content.text(headers, taken))
        except Refused as refused:
            self._rates.take(sender, 1)
            return refused_whole(sender, refused)
        if sender != ANYBODY:
            self._rates.take(sender, len(values))
        events = body.read(values, int(self._now() * 1000))
        if sender == ANYBODY:
            self._limit_each(events)
        else:
            events.records, forbidden = self._allowed(sender, events.records)
            events.problems += forbidden
            if forbidden:
                events.problems.sort(key=lambda found: found.index)
        bad = [found.index for found in events.problems[:MOST_NAMED]]
        looked_at: Iterable[int] = range(len(values) if dry_run else min(_LOOKED_AT, len(values)))
        return Verdict(
            sender,
            len(values),
            events.records,
            events.problems,
            [*_hints(events, [*looked_at, *(index for index in bad if index not in looked_at)])],
            [sender or events.source(found.index) for found in events.problems],
        )

    def _limit_each(self, events: Events) -> None:
        """Whoever may send for any source has the limit of each."""
        counts = Tally(record.source for record in events.records)
        counts.update(events.source(found.index) for found in events.problems)
        for source, count in counts.items():
            self._rates.take(source, count)

    def _allowed(self, sender: str, records: list[Record]) -> tuple[list[Record], list[Problem]]:
        judged = [(record, self._rights.judge(sender, record)) for record in records]
        return [one for one, found in judged if found is None], [found for _, found in judged if found is not None]


def refused_whole(sender: str, refused: Refused) -> Verdict:
    """Of a request whose body holds no event that could be named."""
    return Verdict(sender, 1, [], [body.problem(0, refused)], sources=[sender])


def _hints(events: Events, indexes: Iterable[int]) -> Iterable[Hint]:
    for index in indexes:
        yield from hints(index, events.values[index])
