"""All numbers at hand: takes what the view says, follows the clock, and answers in text, samples and JSON.

One event loop uses it. Nothing here reads a clock or Redis: moments (Unix seconds) are given, updates are pushed.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from metrics.catalogue import CELL_FAMILIES, FAMILIES
from metrics.exporter.exposition import planned as planning
from metrics.exporter.exposition import text
from metrics.exporter.exposition.course import Course
from metrics.exporter.exposition.lines import Column, Lines
from metrics.exporter.exposition.memory import give_back
from metrics.exporter.exposition.packed import Packed, pack, pack_once
from metrics.exporter.exposition.people import People
from metrics.exporter.exposition.pipelines import Pipelines
from metrics.exporter.exposition.writer import Writer
from metrics.exporter.held import plans
from metrics.exporter.held.aggregates import NOW, Aggregates, Held, Slot, Sums, add, from_scratch, shared, taken
from metrics.exporter.held.days import Days
from metrics.exporter.held.items import CONVERTED, FREELY_LABELLED, Item
from metrics.exporter.held.names import Names
from metrics.exporter.held.numbers import Block, Shown
from metrics.exporter.held.open import still_waiting, together, waiting_blocks
from metrics.exporter.held.parts import Bucket, Credit, Parts
from metrics.exporter.held.unanswered import Clocked, microseconds
from metrics.family import CALENDAR_WINDOWS, COURSE, NINETY_DAYS, PERIODS, SHORT_WINDOWS, Source
from metrics.other import MOST_VALUES
from metrics.reference import Reference, build
from metrics.settings import BusinessSettings
from metrics.view import Field, Waiting
from metrics.windows import local_day, windows_at

SLOTS: tuple[Slot, ...] = (*product((*SHORT_WINDOWS, *CALENDAR_WINDOWS), PERIODS), (NINETY_DAYS, "current"))
_YEARS: tuple[Slot, ...] = tuple((CALENDAR_WINDOWS[-1], period) for period in PERIODS)
"""Slots in which all others lie: whoever has numbers at all has some here, or now."""

_MUCH = 8_000_000
"""Bytes of text let go of that the system gets back."""
_Render = Callable[[Lines, Slot, Sums, Mapping[Credit, int], Reference, int], None]


class Row(NamedTuple):
    """One credit's numbers: in a window and period, or now (slot None)."""

    shown: Shown
    slot: Slot | None
    block: Block


