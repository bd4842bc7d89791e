"""Jars for the local Kafka: real downloads of a small library, several processes at once on a machine that has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.errors import StartError
from deploy.stack import jars

SMALL = "org.slf4j:slf4j-simple:1.7.36"


def test_several_at_once_on_a_new_machine(tmp_path: Path) -> None:
    """Alone, jgo ends with an AssertionError where another process has just put a file there."""
    told = f"from deploy.stack.jars import jars; print(len(jars({SMALL!r})))"
    homes = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen([sys.executable, "-c", told], env=homes, text=True, **both) for _ in range(4)]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 4, [error for _, error in ended]
    assert {output.strip() for output, _ in ended} == {"2"}


def test_an_error_without_a_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(_: str) -> None:
        raise AssertionError

    monkeypatch.setattr(jars, "CACHE", tmp_path)
    monkeypatch.setattr("jgo.build", fails)
    with pytest.raises(StartError, match=f"could not download {SMALL}: AssertionError"):
        jars.jars(SMALL)
