"""Until when the buckets of one partition are kept."""

from collections.abc import Iterator
from typing import NamedTuple, Self

from metrics.family import SECOND
from producers.events.intake import KafkaRecord
from producers.events.rules import LOG_APPEND_TIME
from streams.plain.rules import KEPT_DAYS, PlainRules

_MINUTES_KEPT = 3 * 3600 * SECOND
_HOURS_KEPT = (16 * 24 + 2) * 3600 * SECOND
_APART = 26 * 3600 * SECOND
"""A broker's clock may be so much ahead of those of the people who look."""
_LONG_AGO = 18 * 86_400 * SECOND
"""Before the time of a partition: no hour is kept for so long."""
_AHEAD = 600 * SECOND
"""Nothing counts later than so long after the time of its event."""


class PlainHeard(NamedTuple):
    """What a partition's records say by the broker's clock, us.

    stamp: when the last of them was appended; minutes, hours: up to where these were gone before it.
    """

    stamp: int = 0
    minutes: int = 0
    hours: int = 0

    def hear(self, record: KafkaRecord, time: int) -> Self:
        """The same with one more, if it bears a broker's time; time: the partition's before it, us."""
        if record.timestamp_type != LOG_APPEND_TIME or record.timestamp < 0:
            return self
        now, reach = self.now(time), time + _AHEAD
        minutes = max(self.minutes, min(now - _MINUTES_KEPT, reach))
        hours = max(self.hours, min(now - _HOURS_KEPT, reach))
        return self._replace(stamp=record.timestamp * 1000, minutes=minutes, hours=hours)

    def now(self, time: int) -> int:
        """The moment (us) that is over for everybody; time: the partition's, us."""
        return max(time, self.stamp - _APART)


UNHEARD = PlainHeard()


def is_kept(kind: str, bucket: int, time: int, heard: PlainHeard, rules: PlainRules) -> bool:
    """Whether a bucket is still kept at a partition's time (us)."""
    start, now = bucket * SECOND, heard.now(time)
    match kind:
        case "m":
            return start > heard.minutes and start + _MINUTES_KEPT > now
        case "h":
            return start > heard.hours and start + _HOURS_KEPT > now
        case "d":
            return bucket >= kept_from(time, rules)
        case _:
            return True


def kept_buckets(moment: int, day: int, time: int, heard: PlainHeard, rules: PlainRules) -> Iterator[tuple[str, int]]:
    """The buckets in which a moment (us) of a local day counts that are still kept at a partition's time (us)."""
    buckets = [("d", day)]
    if moment > time - _LONG_AGO:
        buckets += [("h", rules.hour(moment)), ("m", moment // (60 * SECOND) * 60)]
    return (bucket for bucket in buckets if is_kept(*bucket, time, heard, rules))


def kept_from(time: int, rules: PlainRules) -> int:
    """The first local day (ordinal) that is still kept at a partition's time (us)."""
    return rules.reached(time) - KEPT_DAYS
