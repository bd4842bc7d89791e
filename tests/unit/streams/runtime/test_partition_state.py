"""What is known of a partition: how long a transaction holds it back, and whether it stalls by its own fault."""

import pytest

from producers.log_ends import EndOffsets
from streams.runtime import partition_state
from streams.runtime.partition_state import PartitionState
from tests.support.clock import ManualClock


@pytest.fixture
def clock(monkeypatch):
    """Monotonic time, set by hand."""
    found = ManualClock(1000.0)
    monkeypatch.setattr(partition_state, "monotonic", found)
    return found


def held(clock, *seen):
    """How long it has been held back after each second's answer (stable, high)."""
    state, found = PartitionState(contact_at=clock.now, progressed_at=clock.now), []
    for ends in seen:
        clock.now += 1
        state.answered(EndOffsets(*ends))
        found.append(state.held)
    return found


def test_an_open_transaction(clock):
    """Time counts while the last stable offset stands still below the high watermark, whatever arrives behind it."""
    assert held(clock, (5, 5), (5, 8), (5, 9), (5, 300)) == [0, 0, 1, 2]
    assert held(clock, (5, 8), (5, 8), (9, 9), (9, 9)) == [0, 1, 0, 0]


def test_one_transaction_after_the_other(clock):
    """A log in which some transaction is always open, as our own flushes are, but none for long, is not held back."""
    assert held(clock, (5, 8), (10, 12), (14, 16), (18, 20)) == [0, 0, 0, 0]
    assert held(clock, (5, 8), (5, 8), (10, 12), (10, 12)) == [0, 1, 0, 1]


def test_a_stall_is_not_kafkas_silence(clock):
    """No progress counts while Kafka answers; after a silence the time for it begins again."""
    state = PartitionState(contact_at=clock.now, progressed_at=clock.now, ready=True)
    for _ in range(50):
        clock.now += 1
        state.answered(EndOffsets(9, 9))
    assert state.has_stalled(40)
    assert not state.has_stalled(60)
    clock.now += 100
    assert not state.has_stalled(60)
    state.answered(EndOffsets(9, 9))
    assert not state.has_stalled(40)
    clock.now += 5
    assert not state.has_stalled(40)
    for _ in range(50):
        clock.now += 1
        state.answered(EndOffsets(9, 9))
    assert state.has_stalled(40)
