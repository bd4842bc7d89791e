"""The held view as text: renders what changed, follows the clock, and answers in text, plain or compressed."""

from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Self

from typing_extensions import override

from metrics.calendar import Calendar
from metrics.catalogue import CELL_FAMILIES, FAMILIES
from metrics.exporter.exposition import planned as planning
from metrics.exporter.exposition import text
from metrics.exporter.exposition.course import Course
from metrics.exporter.exposition.lines import Column, Lines
from metrics.exporter.exposition.memory import give_back, keep
from metrics.exporter.exposition.packed import Packed, pack, pack_once
from metrics.exporter.exposition.people import People
from metrics.exporter.exposition.pipelines import Pipelines
from metrics.exporter.exposition.writer import LineWriter
from metrics.exporter.held.aggregates import NOW, Slot, Sums, shared, taken
from metrics.exporter.held.items import FREELY_LABELLED
from metrics.exporter.held.open import together
from metrics.exporter.held.parts import Bucket, Credit
from metrics.exporter.held.view import HeldView
from metrics.family import CALENDAR_WINDOWS, COURSE, NINETY_DAYS, PERIODS, SHORT_WINDOWS, Source
from metrics.other import MOST_VALUES
from metrics.reference import Reference
from metrics.settings import BusinessSettings
from metrics.view import Field
from metrics.windows import local_day

SLOTS: tuple[Slot, ...] = (*product((*SHORT_WINDOWS, *CALENDAR_WINDOWS), PERIODS), (NINETY_DAYS, "current"))
_YEARS: tuple[Slot, ...] = tuple((CALENDAR_WINDOWS[-1], period) for period in PERIODS)
"""Slots in which all others lie: whoever has numbers at all has some here, or now."""

_MUCH = 8_000_000
"""Bytes of text let go of that the system gets back."""
_MOST_ASKED = 16
"""Choices of windows, the last that somebody asked for, that are kept while a minute turns: there are thousands."""
_Render = Callable[[Lines, Slot, Sums, Mapping[Credit, int], Reference, int], None]


