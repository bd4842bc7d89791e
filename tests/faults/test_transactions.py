"""Transactions of other producers under load, workers killed in between: all committed records count, and no other."""

import pytest

from tests.faults.run import Run
from tests.faults.seen import Server, metric
from tests.faults.transactions import Transactions

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


def test_open_and_aborted(small_run: Run) -> None:
    """Transactions of other producers, open and aborted, while workers are killed."""
    run = small_run
    run.begin("one", "two")
    transactions = Transactions(run.kafka)
    run.loads.append(transactions)
    transactions.start()
    run.until(lambda: transactions.left, 60, "each kind of transaction has been there")
    for number in range(4):
        run.until(transactions.is_open.is_set, 60, "a transaction is open")
        run.fault(f"SIGKILL while a transaction is open, {number}")
        run.workers[number % 2].kill()
        run.sleep(4)
        run.whole(60)
    row = run.settle(10)
    run.notes |= {"aborted": len(transactions.aborted), "left open": transactions.left}
    with Server(run, "exporter") as exporter:
        run.until(exporter.ready, 60, "the exporter is ready")
        text = exporter.get("/metrics")[1]
    shown = {
        kind: metric(text, "sales_meetings", manager=f"tx-{kind}", window="year", period="current")
        for kind in ("committed", "aborted")
    }
    assert shown == {"committed": transactions.committed, "aborted": None}
    assert transactions.committed > 100
    assert len(transactions.aborted) > 100
    row.append()
