"""What is held of the view, and the questions that others have: sums of windows and days, who waits, plans, names.

One event loop uses it. Nothing here reads a clock or Redis: moments (Unix seconds) are given, updates are pushed.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, Self

from metrics.calendar import Calendar
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import Aggregates, HeldSums, Slot, Sums, add, from_scratch
from metrics.exporter.held.counted import Numbers, counted
from metrics.exporter.held.days import Days, SumSelection, of_day
from metrics.exporter.held.holders import holders
from metrics.exporter.held.items import CONVERTED, Item, Items
from metrics.exporter.held.names import Names
from metrics.exporter.held.numbers import Block, Shown
from metrics.exporter.held.open import still_waiting, waiting_blocks, who_waits
from metrics.exporter.held.parts import Bucket, Credit, Parts
from metrics.exporter.held.places import Places
from metrics.exporter.held.unanswered import MICRO, Clocked, Listed, microseconds
from metrics.other import MOST_VALUES
from metrics.reference import Reference, build
from metrics.settings import BusinessSettings
from metrics.view import Field, Unanswered, Waiting
from metrics.windows import local_day, windows_at


class Row(NamedTuple):
    """One credit's numbers: in a window and period, or now (slot None)."""

    shown: Shown
    slot: Slot | None
    block: Block


