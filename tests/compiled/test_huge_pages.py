"""Python's memory in huge pages, as the machine gives them: what is taken is used, and what is let go of goes back."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled.telling import ROOT, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
COUNT = 1_000_000
SIZE = 250
"""MB of so many things."""
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def told(compiled: Path | None) -> list[tuple[int, int]]:
    """What a process had: resident and in huge pages, three times."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.compiled.holding", str(COUNT)],
        cwd=ROOT, env=environment(compiled), capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    full, half, empty = (tuple(map(int, line.split())) for line in made.stdout.splitlines())
    return [(full[0], full[1]), (half[0], half[1]), (empty[0], empty[1])]


def test_most_is_in_huge_pages_and_goes_back(compiled: Path) -> None:
    if not SETTING.exists() or "[never]" in SETTING.read_text():
        pytest.skip("this machine gives no huge pages")
    (full, huge), (half, _), (empty, left) = told(compiled)
    assert SIZE <= full <= SIZE * 1.4
    assert huge >= SIZE * 0.8
    assert half <= full
    assert empty <= full - SIZE * 0.8
    assert left <= SIZE * 0.1


def test_the_source_takes_its_memory_as_before() -> None:
    (full, huge), _, _ = told(None)
    assert SIZE <= full <= SIZE * 1.3
    assert huge < SIZE * 0.5
