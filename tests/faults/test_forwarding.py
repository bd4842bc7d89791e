"""Workers that forward are ended between append and commit, killed and rebalanced: each record counts once."""

from pathlib import Path

import pytest

from tests.faults.run import PARTITIONS, Run

KILLING = Path(__file__).with_name("killing")
KILLS = 4
"""Ends that it brings about, see there."""


def begin(run: Run, *names: str, **settings: str) -> Path:
    """Workers that end themselves between append and commit; the folder where they note it."""
    kills = run.folder / "kills"
    kills.mkdir()
    run.begin(*names, misplaced=True, PYTHONPATH=str(KILLING), TEST_KILLS=str(kills), **settings)
    return kills


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_ended_between_append_and_commit(run: Run) -> None:
    """Forwarding, ended between append and commit: what was appended is aborted, and appended again."""
    kills = begin(run, "one", "two")
    for number in range(2):
        run.fault(f"ended {number}")
        run.until(lambda: len(list(kills.iterdir())) >= 2 * number + 2, 60, "workers end between append and commit")  # noqa: B023
    run.fault("SIGKILL")
    run.workers[0].kill()
    row = run.settle(12)
    assert run.notes["forwarded"] > row.sent / 4
    row.append()


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_rebalanced_while_it_forwards(run: Run) -> None:
    """Forwarding, rebalanced: partitions change hands while others forward to them."""
    kills = begin(run, "one", "two")
    run.fault("a third worker")
    three = run.worker("three")
    run.until(lambda: three.ready, 60, "the third worker owns some")
    run.fault("SIGSTOP")
    run.workers[0].pause()
    run.until(lambda: len(run.owned(*run.workers[1:])) == PARTITIONS, 60, "the others own all")
    run.fault("SIGCONT")
    run.workers[0].resume()
    run.settle(12).append()
    assert list(kills.iterdir())


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_aborted_by_brokers(small_run: Run) -> None:
    """Forwarding, transactions that brokers abort for their length: what was appended is appended again, once."""
    kills = begin(small_run, "one", TEST_HOLD="25")
    small_run.fault("transactions held open")
    small_run.until(lambda: len(list(kills.iterdir())) >= KILLS, 150, "transactions are held open")
    small_run.sleep(25)
    row = small_run.settle(10, 90)
    again = (small_run.folder / "one" / "worker.log").read_text().count("writing again what could not be made durable")
    assert again
    assert small_run.notes["forwarded"] > row.sent / 4
    row.append()


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_ended_between_append_and_commit_on_one_node(small_run: Run) -> None:
    """The same on one Kafka node."""
    kills = begin(small_run, "one")
    small_run.fault("ended")
    small_run.until(lambda: len(list(kills.iterdir())) >= KILLS, 120, "the worker ends between append and commit")
    small_run.settle(5)
    assert small_run.notes["forwarded"] > 0