class Board:
    """The numbers of one application id."""

    def __init__(self, settings: BusinessSettings, most_values: int = MOST_VALUES) -> None:
        self.settings = settings
        self.most_values = most_values
        self.zone = settings.zone
        self.calendar = settings.working_calendar()
        self.knows_waits = True
        """Whether those who wait in the view are known to wait still; else sums of them are nothing's."""
        self.targets = {"call": settings.call_target_seconds, "chat": settings.chat_target_seconds}
        self._head = {name: text.header(name, family.help).encode() for family, name in text.exposed(FAMILIES)}
        self._heads = frozenset(self._head.values())
        self.clear()

    def clear(self) -> None:
        """Forget everything, before the view is loaded anew."""
        self.parts = Parts(self.zone, self.settings.currency)
        self.names = self._no_names()
        self.aggregates = Aggregates(self.parts, self.zone, self._row_of)
        self.reference: Reference = build({}, self.settings.currency)
        self._records: dict[str, dict[str, Any]] = {}
        self._writer = Writer(self.parts.items)
        self._lines = Lines((*SLOTS, NOW))
        self.course = Course(self.parts.items, self.zone, self.calendar)
        self.days = Days(self.parts)
        self.clocked = Clocked(self.settings, self.calendar)
        self._targets = plans.Targets()
        self._planned = planning.Planned(self.calendar, self._targets)
        self._people = People()
        self._pipelines = Pipelines()
        self._today = 0
        self._ranked = -1
        self._asked: set[frozenset[str] | None] = set()
        self._held: dict[frozenset[str] | None, list[Packed]] = {}
        self.rendered_at = 0.0
        """Moment of the numbers in the text."""

    def take_over(self, other: "Board") -> None:
        """Become another board, that was loaded aside; the other one is no longer to be used."""
        vars(self).update(vars(other) | {"knows_waits": self.knows_waits})
        self.aggregates.row_of = self._row_of

    def _no_names(self) -> Names:
        return Names(self.parts.items, self.settings.max_managers, self.most_values)

    def _row_of(self, credit: Credit) -> Credit:
        """In which row of /metrics a credit is shown."""
        return credit if self.names.managers.has(credit[0]) else self._shared(credit)

    def _shared(self, credit: Credit) -> Credit:
        """The row of those who have no name of their own."""
        return ("", self.reference.team_of(*credit))

    # -- what comes in

    def put(self, bucket: Bucket, parts: Mapping[Field, dict[str, int]]) -> None:
        """Take parts of one bucket; one that is empty goes."""
        # A credit's parts of several partitions are added up first: each window then moves once.
        gained: Sums = {}
        for field, part in parts.items():
            if deltas := self.parts.put(bucket, field, part):
                add(gained, (field.manager, field.team), deltas)
        self.course.put(bucket, gained)
        self.days.changed(bucket)
        for credit, items in gained.items():
            self.aggregates.change(bucket, credit, list(items.items()))

    def put_waiting(self, partition: int, waiting: list[Waiting]) -> None:
        """Take who waits in one partition."""
        self.parts.waiting[partition] = waiting

    def follow_clock(self, now: float) -> None:
        """Let what depends on the clock (Unix seconds) besides windows be as it is then."""
        for bucket, parts in self.clocked.changes(microseconds(now)).items():
            self.put(bucket, parts)

    def put_reference(self, records: dict[str, dict[str, Any] | None]) -> None:
        """Take reference records by key; None removes one. What they change is shown anew."""
        for key, record in records.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record
        old, self.reference = self.reference, build(self._records, self.settings.currency)
        if old.rates != self.reference.rates:
            for slot in self.aggregates.dirty:
                self.aggregates.touch_all(slot, CONVERTED)
        for manager in {*old.managers, *self.reference.managers}:
            was = old.team_of(manager, "")
            if was != self.reference.team_of(manager, ""):
                self.aggregates.touch_unstated(manager, was)

    # -- text

    def exposition(self, now: float, windows: Container[str] | None = None) -> list[bytes]:
        """Prometheus text at a moment. windows: those wanted, "now" and COURSE for what has none; None for all."""
        self.refresh(now)
        return [piece if isinstance(piece, bytes) else piece.text() for piece in self._pieces(now, windows)]

    def packed(self, now: float, windows: frozenset[str] | None = None, *, refresh: bool = True) -> list[Packed]:
        """The same, compressed. refresh: False for what was rendered last."""
        if refresh:
            self.refresh(now)
        elif windows in self._held:
            return self._held[windows]
        self._asked.add(windows)
        found: list[Packed] = []
        for piece in self._pieces(now, windows):
            if isinstance(piece, bytes):
                found.append(pack_once(piece) if piece in self._heads else pack(piece))
            else:
                found += piece.packed()
        return found

    def packing(self) -> Iterator[None]:
        """Compress what was rendered, in steps."""
        return self._lines.packing()

    def rest(self, *, at_once: bool = False) -> None:
        """Keep text compressed alone that has not changed since the last time; at_once: all that is compressed."""
        if self._lines.rest(at_once=at_once) > _MUCH:
            give_back()

    def is_behind(self, now: float) -> bool:
        """Whether a minute has turned since windows last followed the clock."""
        return self.aggregates.is_behind(int(now))

    def hold(self) -> None:
        """Keep what was rendered last for whoever asks while a minute turns."""
        self._held = {windows: self.packed(self.rendered_at, windows, refresh=False) for windows in self._asked}

    def is_held(self, windows: frozenset[str] | None) -> bool:
        """Whether nothing half rendered could be shown of these windows."""
        return not self._held or windows in self._held

    def let_go(self) -> None:
        """The turn is over."""
        self._held = {}

    def _pieces(self, now: float, windows: Container[str] | None) -> Iterator[bytes | Column | planning.Lines]:
        with_course = windows is None or COURSE in windows
        told: dict[str, bytes | planning.Lines] = {}
        if windows is None or NOW[0] in windows:
            waiting = text.now_lines(together(self._now_blocks(now), self._row_of))
            told |= {name: lines.encode() for name, lines in waiting.items()}
        if with_course:
            today, has_name = self.local(now).date(), self.names.managers.has
            told |= self._planned.lines(self.reference, today, now, has_name)
        for family, name in text.exposed(FAMILIES):
            is_kept = family.source in {Source.CELLS, Source.OPEN}
            if found := self._lines.columns(name, windows) if is_kept else [told[name]] if name in told else []:
                yield self._head[name]
                yield from found
        if with_course:
            yield from self.course.pieces(now, self.reference)
            yield from self._people.pieces(self.reference, set(filter(self.names.managers.has, self._credited(now))))
            yield from self._pipelines.pieces(self.reference, self.parts.items, self.names.values)

    def _credited(self, now: float) -> set[str]:
        """Managers who have numbers, or a plan."""
        planned = {name for (level, name), _, _ in self.reference.plans if level == "manager"}
        found = set[Credit]().union(self.aggregates.open, *(self.aggregates.sums[slot] for slot in _YEARS))
        waiting = {manager for manager, _ in self._now_blocks(now)}
        return planned | {manager for manager, _ in found} | waiting

    def credits(self) -> set[Credit]:
        """(manager, team as shown) of everybody in the roster, the plans, or with anything held, however old."""
        team_of = self.reference.team_of
        found = {(one.id, one.team) for one in self.reference.managers.values()}
        found |= {(manager, team_of(manager, team)) for manager, team in self.parts.credits()}
        found |= {(w.manager, team_of(w.manager, w.team)) for w in self.parts.everyone_waiting()}
        for (level, name), _, _ in self.reference.plans:
            if level != "company":
                found.add((name, team_of(name, "")) if level == "manager" else ("", name))
        return found

    def rank(self) -> None:
        """Have names ranked when numbers are shown next, however lately that was done."""
        self._ranked = -1

    def _rank(self, now: float, today: int) -> None:
        """Give names anew, once a minute where they are about to run out; and those that are new, if there are any."""
        minute, items = int(now) // 60, self.names.values.grow()
        if minute != self._ranked:
            self._ranked = minute
            also = {manager for manager, _ in self._now_blocks(now)}
            also |= self._targets.managers(self.reference, self.local(now).date())
            if self.names.is_near(also):
                moved = self.names.rank(dict(self.aggregates.held()), also, self.reference, today)
                self._lines.drop(moved.gone)
                self.aggregates.share(moved.gone, moved.come, self._shared)
                items |= moved.items
        if items:
            self.aggregates.touch_items(items, FREELY_LABELLED)

    def refresh(self, now: float, most: int = 1 << 30) -> bool:
        """Render what changed since the last time, at most so many credits; say whether that was all."""
        self.follow_clock(now)
        self.aggregates.move(int(now))
        today = local_day(int(now), self.zone)
        self._rank(now, today)
        if today != self._today:
            # Receivables age and what is open is converted by the day's rate.
            self._today = today
            self.aggregates.touch_all(NOW)
        for slot, sums, dirty, render in self._unrendered():
            if dirty:
                if most <= 0:
                    return False
                chosen = taken(dirty, most)
                most -= len(chosen)
                render(self._lines, slot, sums, chosen, self.reference, today)
                if dirty:
                    return False
        self.rendered_at = now
        return True

    def _unrendered(self) -> Iterator[tuple[Slot, Sums, dict[Credit, int], _Render]]:
        """What changed of people, and of what is shown by team."""
        held = self.aggregates
        for slot, dirty in held.dirty.items():
            render = partial(self._writer.people, self.names, held.rest[slot])
            yield slot, held.open if slot == NOW else held.sums[slot], dirty, render
        for slot, dirty in held.dirty_teams.items():
            yield slot, held.teams[slot], dirty, partial(self._writer.teams, self.names)

    def exposition_at(self, at: float, now: float, windows: frozenset[str] | None = None) -> list[bytes]:
        """Text of the calendar windows as they stood at a moment. Raises WindowError."""
        lines, today, names = Lines(SLOTS), local_day(int(at), self.zone), self._no_names()
        names.values.grow()
        is_crowded = names.is_near() or len({one for one, _ in self.parts.credits()}) > names.managers.most
        # Names are ranked by the year.
        held = self._held_at(at, now, windows if windows is None or not is_crowded else {*windows, _YEARS[0][0]})
        names.rank(held.people, frozenset(), self.reference, today)
        for slot, sums in held.people.items():
            if windows is None or slot[0] in windows:
                rest = shared(sums, names.managers.named, self._shared)
                dirty = dict.fromkeys((*sums, *rest), -1)
                self._writer.people(names, rest, lines, slot, sums, dirty, self.reference, today)
        for slot, sums in held.teams.items():
            if windows is None or slot[0] in windows:
                self._writer.teams(names, lines, slot, sums, dict.fromkeys(sums, -1), self.reference, today)
        found = ((self._head[name], lines.columns(name)) for _, name in text.exposed(CELL_FAMILIES))
        return [piece for head, columns in found if columns for piece in (head, *(one.text() for one in columns))]

    # -- numbers

    def sums(self, now: float) -> dict[Slot, Sums]:
        """Sums of every window and period at this moment."""
        self.follow_clock(now)
        self.aggregates.move(int(now))
        return self.aggregates.sums

    def sums_at(self, at: float, now: float, wanted: Container[str] | None = None) -> dict[Slot, Sums]:
        """Sums of the calendar windows as they stood at a moment; wanted: these, None for all. Raises WindowError."""
        return self._held_at(at, now, wanted).people

    def _held_at(self, at: float, now: float, wanted: Container[str] | None) -> Held:
        self.follow_clock(now)
        return from_scratch(self.parts, windows_at(int(at), int(now), self.zone, wanted))

    def waiting_rows(self, now: float) -> Iterator[Row]:
        """Who waits now, for whatever, as numbers."""
        for shown, numbers in sorted(self._now_blocks(now).items(), key=lambda item: item[0]):
            yield Row(shown, None, numbers)

    def _now_blocks(self, now: float) -> dict[Shown, Block]:
        waits = still_waiting(self.parts.everyone_waiting(), now) if self.knows_waits else []
        found = waiting_blocks(waits, self.reference, now, self.targets)
        if self.knows_waits:
            for shown, block in self.clocked.blocks(self.reference, microseconds(now)).items():
                found.setdefault(shown, {}).update(block)
        return found

    def plan_samples(self, now: float) -> list[plans.Sample]:
        """Targets, plans to date and working days."""
        return list(plans.samples(self.reference, self.calendar, self.zone, now, targets=self._targets))

    def unconverted(self, now: float) -> dict[str, int]:
        """Events with money that no rate converts, by currency, over all days held and what is open."""
        found: dict[str, int] = {}
        today = local_day(int(now), self.zone)
        for (currency, day), count in self.parts.money_events.items():
            if self.reference.rates.on(currency, day or today) is None:
                found[currency] = found.get(currency, 0) + count
        return found

    def named(self, sums: Mapping[int, int]) -> dict[Item, int]:
        """Sums by what they are of, instead of its number."""
        items = self.parts.items.all
        return {items[number]: value for number, value in sums.items()}

    def local(self, now: float) -> datetime:
        """A moment on the wall clock of the business."""
        return datetime.fromtimestamp(now, self.zone)
