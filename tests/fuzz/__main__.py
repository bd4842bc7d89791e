"""Looks for a record that crashes what reads it, or that two definitions of the contract judge differently.

    python -m tests.fuzz --seconds 600

Each execution takes one value as a record of both topics: the models, the fast path and the slow path must agree, and
a worker's partition must count it exactly once, as folded, duplicate, stale or refused, with a dead letter that Kafka
can carry. The first failure ends the run, made as small as Hypothesis can, and is played again by its seed.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from producers.errors import Refused
from producers.events import REASONS, intake, wire
from streams.letters.letter import make
from streams.state.counts import PartitionCounts
from streams.state.partition import Partition
from tests.contract.test_agreement import agree
from tests.fuzz.values import values, variants
from tests.support.folding import FAR_MS, LogRecord, rules

_ROUND = 500
"""Values drawn for one seed; between rounds the clock is read."""
_VARIANTS = 20
"""Cheap changes tried of each value: drawing is what takes the time."""
_STEPS = 4
_LIFE = 500
"""Records that one partition takes in, so that events meet the state that others left."""
_OWN = b"own"
"""Stands for the key that the event itself asks for."""
_KEYS = [*[_OWN] * 12, None, b"", b"cl-1", b"cl-4", b"\xff\xfe", b"x" * 5000]
_TIMESTAMPS = [FAR_MS, 1_793_500_000_000, 0, -1]


class Subject:
    """What is fuzzed, and what came out. Raises AssertionError, or whatever crashed."""

    def __init__(self, outcomes: Counter[str]) -> None:
        self.outcomes = outcomes
        self._partition = Partition(0, 1, rules())
        self._offset = 0

    def take(self, value: bytes | None, key: bytes | None, timestamp: int) -> None:
        """One execution."""
        if key == _OWN:
            key = _own_key(value)
        if value is not None:
            for reference in (False, True):
                agree(value, reference=reference)
        try:
            intake.check_reference(LogRecord(0, key, value, timestamp))
        except Refused as error:
            self._explained(error)
        self._fold(LogRecord(self._offset, key, value, timestamp))

    @staticmethod
    def _explained(error: Refused) -> None:
        assert error.reason in REASONS
        assert error.detail

    def _fold(self, record: LogRecord) -> None:
        partition = self._partition
        refused = partition.fold([record])
        counts, partition.counts = partition.counts, PartitionCounts()
        outcome = {
            "folded": sum(counts.folded.values()),
            "duplicate": counts.duplicates,
            "stale": counts.stale,
            **counts.refused,
        }
        assert sum(outcome.values()) == 1, f"counted {outcome}"
        assert len(refused) == sum(counts.refused.values())
        for one in refused:
            made = make(one, "events", 0, "fuzz")
            assert (made.key, made.value) == (record.key, record.value)
            assert all(isinstance(name, str) and isinstance(text, bytes) for name, text in made.headers)
        self.outcomes.update(outcome)
        self._offset += 1
        if self._offset % 20 == 0:
            partition.cut()
            partition.view()
        if self._offset >= _LIFE:
            self._partition, self._offset = Partition(0, 1, rules()), 0


def fuzz(seconds: float, first: int, say: Callable[[str], None] = print) -> Counter[str]:
    """Run for `seconds`, from seed `first` on; how many executions ended how. Raises what the first failure raised."""
    outcomes: Counter[str] = Counter()
    began = said = time.monotonic()
    number = first
    while time.monotonic() - began < seconds:
        _round(Subject(outcomes), number)
        number += 1
        if time.monotonic() - said > 30:
            said = time.monotonic()
            say(f"{said - began:.0f} s: {outcomes.total():,} executions, seed {number}")
    return outcomes


def _round(subject: Subject, number: int) -> None:
    keys: st.SearchStrategy[Any] = st.sampled_from(_KEYS)

    @seed(number)
    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.one_of(st.none(), *[values()] * 20), keys, st.sampled_from(_TIMESTAMPS), st.integers(0, 1 << 32))
    def execute(value: bytes | None, key: bytes | None, timestamp: int, change: int) -> None:
        subject.take(value, key, timestamp)
        # A change of a change is soon noise, so there are several beginnings.
        for start in range(_VARIANTS // _STEPS):
            for one in variants(value or b"", change + start, _STEPS):
                note(f"value: {one!r}")
                subject.take(one, key, timestamp)

    execute()


def _own_key(value: bytes | None) -> bytes | None:
    for decode in (wire.decode, wire.decode_reference):
        with suppress(Refused):
            return decode(value).key.encode()
    return b"cl-1"


def main() -> None:
    """Fuzz for as long as asked, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    outcomes = fuzz(arguments.seconds, arguments.seed, lambda line: print(line, flush=True))
    print(f"{outcomes.total():,} executions, no failure")
    for outcome, times in outcomes.most_common():
        print(f"  {outcome:20} {times:>10,}")


if __name__ == "__main__":
    main()
