"""Fills the past's database from the view: all of it at first, later the blocks in which something has changed."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from deploy.past import blocks
from deploy.past.marks import Marks, marks
from metrics.exporter.board import Board
from metrics.exporter.held.places import Places
from metrics.exporter.kpi.runs import oldest
from metrics.past import openmetrics, values
from metrics.past.names import names
from metrics.windows import last_second

log = structlog.get_logger(__name__)
_PIECE = 1 << 20


class FilledPast(msgspec.Struct, frozen=True):
    """What the database holds: what it was worked out from, and digests of its blocks' texts."""

    marks: Marks
    texts: dict[int, str]


class Filled(NamedTuple):
    """What one run did: days that were worked out, and blocks that took others' place."""

    days: int
    blocks: int


class PastDatabase:
    """The database in a folder: data/ is Prometheus's, filled.json says what it holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.data = folder / "data"
        self._note = folder / "filled.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let one at a time fill it: others wait."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def kept(self) -> FilledPast | None:
        """What it holds; None where it is new, from an earlier release, or has lost a block."""
        try:
            kept = msgspec.json.decode(self._note.read_bytes(), type=FilledPast)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        there = {block.place for block in blocks.held(self.data)}
        return kept if kept.texts.keys() <= there else None

    def fill(self, board: Board, now: float, told: Callable[[date], None] = lambda _: None) -> Filled:
        """Make it say what the board says of every day that is over. told: called after each day. Raises PastError."""
        run = values.held(board, now)
        board.follow_clock(now)
        since = oldest(board.local(now).date()).toordinal()
        days = range(run[0].toordinal(), run[1].toordinal() + 1) if run else range(since, since)
        workshop = _empty(self._folder / "workshop")
        made = 0
        try:
            for folder in blocks.lost(self.data):
                blocks.remove(folder, workshop)
            shown = names(board, now)
            found, kept = marks(board, days, shown), self.kept()
            begins = found.changed(None if kept is None else kept.marks, days, since)
            walked = _walked(days, begins, board)
            texts = dict(kept.texts) if kept is not None and kept.marks.rules == found.rules else {}
            stay = {_place(day, board) for day in range(days.start, walked.start)} & texts.keys()
            for place, text in self._texts(board, walked, now, shown, workshop, told):
                digest = _digest(text)
                if texts.get(place) != digest:
                    blocks.replace(self.data, place, text, _empty(workshop / "blocks"))
                    texts[place] = digest
                    made += 1
                stay.add(place)
                text.unlink()
            # What Prometheus lets go of for its age is left to it.
            for block in blocks.held(self.data):
                if _place(since, board) <= block.place and block.place not in stay:
                    blocks.remove(block.folder, workshop)
                    made += 1
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        if begins is not None or made:
            self._keep(FilledPast(found, {place: text for place, text in texts.items() if place in stay}))
        return Filled(len(walked), made)

    def _texts(
        self, board: Board, days: range, now: float, shown: Places, workshop: Path, told: Callable[[date], None]
    ) -> Iterator[tuple[int, Path]]:
        """The text of each block that has any, as soon as the walk over some days (ordinals) is past it."""
        if not days:
            return
        first, last = date.fromordinal(days.start), date.fromordinal(days.stop - 1)
        since = oldest(board.local(now).date())
        span = values.ends(first, last, since)
        seconds = openmetrics.stamps(span, board)
        walk = values.Walk(board, values.RECORDED, span, since, now, shown)
        start = span.days.start
        for number in walk.steps():
            if number not in span.days:
                continue
            told(span.date(number))
            place = blocks.number(seconds[number])
            if number + 1 in span.days and blocks.number(seconds[number + 1]) == place:
                continue
            text = workshop / f"{place}.txt"
            with text.open("w") as out:
                for family in openmetrics.families(values.RECORDED, walk.courses, span, range(start, number + 1)):
                    out.writelines(openmetrics.text(family, seconds))
                is_empty = not out.tell()
                out.write(openmetrics.END)
            start = number + 1
            if not is_empty:
                yield place, text

    def _keep(self, kept: FilledPast) -> None:
        fresh = self._note.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(kept))
        fresh.replace(self._note)


def _place(day: int, board: Board) -> int:
    """The block that the end of a day (its ordinal) lies in."""
    return blocks.number(last_second(date.fromordinal(day), board.zone))


def _walked(days: range, begins: int | None, board: Board) -> range:
    """Those of some days (ordinals) that are worked out. A block is remade as a whole: from its first day on."""
    if begins is None or not days:
        return range(days.stop, days.stop)
    place = _place(min(max(begins, days.start), days.stop - 1), board)
    return range(next(day for day in days if _place(day, board) == place), days.stop)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _digest(text: Path) -> str:
    with text.open("rb") as file:
        found = blake2b(digest_size=12)
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
