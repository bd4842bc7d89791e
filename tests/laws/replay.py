"""Folding a mixture as a worker would: in batches, with cuts, views and restarts at any place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from metrics.calendar import CalendarFile, build
from metrics.view import Unanswered, Waiting, decode_part, parse_field
from streams.fold.rules import Rules as FoldRules
from streams.plain import PlainRules
from streams.plain.calendar import of
from streams.plain.parts import Parts
from streams.state.partition import Partition
from tests.laws.mixtures import Json, encode, key_of
from tests.support.folding import LogRecord

CALENDAR = {
    "hours": {"mon": ["09:00-13:00", "14:00-18:00"], "tue": ["09:00-18:00"], "sun": ["01:30-04:00"]},
    "holidays": ["2026-10-27"],
    "days": {"2026-10-31": ["10:00-15:00"]},
    "teams": {"t-1": {"hours": {"sun": ["00:00-02:30", "20:00-24:00"], "mon": ["00:00-24:00"]}}},
}
Rec = LogRecord
PARTITIONS = 1
"""One, so that every key lies on it."""


@dataclass
class Mirror:
    """What Redis and the changelogs would hold."""

    parts: Parts = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)
    cells: dict[bytes, bytes] = field(default_factory=dict)
    clients: dict[bytes, bytes] = field(default_factory=dict)

    def see(self, update: Any) -> None:
        """Take over what a view update says."""
        for (kind, bucket), fields in update.cells.items():
            for raw, payload in fields.items():
                name = parse_field(raw)
                cell = (kind, bucket, name.manager, name.team)
                if payload is None:
                    self.parts.pop(cell, None)
                else:
                    self.parts[cell] = decode_part(payload)
        if update.waiting is not None:
            self.waiting = update.waiting
        if update.unanswered is not None:
            self.unanswered = update.unanswered

    def keep(self, cut: Any) -> None:
        """Take over what a cut says."""
        for held, pairs in ((self.cells, cut.cells), (self.clients, cut.clients)):
            for key, value in pairs:
                if value is None:
                    held.pop(key, None)
                else:
                    held[key] = value


@contextmanager
def calendar_file() -> Iterator[Path]:
    """The calendar as the file that SALES_CALENDAR names."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "calendar.yaml"
        path.write_text(yaml.safe_dump(CALENDAR))
        yield path


def plain_rules(zone: ZoneInfo) -> PlainRules:
    """Rules of the plain definition, with a calendar that has everything."""
    return PlainRules(zone, of(CALENDAR, zone), ready_stages=frozenset({"READY"}), ready_probability=Decimal("0.7"))


def fold_rules(zone: tzinfo) -> FoldRules:
    """The same for the fold."""
    return FoldRules(zone, build(CalendarFile.model_validate(CALENDAR), zone), ready_stages=frozenset({"READY"}))


def records(mixture: Sequence[Json]) -> list[Rec]:
    """A mixture as it lies in the log."""
    return [Rec(offset, key_of(one).encode(), encode(one)) for offset, one in enumerate(mixture)]


def replay(log: Sequence[Rec], zone: tzinfo, steps: Sequence[int]) -> tuple[Partition, Mirror]:
    """Fold a log in batches. After each, by its step: nothing, a view, a cut, both, or a restart from the last cut."""
    rules = fold_rules(zone)
    how = [(1 + step % 7, step // 7 % 5) for step in steps]
    return replayed(log, how, lambda: Partition(0, PARTITIONS, rules))


def replayed(
    log: Sequence[Rec], how: Sequence[tuple[int, int]], made: Callable[[], Partition]
) -> tuple[Partition, Mirror]:
    """The same by (records folded at once, what comes then), through the partitions that `made` makes."""
    partition, mirror, done, cut_at = made(), Mirror(), 0, 0
    turn = 0
    while done < len(log):
        size, what = how[turn % len(how)]
        turn += 1
        partition.fold(log[done : done + size])
        done += size
        if what in (1, 3):
            mirror.see(partition.view())
        if what in (2, 3):
            mirror.keep(partition.cut())
            cut_at = min(done, len(log))
        if what == 4 and turn < 20:
            partition, done = _restored(made(), mirror), cut_at
            mirror.parts.clear()
            for update in partition.everything():
                mirror.see(update)
    mirror.see(partition.view())
    mirror.keep(partition.cut())
    return partition, mirror


def restarted(mirror: Mirror, rules: FoldRules) -> Partition:
    """A new owner's partition, from the changelogs."""
    return _restored(Partition(0, PARTITIONS, rules), mirror)


def _restored(partition: Partition, mirror: Mirror) -> Partition:
    partition.restore_clients(mirror.clients.items())
    partition.restore_cells(mirror.cells.items())
    return partition
