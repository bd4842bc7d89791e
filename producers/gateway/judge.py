"""Judges a request's events one by one: by the contract, by the sender's rights and its limit."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

from producers.errors import Refused
from producers.gateway.auth import ANYBODY
from producers.gateway.limits import RateLimits
from producers.gateway.reading import body, content
from producers.gateway.reading.body import Events
from producers.gateway.reading.hints import hints
from producers.gateway.rights import Rights
from producers.gateway.settings import GatewaySettings
from producers.gateway.verdict import MOST_NAMED, Verdict, tally

_LOOKED_AT = 10
"""Events of a request in which unknown fields are looked for, beside bad ones: a slip is in all of them."""


class Judge:
    """Knows what each sender may do. `now`: Unix seconds."""

    def __init__(self, settings: GatewaySettings, now: Callable[[], float]) -> None:
        self._rights = Rights(settings)
        self._rates = RateLimits(settings.gateway_events_per_second, time.monotonic)
        self._now = now

    def judge(
        self, sender: str, headers: Mapping[str, str], taken: bytes, pairs: Iterable[tuple[str, str]], *, dry_run: bool
    ) -> Verdict:
        """What becomes of each event. Raises UnsupportedMediaType, ContentTooLarge, TooManyRequests.

        `pairs`: all headers of binary mode, where a name may stand twice.
        What is refused counts towards the sender's limit like any other: judging it is the most of the work.
        """
        try:
            values = body.split(headers, content.text(headers, taken), pairs)
        except Refused as refused:
            self._rates.take(sender, 1)
            return refused_whole(sender, refused)
        if sender != ANYBODY:
            self._rates.take(sender, len(values))
        events = body.read(values, int(self._now() * 1000))
        if sender != ANYBODY:
            self._forbid(sender, events)
        counts = tally(events.records)
        if sender == ANYBODY:
            self._limit_each(counts, events)
        looked_at = [*range(len(values) if dry_run else min(_LOOKED_AT, len(values)))]
        warnings = [hint for index in looked_at for hint in hints(index, values[index])]
        if not events.problems:
            return Verdict(sender, len(values), events.records, counts, warnings=warnings)
        bad = [found.index for found in events.problems[:MOST_NAMED] if found.index >= len(looked_at)]
        return Verdict(
            sender,
            len(values),
            events.records,
            counts,
            events.problems,
            warnings + [hint for index in bad for hint in hints(index, values[index])],
            [sender or events.source(found.index) for found in events.problems],
        )

    def _limit_each(self, good: Mapping[tuple[str, str], int], events: Events) -> None:
        """Whoever may send for any source has the limit of each."""
        counts = Tally(events.source(found.index) for found in events.problems) if events.problems else {}
        for (source, _), count in good.items():
            counts[source] = counts.get(source, 0) + count
        for source, count in counts.items():
            self._rates.take(source, count)

    def _forbid(self, sender: str, events: Events) -> None:
        """Move to the problems what the sender has no right to send."""
        forbidden = [found for record in events.records if (found := self._rights.judge(sender, record)) is not None]
        if forbidden:
            places = {found.index for found in forbidden}
            events.records = [record for record in events.records if record.place not in places]
            events.problems = sorted([*events.problems, *forbidden], key=lambda found: found.index)


def refused_whole(sender: str, refused: Refused) -> Verdict:
    """Of a request whose body holds no event that could be named."""
    return Verdict(sender, 1, [], {}, [body.problem(0, refused)], sources=[sender])
