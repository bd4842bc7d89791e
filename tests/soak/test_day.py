"""The day in fast motion, small: by hand (`pytest -m slow tests/soak`); the whole is `python -m tests.soak`."""

import pytest

from tests.soak.day import Day

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1200)]


def test_a_short_day(tmp_path):
    """A worker and the ledger killed every hour: no number differs, nobody ends by himself, nothing grows without end.

    The standing audit finds nothing, until a number is made wrong.
    """
    day = Day(
        tmp_path, events=100_000, hours=4, hour_seconds=20, managers=100, workers=2, profile="wall", tell=print
    )  # fmt: skip
    found = day.run()
    assert found.is_equal, found.audit["examples"]
    assert found.sent > 80_000
    assert (found.kills, found.crashes) == (4, 0)
    assert found.proofs >= 1
    assert found.differences == []
    assert (found.found["data"], found.found["count"]) == ("days", 1)
    assert all(found.memory.growth(name, 4) < 60 for name in found.memory.sizes)
