"""A worker that is asked to end says so to the group: nobody waits for its session."""

import signal

import pytest

from tests.support.workers import floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


async def test_partitions_are_taken_over_at_once(house):
    """After SIGTERM the other worker owns all long before the session would be over; all stays exact."""
    one = house.worker("one", SALES_SESSION_TIMEOUT="30")
    await until(lambda: one.owned() == {0, 1, 2}, 60, "one owns all")
    two = house.worker("two", SALES_SESSION_TIMEOUT="30")
    # The first is told of the change by its next heartbeat, a third of its session later.
    await until(lambda: two.owned() and len(one.owned() | two.owned()) == 3, 90, "both own some")
    await house.publish(floor(1_000))
    one.signal(signal.SIGTERM)
    assert one.wait(10) == 0
    await until(lambda: two.owned() == {0, 1, 2}, 20, "the other one owns all")
    await house.publish(floor(500, seed=2))
    report = await house.verdict()
    assert report.is_equal, report.lines()
