"""Producers whose clocks are wrong: their events count where they say, or are dead letters, and harm nobody else's."""

import time

import pytest

from tests.faults.mixture import MINUTE, mixture
from tests.faults.run import RATE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_ten_minutes_off(run):
    """Clocks of producers ten minutes ahead and ten minutes behind, while a worker is killed."""
    one, two = run.begin("one", "two", rate=0)
    now = time.time_ns() // 1000
    # A little less than ten minutes when it starts, a little more later: some count, some are refused.
    for seed, shift in ((1, 0), (2, 10 * MINUTE - MINUTE // 12), (3, -10 * MINUTE)):
        run.load(RATE // 3, mixture(seed, start_us=now + shift, density=RATE / 4))
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.sleep(8)
    run.fault("SIGKILL")
    one.kill()
    row = run.settle(20)
    assert row.dead_letters > row.sent * 0.02, "what was too far ahead was refused"
    row.append()