class HeldView:
    """The numbers of one application id. calendar: that of the settings, unless another is given."""

    def __init__(
        self, settings: BusinessSettings, most_values: int = MOST_VALUES, calendar: Calendar | None = None
    ) -> None:
        self.settings = settings
        self.zone = settings.zone
        self.knows_waits = True
        """Whether those who wait in the view are known to wait still; else sums of them are nothing's."""
        self.targets = {"call": settings.call_target_seconds, "chat": settings.chat_target_seconds}
        self._most_values = most_values
        self.calendar = calendar or settings.working_calendar()
        self.clear()

    def clear(self) -> None:
        """Forget everything, before the view is loaded again."""
        self.reference: Reference = build({}, self.settings.currency)
        self._records: dict[str, dict[str, Any]] = {}
        self._parts = Parts(self.zone, self.settings.currency)
        self._names = self.no_names()
        self._aggregates = Aggregates(self._parts, self.zone, self._row_of)
        self._days = Days(self._parts)
        self._clocked = Clocked(self.settings, self.calendar)
        self._targets = plans.Targets()

    def empty(self) -> Self:
        """Another one of the same settings, to be loaded aside."""
        return type(self)(self.settings, self._most_values, self.calendar)

    def take_over(self, other: Self) -> None:
        """Become another one, that was loaded aside; the other one is no longer to be used."""
        vars(self).update(vars(other) | {"knows_waits": self.knows_waits})
        self._aggregates.row_of = self._row_of

    def no_names(self) -> Names:
        """Names of which none is given yet."""
        return Names(self._parts.items, self.settings.max_managers, self._most_values)

    def _row_of(self, credit: Credit) -> Credit:
        """In which row of /metrics a credit is shown."""
        return credit if self._names.managers.has(credit[0]) else self._shared(credit)

    def _shared(self, credit: Credit) -> Credit:
        """The row of those who have no name of their own."""
        return ("", self.reference.team_of(*credit))

    # -- what comes in

    def put(self, bucket: Bucket, parts: Mapping[Field, dict[str, int]]) -> Sums:
        """Take parts of one bucket; one that is empty goes. Says what each credit gained."""
        # A credit's parts of several partitions are added up first: each window then moves once.
        gained: Sums = {}
        for field, part in parts.items():
            if deltas := self._parts.put(bucket, field, part):
                add(gained, (field.manager, field.team), deltas)
        self._days.changed(bucket)
        for credit, items in gained.items():
            self._aggregates.change(bucket, credit, list(items.items()))
        return gained

    def put_waiting(self, partition: int, waiting: list[Waiting]) -> None:
        """Take who waits in one partition."""
        self._parts.waiting[partition] = waiting

    def put_unanswered(self, partition: int, rows: Iterable[Unanswered]) -> None:
        """Take whom nobody answered in one partition, and who is in a call there."""
        self._clocked.take(partition, rows)

    def saw(self, partition: int, fence: int) -> None:
        """Note that a value of a partition was taken over that has this fence."""
        self._parts.fences.saw(partition, fence)

    def follow_clock(self, now: float) -> None:
        """Let what depends on the clock (Unix seconds) besides windows be as it is then."""
        for bucket, parts in self._clocked.changes(microseconds(now)).items():
            self.put(bucket, parts)

    def put_reference(self, records: dict[str, dict[str, Any] | None]) -> None:
        """Take reference records by key; None removes one. What they change is rendered again."""
        for key, record in records.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record
        old, self.reference = self.reference, build(self._records, self.settings.currency)
        if old.rates != self.reference.rates:
            for slot in self._aggregates.dirty:
                self._aggregates.touch_all(slot, CONVERTED)
        for manager in {*old.managers, *self.reference.managers}:
            was = old.team_of(manager, "")
            if was != self.reference.team_of(manager, ""):
                self._aggregates.touch_unstated(manager, was)

    # -- windows

    def is_behind(self, now: float) -> bool:
        """Whether a minute has turned since windows last followed the clock."""
        return self._aggregates.is_behind(int(now))

    def moving(self, now: float) -> Iterator[None]:
        """Let windows follow the clock, in steps."""
        return self._aggregates.moving(int(now))

    def sums(self, now: float) -> dict[Slot, Sums]:
        """Sums of every window and period at this moment."""
        self.follow_clock(now)
        self._aggregates.move(int(now))
        return self._aggregates.sums

    def sums_at(self, at: float, now: float, wanted: Container[str] | None = None) -> dict[Slot, Sums]:
        """Sums of the calendar windows as they stood at a moment; wanted: these, None for all. Raises WindowError."""
        return self._held_at(at, now, wanted).people

    def _held_at(self, at: float, now: float, wanted: Container[str] | None) -> HeldSums:
        self.follow_clock(now)
        return from_scratch(self._parts, windows_at(int(at), int(now), self.zone, wanted))

    @property
    def open(self) -> Sums:
        """Sums of what is open, which has no window."""
        return self._aggregates.open

    @property
    def items(self) -> Items:
        """What sums are of, by number."""
        return self._parts.items

    def named(self, sums: Mapping[int, int]) -> dict[Item, int]:
        """Sums by what they are of, instead of its number."""
        items = self._parts.items.all
        return {items[number]: value for number, value in sums.items()}

    # -- days

    def making_days(self, share: SumSelection, days: Iterable[int]) -> Iterator[None]:
        """Make the sums of some days (ordinals) that are missing, in steps."""
        return self._days.making(share, days)

    def sums_of_days(self, share: SumSelection, days: range) -> Sums:
        """The sums of a run of days, not to be changed."""
        return self._days.sums(share, days)

    def sums_of_day(self, share: SumSelection, day: int) -> Sums:
        """The sums of one day (its ordinal), which are not kept."""
        return of_day(self._parts, share, day)

    def holders_of_days(self, mask: int, days: range) -> Sums:
        """Who has any of some families over a run of days, and of which items: each as 1."""
        return holders(self._parts, mask, days)

    def counted_of_days(self, share: SumSelection, days: range) -> Numbers:
        """What a run of days has counted, by team as shown and measure of plans."""
        return counted(self.sums_of_days(share, days), self._parts.items, self.reference)

    def state_of_days(self, days: range) -> object:
        """What numbers of these days were made of: they may be others once this is another."""
        return self.reference, self._days, self._days.version(days)

    def trim_days(self) -> None:
        """Let go of sums of days that were asked for longest ago, where more are kept than there is room for."""
        self._days.trim()

    def settling(self) -> Iterator[None]:
        """Keep days that are over as questions about a run of days need them, in steps; once a minute or so."""
        return self._parts.settling()

    def first_day(self) -> int | None:
        """Ordinal of the first local day of which anything is held."""
        return self._parts.first_day()

    # -- who waits

    def waiting_rows(self, now: float) -> Iterator[Row]:
        """Who waits now, for whatever, as numbers."""
        for shown, numbers in sorted(self._now_blocks(now).items(), key=lambda item: item[0]):
            yield Row(shown, None, numbers)

    def _now_blocks(self, now: float) -> dict[Shown, Block]:
        waits = still_waiting(self._parts.everyone_waiting(), now) if self.knows_waits else []
        found = waiting_blocks(waits, self.reference, now, self.targets)
        if self.knows_waits:
            for shown, block in self._clocked.blocks(self.reference, microseconds(now)).items():
                found.setdefault(shown, {}).update(block)
        return found

    def who_waits(self, now: float, unknown: Container[int] = ()) -> list[tuple[Waiting, bool]]:
        """Everyone who waits now, longest first, and whether that is known. unknown: partitions where it is not."""
        return who_waits(self._parts.waiting, now, unknown)

    def unanswered(self, now: float) -> list[tuple[Listed, int]]:
        """Whom nobody answered and what nobody touched, longest first, with the partition."""
        return self._clocked.open(microseconds(now))

    def left(self, listed: Listed, now: float) -> float:
        """Working time (seconds) until the target of one of them is over; below 0 after it."""
        return self._clocked.left(listed, microseconds(now))

    def least_left(self, kind: str, now: float, live: int) -> dict[str, float]:
        """By team, the least of these of one kind, of those that are not older than a moment (us)."""
        return self._clocked.least_left(kind, self.reference, microseconds(now), live)

    def target_of(self, kind: str) -> float:
        """Working time (seconds) in which one of a kind should be answered."""
        return self._clocked.targets[kind] / MICRO

    # -- plans, names and the calendar

    def plan_samples(
        self, now: float, day: date | None = None, planned: plans.PlanSelection = plans.EVERY_PLAN
    ) -> list[plans.Sample]:
        """Targets, plans to date and working days; of the periods that another day lies in, if one is given."""
        return list(plans.samples(self.reference, self.calendar, self.zone, now, day, self._targets, planned))

    def credits(self) -> set[Credit]:
        """(manager, team as shown) of everybody in the roster, the plans, or with anything held, however old."""
        team_of = self.reference.team_of
        found = {(one.id, one.team) for one in self.reference.managers.values()}
        found |= {(manager, team_of(manager, team)) for manager, team in self._parts.credits()}
        found |= {(w.manager, team_of(w.manager, w.team)) for w in self._parts.everyone_waiting()}
        for (level, name), _, _ in self.reference.plans:
            if level != "company":
                found.add((name, team_of(name, "")) if level == "manager" else ("", name))
        return found

    def everybody(self) -> set[str]:
        """Managers who have had anything in any bucket."""
        return {manager for manager, _ in self._parts.credits()}

    @property
    def places(self) -> Mapping[str, Places]:
        """By label, which of its values have a name of their own."""
        return self._names.places

    def local(self, now: float) -> datetime:
        """A moment on the wall clock of the business."""
        return datetime.fromtimestamp(now, self.zone)

    def today(self, now: float) -> date:
        """The business's day at a moment."""
        return self.local(now).date()

    # -- itself

    @property
    def size(self) -> int:
        """How many parts are held."""
        return self._parts.count

    def settled(self, heartbeats: Mapping[bytes, bytes]) -> dict[int, int] | None:
        """The fence that each partition is as of; None when it is not as of one for each. See `Fences.settled`."""
        return self._parts.fences.settled(heartbeats)

    def unconverted(self, now: float) -> dict[str, int]:
        """Events with money that no rate converts, by currency, over all days held and what is open."""
        found: dict[str, int] = {}
        today = local_day(int(now), self.zone)
        for (currency, day), count in self._parts.money_events.items():
            if self.reference.rates.on(currency, day or today) is None:
                found[currency] = found.get(currency, 0) + count
        return found
