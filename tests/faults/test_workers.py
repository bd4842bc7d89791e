"""Workers are killed, frozen, stopped, added and removed under load: nothing is lost, nothing counts twice."""

import time

import pytest

from tests.faults.run import PARTITIONS, SESSION

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_killed_once(run):
    """SIGKILL of a worker: the other one takes over."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.fault("SIGKILL")
    one.down()
    run.until(lambda: len(two.ready) == PARTITIONS, 30, "the other one owns all")
    row = run.settle()
    assert row.back <= 15
    row.append()


def test_killed_and_started_at_once(run):
    """SIGKILL of a worker that its supervisor starts again."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.fault("SIGKILL")
    one.kill()
    row = run.settle(15)
    assert row.back <= 15
    row.append()


def test_killed_every_few_seconds(run):
    """SIGKILL every few seconds, of one worker and the other in turn."""
    workers = run.begin("one", "two")
    for number in range(6):
        run.fault(f"SIGKILL {number}")
        workers[number % 2].kill()
        run.sleep(6)
    run.settle(12).append()


def test_frozen_longer_than_the_session(run):
    """SIGSTOP longer than the session, then SIGCONT: a zombie that wakes after the new owner has written."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    lost = set(one.ready)
    run.fault("SIGSTOP")
    one.pause()
    stood = one.samples[-1][1]
    run.until(lambda: len(two.ready) == PARTITIONS, 40, "the other one owns all")
    run.sleep(4)
    fences = two.samples[-1][1]
    assert all(fences[number] > stood[number] for number in lost), "the new owner has written"
    run.fault("SIGCONT")
    one.resume()
    run.settle(12).append()


def test_there_and_back(run):
    """A partition that goes from one worker to another and back, by zombies that wake."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    for asleep, awake in ((one, two), (two, one)):
        run.fault(f"SIGSTOP of {asleep.worker_id}")
        asleep.pause()
        run.until(lambda: len(awake.ready) == PARTITIONS, 40, f"{awake.worker_id} owns all")  # noqa: B023
        run.sleep(2)
        run.fault(f"SIGCONT of {asleep.worker_id}")
        asleep.resume()
        run.until(lambda: asleep.ready and awake.ready, 40, "both own some again")  # noqa: B023
        run.sleep(2)
    run.settle().append()


def test_added_and_removed(run):
    """Rebalances: workers come and go."""
    one, two = run.begin("one", "two")
    run.fault("a third joins")
    three = run.worker("three")
    run.until(lambda: three.ready, 40, "the third owns some")
    run.sleep(3)
    run.fault("the first leaves")
    one.wanted = False
    one.stop()
    run.until(lambda: len(run.owned(two, three)) == PARTITIONS, 40, "the others own all")
    run.sleep(3)
    run.fault("the first joins again, the second leaves")
    one.up()
    two.wanted = False
    two.stop()
    run.until(lambda: len(run.owned(one, three)) == PARTITIONS, 60, "the first and the third own all")
    run.settle().append()


def test_terminated(run):
    """SIGTERM: ends within 10 s, and the other one takes over."""
    one, two = run.begin("one", "two")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.fault("SIGTERM")
    one.wanted = False
    began = time.monotonic()
    one.stop(20)
    run.notes["ended_after"] = round(time.monotonic() - began, 1)
    assert one.returncode == 0
    assert run.notes["ended_after"] <= 10
    run.until(lambda: len(two.ready) == PARTITIONS, SESSION + 20, "the other one owns all")
    run.settle().append()
