"""All numbers at hand: takes what the view says, follows the clock, and answers in text, samples and JSON.

One event loop uses it. Nothing here reads a clock or Redis: moments (Unix seconds) are given, updates are pushed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from metrics.catalogue import FAMILIES
from metrics.catalogue.money import MONEY_EVENTS, OPEN_MONEY_EVENTS
from metrics.exporter import plans, text
from metrics.exporter.aggregates import Aggregates, Slot, Sums, from_scratch
from metrics.exporter.numbers import Block, Shown, block, merged, resolve
from metrics.exporter.open import open_block, still_waiting, waiting_blocks
from metrics.exporter.parts import Bucket, Parts
from metrics.family import Family, Source
from metrics.measure import parts as measure_parts
from metrics.reference import Reference, build
from metrics.settings import BusinessSettings
from metrics.view import Field, Waiting
from metrics.windows import local_day, windows_at

PERIOD_ORDER = {"current": 0, "previous": 1}


class Row(NamedTuple):
    """One credit's numbers: in a window and period, or now (slot None)."""

    shown: Shown
    slot: Slot | None
    block: Block


class Board:
    """The numbers of one application id."""

    def __init__(self, settings: BusinessSettings) -> None:
        self.settings = settings
        self.zone = settings.zone
        self.calendar = settings.working_calendar()
        self.targets = {"call": settings.call_target_seconds, "chat": settings.chat_target_seconds}
        self.parts = Parts(self.zone, settings.currency)
        self.aggregates = Aggregates(self.parts, self.zone)
        self.reference: Reference = build({}, settings.currency)
        self._records: dict[str, dict[str, Any]] = {}
        self._lines: dict[Slot, dict[Shown, text.Lines]] = {}
        self._joined: dict[Slot, dict[str, str]] = {}
        self._open_lines: dict[Shown, text.Lines] = {}
        self._open_joined: dict[str, str] | None = None
        self._open_day = 0
        self._head = {name: text.header(name, family.help) for family, name in text.exposed(FAMILIES)}

    # -- what comes in

    def put(self, bucket: Bucket, field: Field, part: dict[str, int]) -> None:
        """Take one part; an empty one removes it."""
        change = self.parts.put(bucket, field, part)
        if change is None:
            return
        if bucket[0] == "o":
            self._open_joined = None
        else:
            self.aggregates.change(change)

    def put_waiting(self, partition: int, waiting: list[Waiting]) -> None:
        """Take who waits in one partition."""
        self.parts.waiting[partition] = waiting

    def put_reference(self, records: dict[str, dict[str, Any] | None]) -> None:
        """Take reference records by key; None removes one. What is shown is worked out anew."""
        for key, record in records.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record
        self.reference = build(self._records, self.settings.currency)
        self._forget_lines()

    def clear(self) -> None:
        """Forget everything, before the view is loaded anew."""
        self.parts = Parts(self.zone, self.settings.currency)
        self.aggregates = Aggregates(self.parts, self.zone)
        self._records.clear()
        self.reference = build({}, self.settings.currency)
        self._forget_lines()

    def _forget_lines(self) -> None:
        self._lines.clear()
        self._joined.clear()
        self._open_joined = None

    # -- text

    def exposition(self, now: float) -> list[str]:
        """Prometheus text of all families at a moment, in chunks."""
        self.refresh(now)
        waiting = self._now_lines(waiting_blocks(self._waiting(now), self.reference, now, self.targets))
        planned = self._plan_lines(now)
        chunks = []
        for family, name in text.exposed(FAMILIES):
            match family.source:
                case Source.CELLS:
                    lines = [joined.get(name, "") for joined in self._joined.values()]
                case Source.OPEN:
                    lines = [(self._open_joined or {}).get(name, "")]
                case Source.WAITING:
                    lines = [waiting.get(name, "")]
                case _:
                    lines = [planned.get(family, "")]
            if any(lines):
                chunks += [self._head[name], *lines]
        return chunks

    def refresh(self, now: float) -> None:
        """Render what changed since the last time; cost grows with that."""
        self.aggregates.move(int(now))
        for slot, sums in self.aggregates.sums.items():
            dirty = self.aggregates.dirty[slot]
            if slot not in self._lines:
                self._lines[slot] = {}
                dirty |= set(sums)
            elif not dirty:
                continue
            self._render(slot, sums, {(m, self.reference.team_of(m, t)) for m, t in dirty})
            self.aggregates.dirty[slot] = set()
        today = local_day(int(now), self.zone)
        if self._open_joined is None or self._open_day != today:
            self._open_day = today
            self._open_joined = self._now_lines({row.shown: row.block for row in self.open_rows(now)})

    def _render(self, slot: Slot, sums: Sums, shown: Iterable[Shown]) -> None:
        lines = self._lines[slot]
        touched: set[str] = set()
        for one in shown:
            stated = [(one[0], one[1]), (one[0], "")] if self.reference.team_of(one[0], "") == one[1] else [one]
            items = merged(sums, stated)
            old = lines.pop(one, {})
            new = text.block_lines(block(items, self.reference.rates), one, slot) if items else {}
            if new:
                lines[one] = new
            touched |= {name for name in {*old, *new} if old.get(name) != new.get(name)}
        joined, order = self._joined.setdefault(slot, {}), sorted(lines)
        for name in touched:
            joined[name] = "".join([lines[one][name] for one in order if name in lines[one]])

    def _now_lines(self, blocks: dict[Shown, Block]) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for shown, numbers in sorted(blocks.items(), key=lambda item: item[0]):
            for name, lines in text.block_lines(numbers, shown, None).items():
                found.setdefault(name, []).append(lines)
        return {name: "".join(lines) for name, lines in found.items()}

    def _plan_lines(self, now: float) -> dict[Family, str]:
        rows: dict[Family, list[tuple[tuple[str, ...], float]]] = {}
        for family, labels, value in plans.samples(self.reference, self.calendar, self.zone, now):
            rows.setdefault(family, []).append((labels, value))
        return {family: text.plain_lines(family, found) for family, found in rows.items()}

    def exposition_at(self, at: float, now: float) -> list[str]:
        """Text of the calendar windows as they stood at a moment. Raises WindowError."""
        rows = list(self.rows_at(at, now))
        chunks = []
        found: dict[str, list[str]] = {}
        for row in rows:
            for name, lines in text.block_lines(row.block, row.shown, row.slot).items():
                found.setdefault(name, []).append(lines)
        for _, name in text.exposed(FAMILIES):
            if name in found:
                chunks += [self._head[name], *found[name]]
        return chunks

    # -- numbers

    def rows(self, now: float, slots: Iterable[Slot] | None = None) -> Iterator[Row]:
        """Numbers of every credit in the windows asked for (all by default)."""
        self.aggregates.move(int(now))
        for slot in self.aggregates.sums if slots is None else slots:
            yield from self._rows_of(slot, self.aggregates.sums.get(slot, {}))

    def rows_at(self, at: float, now: float) -> Iterator[Row]:
        """Numbers of the calendar windows as they stood at a moment. Raises WindowError."""
        for window in windows_at(int(at), int(now), self.zone):
            yield from self._rows_of((window.name, window.period), from_scratch(self.parts, window))

    def open_rows(self, now: float) -> Iterator[Row]:
        """What is open now."""
        today = local_day(int(now), self.zone)
        sums = self.parts.sums.get(("o", 0), {})
        for shown, credits_ in sorted(resolve(sums, self.reference).items()):
            numbers = open_block(merged(sums, credits_), self.reference.rates, today)
            if numbers:
                yield Row(shown, None, numbers)

    def waiting_rows(self, now: float) -> Iterator[Row]:
        """Who waits now, as numbers."""
        blocks = waiting_blocks(self._waiting(now), self.reference, now, self.targets)
        for shown, numbers in sorted(blocks.items(), key=lambda item: item[0]):
            yield Row(shown, None, numbers)

    def plan_samples(self, now: float) -> list[plans.Sample]:
        """Targets, plans to date and working days."""
        return list(plans.samples(self.reference, self.calendar, self.zone, now))

    def _rows_of(self, slot: Slot, sums: Sums) -> Iterator[Row]:
        for shown, credits_ in sorted(resolve(sums, self.reference).items()):
            numbers = block(merged(sums, credits_), self.reference.rates)
            numbers = {family: values for family, values in numbers.items() if slot[0] in family.windows}
            if numbers:
                yield Row(shown, slot, numbers)

    def _waiting(self, now: float) -> list[Waiting]:
        return still_waiting(self.parts.everyone_waiting(), now)

    def waiting(self, now: float) -> list[Waiting]:
        """Everyone who waits now, longest first."""
        return self._waiting(now)

    def unconverted(self, now: float) -> dict[str, int]:
        """Events with money that no rate converts, by currency, over all days held and what is open."""
        found: dict[str, int] = {}
        today = local_day(int(now), self.zone)
        for code, kind in ((MONEY_EVENTS, "d"), (OPEN_MONEY_EVENTS, "o")):
            for bucket, sums in self.parts.of(kind):
                day = today if kind == "o" else bucket
                for items in sums.values():
                    for item, count in items.items():
                        head, currency = measure_parts(item.measure)[0], measure_parts(item.measure)[-1]
                        if head == code and self.reference.rates.on(currency, day) is None:
                            found[currency] = found.get(currency, 0) + count
        return found

    def local(self, now: float) -> datetime:
        """A moment on the wall clock of the business."""
        return datetime.fromtimestamp(now, self.zone)
