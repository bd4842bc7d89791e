"""What a worker may take of memory: of the machine, of its container, of a unit of systemd, or as set."""

import asyncio
import os
from pathlib import Path

import pytest

from streams.runtime import memory
from streams.runtime.sensors import WorkerSensors
from streams.runtime.status import Status
from streams.settings import WorkerSettings

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "2097152"}, 2 << 20),
        ("0::/\n", {"memory.max": "max"}, MACHINE),
        ("0::/\n", {}, MACHINE),
        ("0::/system.slice/sales.service\n", {"system.slice/sales.service/memory.max": "4096"}, 4096),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "8192"}, 8192),
        ("5:cpu:/x\n3:memory:/docker/1\n", {"memory/docker/1/memory.limit_in_bytes": "4096", "memory.max": "1"}, 4096),
        ("3:memory:/gone\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, MACHINE),
        (None, {"memory.max": "1"}, MACHINE),
    ],
)
def test_the_least_of_machine_and_groups(groups, files, expected, tmp_path: Path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    if groups is not None:
        (tmp_path / "groups").write_text(groups)
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    assert memory.available() == expected
    assert memory.limit(WorkerSettings()) == expected // 2


@pytest.mark.parametrize(
    ("said", "bytes_"), [("2GiB", 2 << 30), ("500MB", 500_000_000), ("0", 0), ("1048576", 1 << 20)]
)
def test_as_set(said, bytes_, monkeypatch):
    monkeypatch.setenv("SALES_MEMORY_LIMIT", said)
    assert memory.limit(WorkerSettings()) == bytes_


def test_what_the_process_holds():
    assert 10 << 20 < memory.resident() < MACHINE


@pytest.mark.parametrize(
    ("left", "now", "expected"),
    [
        (None, "100MB", False),
        ("80000000", "100MB", True),
        ("80000000", "150MB", True),
        ("80000000", "160MB", False),
        ("80000000", "0", False),
        ("", "100MB", True),
    ],
)
def test_on_disk_until_the_limit_is_twice_what_was_held(left, now, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("SALES_MEMORY_LIMIT", now)
    settings = WorkerSettings(data_dir=tmp_path)
    if left is not None:
        (tmp_path / memory.SIGN).write_text(left)
    assert memory.has_outgrown(settings) is expected
    assert (tmp_path / memory.SIGN).exists() is expected


@pytest.mark.parametrize(("held", "told"), [(79, 0), (80, 1), (100, 1)])
async def test_told_at_four_fifths(held, told, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "resident", lambda: held)
    sensors = WorkerSensors("one", Status())
    settings = WorkerSettings(data_dir=tmp_path, memory_limit=100)
    watching = asyncio.create_task(memory.watch(settings, sensors))
    await asyncio.sleep(0)
    assert watching.done() is bool(told)
    assert sensors.registry.get_sample_value("sales_worker_memory_outgrown") == told
    assert memory.has_outgrown(settings) is bool(told)
    watching.cancel()


async def test_told_on_disk_whenever_it_comes_near_what_there_is(monkeypatch):
    """At four fifths of what the machine has, whatever the setting for memory says, until it has fallen well below."""
    sensors, said = WorkerSensors("one", Status()), []
    monkeypatch.setattr(memory, "available", lambda: 100)
    monkeypatch.setattr(memory, "_SECONDS", 0)
    monkeypatch.setattr(memory, "resident", lambda: held)
    monkeypatch.setattr(memory.log, "warning", lambda line, **_: said.append(line))
    held = 79
    watching = asyncio.create_task(memory.watch_on_disk(sensors))
    told = []
    for held in (79, 80, 99, 70, 69, 79, 80):  # noqa: B007 - `resident` says it
        for _ in range(3):
            await asyncio.sleep(0)
        told.append(sensors.registry.get_sample_value("sales_worker_memory_outgrown"))
    watching.cancel()
    assert told == [0, 1, 1, 1, 0, 0, 1]
    assert len(said) == 2
    assert sensors.registry.get_sample_value("sales_worker_memory_limit_bytes") == 100
