"""Disks of brokers fill up under load: workers wait and go on when there is room and the broker is back."""

import contextlib

import pytest

from tests.faults.disk import SmallDisk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def _fill(run, node, disk):
    """Fill a disk and wait until the broker, whose only one it is, has ended."""
    disk.fill()
    seconds = run.until(lambda: not node.running, 60, f"{node.name} has noticed")
    assert any(words in node.output() for words in ("No space left", "StorageException", "failed log dir"))
    return round(seconds, 1)


def _come_back(run, node, disk):
    disk.free()
    node.start(wait=False)
    run.until(lambda: node.ready, 60, f"{node.name} is up")


def test_one_disk_full(run, cluster):
    """Disk of a broker full: it ends, and comes back when there is room."""
    node = next(node for node in cluster.nodes if node is not cluster.controller())
    with SmallDisk(node) as disk:
        cluster.mend()
        run.begin("one", "two")
        run.fault("disk full")
        run.notes["ended_after"] = _fill(run, node, disk)
        run.sleep(10)
        _come_back(run, node, disk)
        run.settle(10).append()
        cluster.mend()


def test_two_disks_full(run, cluster):
    """Disks of two of three brokers full: too few replicas until there is room."""
    nodes = cluster.nodes[:2]
    with contextlib.ExitStack() as stack:
        disks = [(node, stack.enter_context(SmallDisk(node))) for node in nodes]
        cluster.mend()
        run.begin("one", "two")
        run.fault("two disks full")
        run.notes["ended_after"] = [_fill(run, node, disk) for node, disk in disks]
        run.sleep(15)
        for node, disk in disks:
            disk.free()
            node.start(wait=False)
        run.until(lambda: all(node.ready for node in nodes), 60, "both brokers are up")
        run.settle(12, patience=80).append()
        cluster.mend()
