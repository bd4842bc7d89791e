"""A share of a core for each of some processes, by the kernel's control groups: needs Linux, and root."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 10_000
"""Short, or a process that used its share up would stand still for long."""


class NoQuotaError(Exception):
    """Control groups cannot be had here; says why."""


@contextmanager
def groups(count: int, share: float) -> Iterator[list[Path]]:
    """Control groups with this share of a core each, until all processes in them have ended. Raises NoQuotaError."""
    quota = int(share * _PERIOD_US)
    if (old := _ROOT / "cpu").is_dir():
        parent, limits = old, {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(quota)}
    else:
        parent, limits = _ROOT, {"cpu.max": f"{quota} {_PERIOD_US}"}
    made: list[Path] = []
    try:
        try:
            for _ in range(count):
                made.append(parent / f"bench-{uuid4().hex[:8]}")
                made[-1].mkdir()
                for file, limit in limits.items():
                    (made[-1] / file).write_text(limit)
        except OSError as error:
            raise NoQuotaError(f"control groups of {parent} cannot be used: {error.strerror}") from error
        yield made
    finally:
        for group in made:
            if group.is_dir():
                group.rmdir()


def join(group: Path, pid: int) -> None:
    """Put a process with all its threads into a group."""
    (group / "cgroup.procs").write_text(str(pid))
