"""What the business settings mean to the plain definition."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from metrics.settings import BusinessSettings
from streams.plain.calendar import PlainCalendar, read

KEPT_DAYS = 800
"""Local days that anything is known for after the last one that it counts in."""

_MINUTE = 60 * 10**6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlainRules:
    """Zone, targets (us), what makes a client ready, and working hours.

    most_managers, most_values: names that /metrics shows of managers, and of every other label that senders fill.
    """

    zone: ZoneInfo
    calendar: PlainCalendar
    currency: str = "RUB"
    call_target: int = 20 * 10**6
    chat_target: int = 60 * 10**6
    callback_target: int = 1200 * 10**6
    lead_target: int = 300 * 10**6
    ready_stages: frozenset[str] = frozenset()
    ready_probability: Decimal = Decimal("0.7")
    most_managers: int = 2000
    most_values: int = 200

    @classmethod
    def of(cls, settings: BusinessSettings) -> Self:
        """Take them from the settings. Raises OSError or ValueError when the calendar cannot be read."""
        return cls(
            zone=settings.zone,
            calendar=read(settings.calendar, settings.zone),
            currency=settings.currency,
            call_target=int(Decimal(str(settings.call_target_seconds)) * 10**6),
            chat_target=int(Decimal(str(settings.chat_target_seconds)) * 10**6),
            callback_target=int(Decimal(str(settings.callback_target_seconds)) * 10**6),
            lead_target=int(Decimal(str(settings.lead_target_seconds)) * 10**6),
            ready_stages=frozenset(settings.ready_stages),
            ready_probability=Decimal(str(settings.ready_probability)),
            most_managers=settings.max_managers,
        )

    def local(self, moment: int) -> datetime:
        """A moment (us) on the clock of the business."""
        return (_EPOCH + timedelta(microseconds=moment)).astimezone(self.zone)

    def day(self, moment: int) -> int:
        """The local day of a moment, as an ordinal."""
        return _day(self.zone, moment // _MINUTE)

    def reached(self, moment: int) -> int:
        """The latest local day seen by a moment: where clocks go back over midnight, it does not go back."""
        return _reached(self.zone, moment // _MINUTE)

    def hour(self, moment: int) -> int:
        """The start of the local hour of a moment, in UTC seconds."""
        return _hour(self.zone, moment // _MINUTE)

    def start(self, day: date) -> int:
        """The moment (us) at which a local day begins."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 10**6


# Clocks change at whole minutes, so that what is asked for every event is worked out once per minute.
_MINUTES = 1 << 17
"""Three months of them: a log goes forward, and a year of all three would be 250 MB."""


@lru_cache(maxsize=_MINUTES)
def _day(zone: ZoneInfo, minute: int) -> int:
    return (_EPOCH + timedelta(minutes=minute)).astimezone(zone).toordinal()


@lru_cache(maxsize=_MINUTES)
def _reached(zone: ZoneInfo, minute: int) -> int:
    if not (_EPOCH + timedelta(minutes=minute)).astimezone(zone).fold:
        return _day(zone, minute)
    return max(_day(zone, minute - back) for back in range(180))


@lru_cache(maxsize=_MINUTES)
def _hour(zone: ZoneInfo, minute: int) -> int:
    start = (_EPOCH + timedelta(minutes=minute)).astimezone(zone).replace(minute=0)
    return int(start.timestamp())
