"""The database of the past is what a new one would be, whatever it held before; who fills it backs off, and ends."""

import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from deploy.commands import history as command
from deploy.errors import PastError
from deploy.past import blocks
from deploy.past.fill import Filled, FilledPast, PastDatabase
from deploy.past.marks import Marks, marks
from metrics.errors import AwayError
from metrics.exporter.board import Board
from metrics.measure import key
from metrics.past.names import names
from metrics.settings import PastSettings
from metrics.view import Field
from tests.support.boards import board
from tests.support.pasts import board_with_past

TODAY = date(2026, 4, 20)
NOW = datetime(2026, 4, 20, 9, tzinfo=UTC).timestamp()
WRONG = TODAY.toordinal() - 100
"""Another block than that of the days around today, and others between."""
WHOSE = Field(0, "m-1", "north")


def with_a_day(day: int) -> Board:
    """Three days up to today, and one before."""
    shown = board_with_past(TODAY, 3)
    shown.put(("d", day), {WHOSE: {key("c", "inbound", "answered"): 7}})
    return shown


def taken_back(shown: Board) -> Board:
    shown.put(("d", WRONG), {WHOSE: {}})
    return shown


def places(past: PastDatabase) -> set[int]:
    return {block.place for block in blocks.held(past.data)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that knows of the wrong day."""
    folder = tmp_path_factory.mktemp("filled")
    past = PastDatabase(folder)
    past.fill(with_a_day(WRONG), NOW)
    assert len(places(past)) > 1
    return folder


@pytest.mark.parametrize(
    "after",
    [taken_back, lambda _: board_with_past(TODAY, 3, seed=2), lambda _: board(timezone="Europe/Berlin")],
    ids=["taken back", "another application", "emptied"],
)
@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "note lost"])
def test_what_is_gone_from_the_view_goes(
    filled: Path, tmp_path: Path, after: Callable[[Board], Board], *, is_noted: bool
) -> None:
    """Also where it lay before everything that there is now, so that nothing is worked out of its time."""
    past, fresh = PastDatabase(copytree(filled, tmp_path / "past")), PastDatabase(tmp_path / "new")
    if not is_noted:
        (tmp_path / "past" / "filled.json").unlink()
    now = after(with_a_day(WRONG))
    assert past.fill(now, NOW).blocks > 0
    fresh.fill(now, NOW)
    assert places(past) == places(fresh)
    assert past.kept() == fresh.kept()
    assert past.fill(now, NOW) == (0, 0)


def test_what_is_too_old_is_left_to_prometheus(filled: Path, tmp_path: Path) -> None:
    """Its going is no withdrawal."""
    past = PastDatabase(copytree(filled, tmp_path / "past"))
    before, later = places(past), TODAY + timedelta(days=801 - 100 + 62)
    shown = board_with_past(later, 3)
    past.fill(shown, NOW + (later - TODAY).days * 86400)
    oldest = blocks.number((WRONG - date(1970, 1, 1).toordinal()) * 86400)
    assert oldest in before & places(past)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of one day."""
    folder = tmp_path_factory.mktemp("small")
    PastDatabase(folder).fill(board_with_past(TODAY, 1), NOW)
    return folder


@pytest.mark.parametrize("left", ["", '{"minTime": 17', "[]", '{"minTime": null, "maxTime": 1}', "\0\0\0\0"])
def test_a_block_with_a_broken_meta_is_a_lost_one(small: Path, tmp_path: Path, left: str) -> None:
    """It goes, since Prometheus loads nothing new beside it, and is rebuilt."""
    past = PastDatabase(copytree(small, tmp_path / "past"))
    kept = past.kept()
    (meta,) = past.data.glob("*/meta.json")
    meta.write_text(left)
    assert past.kept() is None
    assert past.fill(board_with_past(TODAY, 1), NOW).blocks == 1
    assert not meta.parent.exists()
    assert past.kept() == kept


def test_where_it_lies_changes_no_number(tmp_path: Path) -> None:
    """`up` names an absolute folder, a command by hand a relative one; a calendar counts by what it says."""
    one, other = tmp_path / "one.yml", tmp_path / "other.yml"
    for path in (one, other):
        path.write_text("hours: {sat: ['10:00-14:00']}\n")

    def rules(**settings: object) -> str:
        shown = Board(PastSettings(_env_file=None, **settings))
        return marks(shown, range(1, 2), names(shown, NOW)).rules

    assert rules(past_dir=Path(".local/past"), view_max_age=60, calendar=one) == rules(
        past_dir=tmp_path / "past", view_max_age=90, calendar=other
    )
    assert len({rules(), rules(currency="USD"), rules(calendar=one), rules(timezone="Europe/Berlin")}) == 4


def promtool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "promtool"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("kill -9 $$", "killed by signal 9: out of memory?"),
        ("kill -15 $$", "killed by signal 15"),
        ("exit 3", "it ended with 3"),
        ("echo 'no space left' >&2; exit 1", "no space left"),
    ],
)
def test_why_promtool_made_no_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str) -> None:
    """Who is killed says nothing himself."""
    promtool(tmp_path, script, monkeypatch)
    with pytest.raises(PastError, match="promtool could not make a block") as failed:
        PastDatabase(tmp_path / "past").fill(board_with_past(TODAY, 1), NOW)
    assert str(failed.value).endswith(told)


