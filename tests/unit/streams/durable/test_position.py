"""A start says what became of a log that is not the one it was: another, or one that lost its beginning or its end."""

import pytest

from streams.durable.position import position
from streams.durable.restore import Bounds
from streams.errors import WorkerError
from streams.state.partition import Partition
from tests.support.folding import rules


def restored(fence: int, log: str) -> Partition:
    """A partition of the log `log` whose events up to `fence` were folded."""
    partition = Partition(2, 3, rules())
    partition.log = log
    partition.pass_over(fence + 1)
    return partition


@pytest.mark.parametrize(("fence", "begin", "goes_on"), [(-1, 0, 0), (-1, 7, 7), (3, 0, 4), (3, 4, 4), (8, 0, 9)])
def test_reading_goes_on_behind_what_was_folded(fence: int, begin: int, goes_on: int) -> None:
    """Or where the log begins, if nothing was; a log that ends there is whole."""
    assert position("t", restored(fence, "a"), Bounds(begin, 9, "a")) == goes_on


@pytest.mark.parametrize(
    ("fence", "was", "bounds", "said"),
    [
        (3, "a", Bounds(0, 9, "b"), "t was deleted and recreated (its id was a and is b)"),
        (9, "a", Bounds(0, 9, "a"), "t lost the end of its log (partition 2 ends at 9, but events up to 9"),
        (9, "a", Bounds(0, 9, "b"), "t was deleted and recreated (its id was a and is b)"),
        (9, "", Bounds(0, 9, "a"), "t was deleted and recreated (partition 2 ends at 9"),
        (9, "a", Bounds(0, 9, ""), "t was deleted and recreated (partition 2 ends at 9"),
        (3, "a", Bounds(5, 9, "a"), "t partition 2 begins at 5, but only events up to 3 were folded"),
        (9, "a", Bounds(9, 9, "a"), "t lost the end of its log"),
    ],
)  # fmt: skip
def test_what_became_of_a_log_is_said(fence: int, was: str, bounds: Bounds, said: str) -> None:
    """And that a new application counts what is there."""
    with pytest.raises(WorkerError) as error:
        position("t", restored(fence, was), bounds)
    assert str(error.value).startswith(said)
    assert "choose a new SALES_APP_ID" in str(error.value)
