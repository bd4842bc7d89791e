"""What a worker may take of memory: of the machine, of its container, of a unit of systemd, or as set."""

import os
from pathlib import Path

import pytest

from streams.runtime import memory
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