class Over(BaseException):
    """The end of what goes on for ever."""


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (PastError("no room"), [60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (OSError("no room"), [60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (AwayError("no heartbeat"), [60] * 8),
    ],
)
def test_what_fails_again_and_again_is_tried_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, pauses: list[float]
) -> None:
    """Where all days are worked out each time; once it is done, from the beginning."""
    slept: list[float] = []
    happens: list[Exception | Filled] = [*[error] * 8, Filled(1, 1), error]

    def filled(*_: object) -> Filled:
        if len(slept) == len(happens):
            raise Over
        happened = happens[len(slept)]
        if isinstance(happened, Exception):
            raise happened
        return happened

    monkeypatch.setattr(command, "_fill", filled)
    monkeypatch.setattr(command.time, "sleep", slept.append)
    monkeypatch.setattr(command, "_until_next", lambda _: 7.0)
    monkeypatch.setattr("deploy.stopping.end_when_asked", lambda: None)
    with pytest.raises(Over):
        command._keep_filled(PastDatabase(tmp_path), PastSettings(_env_file=None), 0)
    assert slept == [*pauses, 7.0, 60]


def test_a_past_that_is_imported_is_not_left_for_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing at first, then half of it, then the rest; half an hour later changes wait for the night."""
    slept: list[float] = []
    days = [0, 0, 30, 60, 1, 1, 2, 1]
    kept = [None, None, *[FilledPast(Marks("", {}, {}), {1: "a"})] * 6]

    def filled(*_: object) -> Filled:
        if len(slept) == len(days):
            raise Over
        return Filled(days[len(slept)], 1)

    monkeypatch.setattr(command, "_fill", filled)
    monkeypatch.setattr(PastDatabase, "kept", lambda _: kept[len(slept)])
    monkeypatch.setattr(command.time, "sleep", slept.append)
    monkeypatch.setattr(command, "_until_next", lambda _: 40_000.0)
    monkeypatch.setattr("deploy.stopping.end_when_asked", lambda: None)
    with pytest.raises(Over):
        command._keep_filled(PastDatabase(tmp_path), PastSettings(_env_file=None), 0)
    assert slept == [60, 120, 240, 480, 960, 40_000, 40_000, 40_000]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_nightly_process_ends_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """It handles the signal itself, as the first process of a container has to, and ends without an error."""

    def unheard(*_: object) -> None:
        raise Over

    before = {one: signal.signal(one, unheard) for one in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(command, "_fill", lambda *_: signal.raise_signal(number))
    try:
        with pytest.raises(SystemExit) as ended:
            command._keep_filled(PastDatabase(tmp_path), PastSettings(_env_file=None), 0)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert not ended.value.code
