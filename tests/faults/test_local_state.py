"""Local state on disk is deleted, damaged or old: what the changelog says counts."""

import re
import shutil

import pytest

from tests.faults.run import PARTITIONS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def _down(run, worker, what):
    run.fault(what)
    worker.down()


def _restored(worker, source):
    return f'sales_worker_restores_total{{source="{source}"}}' in worker.text()


def test_deleted(run):
    """Local state deleted while the worker was down."""
    one, two = run.begin("one", "two", SALES_STORE="rocksdb")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    _down(run, one, "SIGKILL, and its folder deleted")
    shutil.rmtree(one.folder / "data")
    one.up()
    run.until(lambda: one.ready and len(run.owned(one, two)) == PARTITIONS, 40, "both own some again")
    assert _restored(one, "changelog")
    run.settle().append()


def test_damaged(run):
    """Local state damaged while the worker was down: set aside and rebuilt."""
    one, two = run.begin("one", "two", SALES_STORE="rocksdb")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    _down(run, one, "SIGKILL, and its files damaged")
    damaged = 0
    for file in (one.folder / "data" / "state").rglob("*"):
        if file.is_file() and file.stat().st_size > 64 and file.name != "LOCK":
            content = bytearray(file.read_bytes())
            content[len(content) // 2 :] = b"\x99" * (len(content) - len(content) // 2)
            file.write_bytes(content)
            damaged += 1
    assert damaged
    one.up()
    run.until(lambda: one.ready and len(run.owned(one, two)) == PARTITIONS, 40, "both own some again")
    run.notes["set_aside"] = len(list((one.folder / "data" / "state").glob("*.broken*")))
    run.settle().append()


def test_old(run):
    """Changelog lag at start: local state from before another worker took over and went on."""
    one, two = run.begin("one", "two", SALES_STORE="rocksdb")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    for _ in range(4):
        _down(run, one, "SIGKILL")
        run.until(lambda: len(two.ready) == PARTITIONS, 40, "the other one owns all")
        run.sleep(10)
        run.fault("back with old state")
        one.up()
        run.until(lambda: one.ready, 40, "it owns some again")
        read = [int(n) for n in re.findall(r"records=(\d+) .*source=disk", one.output())]
        if read:  # Faust may have given it none of those that it had
            break
    assert max(read) > 50, "it had to read what the other one had written"
    run.notes["changelog_records_read"] = sum(read)
    run.settle().append()


def test_standby(run):
    """SIGKILL of a worker whose partitions the other one keeps standby copies of."""
    one, two = run.begin("one", "two", SALES_STORE="rocksdb", SALES_STANDBY_REPLICAS="1")
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.until(lambda: one.text().count("\nsales_worker_standby_lag_records{"), 40, "it has copies")
    run.sleep(5)
    taken, read = set(two.ready), one.total("sales_worker_restore_records_total")
    _down(run, two, "SIGKILL")
    run.until(lambda: len(one.ready) == PARTITIONS, 40, "the standby owns all")
    run.notes["changelog_records_read"] = int(one.total("sales_worker_restore_records_total") - read)
    assert len(re.findall(r"partition ready .*source=disk", one.output())) >= len(taken)
    two.up()
    run.settle().append()


def test_killed_with_disk(run):
    """SIGKILL every few seconds with state on disk: it never runs ahead of the changelog."""
    workers = run.begin("one", "two", SALES_STORE="rocksdb")
    for number in range(5):
        run.fault(f"SIGKILL {number}")
        workers[number % 2].kill()
        run.sleep(6)
    run.settle(10).append()