class Board(HeldView):
    """A held view that is shown to Prometheus."""

    def __init__(
        self, settings: BusinessSettings, most_values: int = MOST_VALUES, calendar: Calendar | None = None
    ) -> None:
        self._head = {name: text.header(name, family.help).encode() for family, name in text.exposed(FAMILIES)}
        self._heads = frozenset(self._head.values())
        super().__init__(settings, most_values, calendar)

    @override
    def clear(self) -> None:
        super().clear()
        self._writer = LineWriter(self._parts.items)
        self._lines = Lines((*SLOTS, NOW))
        self._course = Course(self._parts.items, self.zone, self.calendar)
        self._planned = planning.Planned(self.calendar, self._targets)
        self._people = People()
        self._pipelines = Pipelines()
        self._today = 0
        self._ranked = -1
        self._asked: dict[frozenset[str] | None, None] = {}
        self._held: dict[frozenset[str] | None, list[Packed]] = {}
        self.rendered_at = 0.0
        """Moment of the numbers in the text."""

    @override
    def take_over(self, other: Self) -> None:
        super().take_over(other)
        keep()

    @override
    def put(self, bucket: Bucket, parts: Mapping[Field, dict[str, int]]) -> Sums:
        gained = super().put(bucket, parts)
        self._course.put(bucket, gained)
        return gained

    @override
    def settling(self) -> Iterator[None]:
        settled = False
        for step in super().settling():
            settled = True
            yield step
        if settled:
            give_back()

    def packed(self, now: float, windows: frozenset[str] | None = None, *, refresh: bool = True) -> list[Packed]:
        """Prometheus text at a moment, compressed; refresh: False for what was rendered last.

        windows: those wanted, "now" and COURSE for what has none; None for all.
        """
        if refresh:
            self.refresh(now)
        elif windows in self._held:
            return self._held[windows]
        self._asked.pop(windows, None)
        self._asked[windows] = None
        if len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
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

    def hold(self) -> None:
        """Keep what was rendered last for whoever asks while a minute turns."""
        self._held = {windows: self.packed(self.rendered_at, windows, refresh=False) for windows in list(self._asked)}

    def is_held(self, windows: frozenset[str] | None) -> bool:
        """Whether nothing half rendered could be shown of these windows."""
        return not self._held or windows in self._held

    def let_go(self) -> None:
        """The turn is over."""
        self._held = {}

    def _pieces(self, now: float, windows: Container[str] | None) -> Iterator[bytes | Column | planning.PlannedLines]:
        with_course = windows is None or COURSE in windows
        told: dict[str, bytes | planning.PlannedLines] = {}
        if windows is None or NOW[0] in windows:
            waiting = text.now_lines(together(self._now_blocks(now), self._row_of))
            told |= {name: lines.encode() for name, lines in waiting.items()}
        if with_course:
            today, has_name = self.today(now), self._names.managers.has
            told |= self._planned.lines(self.reference, today, now, has_name)
        for family, name in text.exposed(FAMILIES):
            is_kept = family.source in {Source.CELLS, Source.OPEN}
            if found := self._lines.columns(name, windows) if is_kept else [told[name]] if name in told else []:
                yield self._head[name]
                yield from found
        if with_course:
            yield from self._course.pieces(now, self.reference)
            yield from self._people.pieces(self.reference, set(filter(self._names.managers.has, self._credited(now))))
            yield from self._pipelines.pieces(self.reference, self._parts.items, self._names.values)

    def _credited(self, now: float) -> set[str]:
        """Managers who have numbers, or a plan."""
        planned = {name for (level, name), _, _ in self.reference.plans if level == "manager"}
        found = set[Credit]().union(self._aggregates.open, *(self._aggregates.sums[slot] for slot in _YEARS))
        waiting = {manager for manager, _ in self._now_blocks(now)}
        return planned | {manager for manager, _ in found} | waiting

    def rank(self) -> None:
        """Have names ranked when numbers are shown next, however lately that was done."""
        self._ranked = -1

    def _rank(self, now: float, today: int) -> None:
        """Reassign names, once a minute where they are about to run out; name what is new."""
        minute, items = int(now) // 60, self._names.values.grow()
        if minute != self._ranked:
            self._ranked = minute
            also = {manager for manager, _ in self._now_blocks(now)}
            also |= self._targets.managers(self.reference, self.today(now))
            if self._names.is_near(also):
                moved = self._names.rank(dict(self._aggregates.held()), also, self.reference, today)
                self._lines.drop(moved.gone)
                self._aggregates.share(moved.gone, moved.come, self._shared)
                items |= moved.items
        if items:
            self._aggregates.touch_items(items, FREELY_LABELLED)

    def refresh(self, now: float, most: int = 1 << 30) -> bool:
        """Render what changed since the last time, at most so many credits; say whether that was all."""
        self.follow_clock(now)
        self._aggregates.move(int(now))
        today = local_day(int(now), self.zone)
        self._rank(now, today)
        if today != self._today:
            # Receivables age and what is open is converted by the day's rate.
            self._today = today
            self._aggregates.touch_all(NOW)
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
        held = self._aggregates
        for slot, dirty in held.dirty.items():
            render = partial(self._writer.people, self._names, held.rest[slot])
            yield slot, held.open if slot == NOW else held.sums[slot], dirty, render
        for slot, dirty in held.dirty_teams.items():
            yield slot, held.teams[slot], dirty, partial(self._writer.teams, self._names)

    def exposition_at(self, at: float, now: float, windows: frozenset[str] | None = None) -> list[bytes]:
        """Text of the calendar windows as they stood at a moment. Raises WindowError."""
        lines, today, names = Lines(SLOTS), local_day(int(at), self.zone), self.no_names()
        names.values.grow()
        is_crowded = names.is_near() or len(self.everybody()) > names.managers.most
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
