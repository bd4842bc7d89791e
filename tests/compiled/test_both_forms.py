"""The compiled form and the source come to the same, byte for byte; and the tests of the fold hold for it as well.

By hand: `pytest -m slow tests/compiled`; of it a minute to compile.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.compiled.telling import RAISED, ROOT, Task, Teller, environment, teller
from tests.fuzz.values import values
from tests.golden import month, state
from tests.laws.mixtures import LATER, ZONES, mixtures
from tests.laws.replay import records
from tests.support.folding import FAR_MS, LogRecord
from tests.support.greatest import Greatest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
LAW = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.shrink)
)
STEPS = st.lists(st.integers(0, 27), min_size=1, max_size=6)
KEYS = (b"cl-0", b"cl-1", b"cl-2", b"cl-3", None, b"", b"\xff\xfe")
STAMPS = (FAR_MS, 1_793_500_000_000, 0, -1, 2**62, -(2**62), 2**63 // 1000, 2**80)
"""Milliseconds of a broker's timestamp; the last are none that a broker gives, and beyond a machine's integers."""
TESTED = (
    *(f"tests/unit/{what}" for what in ("fold", "streams", "events", "letters")),
    "tests/unit/test_event_types.py",
    "tests/unit/test_partitioner.py",
    "tests/golden",
    "tests/contract",
    "tests/laws",
)
"""What meets the fold, the state and decoding."""


@pytest.fixture(scope="module")
def both(compiled: Path) -> Iterator[tuple[Teller, Teller]]:
    with teller(None) as plain, teller(compiled) as fast:
        assert (plain.form, fast.form) == ("python", "compiled")
        yield plain, fast


def alike(both: tuple[Teller, Teller], task: Task) -> str:
    """Both say the same; gives what."""
    plain, fast = (one.told(task) for one in both)
    assert plain == fast
    return plain.decode()


@pytest.mark.parametrize("steps", [(27,), (13, 6, 21), (0, 7, 14), (20,)])
def test_the_hand_written_month(both: tuple[Teller, Teller], steps: tuple[int, ...]) -> None:
    said = alike(both, Task(state.log(), month.ZONE.key, steps))
    assert said.count("ViewUpdate(") > len(month.event_lines()) // 100


@pytest.mark.parametrize("seed", range(3))
def test_the_greatest_values(both: tuple[Teller, Teller], seed: int) -> None:
    """Sums of money beyond a machine's integers, texts of characters of four bytes."""
    found = Greatest(seed)
    for n in range(200):
        for kind in ("deal.changed", "payment.received", "cost.booked", "call.ended", "chat.message", "lead.changed"):
            found.add(kind, later=n * 977)
    assert len(alike(both, Task(found.records, "Asia/Kolkata", (27, 5)))) > 100_000


@settings(LAW, max_examples=1500)
@given(mixtures(60, least=5), st.sampled_from(ZONES), STEPS, st.lists(st.sampled_from(LATER), min_size=1, max_size=3))
def test_mixtures(both: tuple[Teller, Teller], mixture, zone: str, steps: list[int], later: list[int]) -> None:
    """Any events of all types that collide, at once or as history, in any batches."""
    log = [
        LogRecord(one.offset, one.key, one.value, one.timestamp + later[n % len(later)])
        for n, one in enumerate(records(mixture))
    ]
    assert f"\n{RAISED}" not in alike(both, Task(log, zone, steps))


@settings(LAW, max_examples=1500)
@given(
    st.lists(
        st.tuples(values(), st.sampled_from(KEYS), st.sampled_from(STAMPS), st.sampled_from((0, 1, None))),
        min_size=1, max_size=12,
    ),
    STEPS,
    st.integers(1, 4),
)  # fmt: skip
def test_refusals(both: tuple[Teller, Teller], rows, steps: list[int], partitions: int) -> None:
    """Values that a sender got wrong are refused for the same reason in the same words, or not at all."""
    log = [LogRecord(n, key, value, stamp, (), kind) for n, (value, key, stamp, kind) in enumerate(rows)]
    alike(both, Task(log, "UTC", steps, partitions))


def test_nothing_stays_behind(compiled: Path) -> None:
    """Folding the same log again and again needs no more memory; and no more than the source does."""
    most: dict[str, float] = {}
    for folder in (None, compiled):
        done = subprocess.run(
            [sys.executable, "-m", "tests.compiled.growing", "60000", "6"],
            cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=900, check=True,
        )  # fmt: skip
        form, *sizes = done.stdout.split()
        print(done.stdout)
        first, *_, last = map(float, sizes[1:])
        assert last < first * 1.03, done.stdout
        most[form] = last
    assert most["compiled"] < 1.05 * most["python"]


@pytest.mark.parametrize("what", TESTED)
def test_the_tests_of_the_fold_hold(compiled: Path, what: str) -> None:
    """In a process whose modules are compiled; the header of its report says so."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "--no-cov", "-p", "no:cacheprovider", what],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(compiled)}, capture_output=True, text=True, timeout=2400,
        check=False,
    )  # fmt: skip
    assert "hot modules: compiled" in done.stdout
    assert done.returncode == 0, done.stdout[-5000:]
