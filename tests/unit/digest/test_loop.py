"""`sales-pulse digest --loop` stays whatever happens, and goes when it is asked to."""

import os
import signal
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import structlog

from deploy.commands import digest
from metrics.digest.delivery import LaterError
from metrics.digest.period import DigestKind
from metrics.digest.run import DigestRun, key
from metrics.digest.sent import DONE, Sent
from producers.events.rules import ID_LENGTH
from tests.unit.digest.test_delivery import ANNA, Waits, message, settings


@pytest.fixture(autouse=True)
def _handlers():
    """As they were before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class MorningExporter:
    """An exporter of which nothing but the time is asked."""

    def now(self, _team):
        return datetime(2026, 11, 18, 9, tzinfo=ZoneInfo("Europe/Moscow"))


class Making(DigestRun):
    """Makes a digest of nothing."""

    def message(self, period, team=""):
        return replace(message(), key=key(period, team))


class Way:
    """Asks the process to stop while it sends."""

    def __init__(self, error=None):
        self.tries, self._error = 0, error

    def send(self, _message):
        self.tries += 1
        os.kill(os.getpid(), signal.SIGTERM)
        if self.tries > 1:
            raise RuntimeError("it goes on although it was asked to stop")
        if self._error:
            raise self._error


@pytest.mark.parametrize("number", [1, 3])
def test_asked_to_stop_it_goes(tmp_path, number):
    """Nothing more is tried and nothing waited for: what is left comes with the next start."""
    ways = {f"{one}@example.com": Way(LaterError("450 greylisted", 300)) for one in range(number)}
    with structlog.testing.capture_logs() as said:
        digest._stay(Making(settings(tmp_path), MorningExporter(), ways), [DigestKind.DAY, DigestKind.WEEK], "")
    assert [way.tries for way in ways.values()] == [1] + [0] * (number - 1)
    assert "0@example.com: 450 greylisted" in said[0]["event"]
    assert said[0]["event"].count("not tried") == number - 1


def test_a_team_may_be_called_anything(tmp_path):
    """As long as the contract lets it, in any letters."""
    way, team = Way(), "я" * ID_LENGTH
    digest._stay(Making(settings(tmp_path), MorningExporter(), {ANNA: way}), [DigestKind.DAY], team)
    assert Sent(tmp_path).state(f"day-2026-11-17-{team}", ANNA) == DONE


@pytest.mark.parametrize("broken", ["folder", "elsewhere"])
def test_it_stays_where_nothing_can_be_written(tmp_path, broken):
    """It says so in a line and tries again later."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "digests" if broken == "folder" else tmp_path
    run = Making(settings(folder), MorningExporter(), {ANNA: Way()}, stop=Waits(ends_at=2))
    if broken == "elsewhere":
        run.message = lambda *_: (_ for _ in ()).throw(OSError(24, "Too many open files"))
    with structlog.testing.capture_logs() as said:
        digest._stay(run, [DigestKind.DAY], "")
    told = "SALES_DIGEST_DIR" if broken == "folder" else "Too many open files"
    assert [told in line["event"] for line in said] == [True]
    assert run.stop.waited == [0, 600]
