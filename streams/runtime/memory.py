"""How much memory a worker may take. Before it gets there its clients lie on disk, from its next start on.

A limit of what is held cannot be kept by forgetting: all of it counts. So a worker that comes near says so, once in its
log and for as long as it runs in its metrics, and leaves a file in its folder, which the next start reads. Near, not at
the limit: where that is all that the container has, the kernel ends a process that gets there.

One whose clients lie on disk can only be given more, or share its partitions: it tells when it comes near what there
is.
"""

import asyncio
import os
from pathlib import Path

import structlog

from streams.runtime.sensors import WorkerSensors
from streams.settings import WorkerSettings

log = structlog.get_logger(__name__)

SIGN = "on-disk"
"""The file in the worker's folder: how many bytes it held. Without it the store is again what the settings say."""
_NEAR = 0.8
"""Of the limit. A worker that had so much moves to disk,"""
_FAR = 0.7
"""Of what there is. A worker on disk that has fallen so far is not near any more."""
_ROOMY = 0.5
"""and back, once the limit is raised so far that what it had is no more than this of it."""
_SECONDS = 5.0
_ROOT = Path("/sys/fs/cgroup")
_FILES = {"": "memory.max", "memory": "memory.limit_in_bytes"}
"""By the controllers of a group: version 2 has one tree for all of them, version 1 a tree each."""
_GROUPS = Path("/proc/self/cgroup")
_STATM = Path("/proc/self/statm")


def has_outgrown(settings: WorkerSettings) -> bool:
    """Whether an earlier worker in this folder came near a limit that is still too low for what it held."""
    sign, most = settings.data_dir / SIGN, limit(settings)
    if not sign.exists():
        return False
    held = int(said) if (said := _content(sign)).isdecimal() else most
    told = {"held_mb": held >> 20, "limit_mb": most >> 20, "setting": "SALES_MEMORY_LIMIT"}
    if most and held > _ROOMY * most:
        log.info("clients lie on disk: in memory they came near the limit", **told)
        return True
    log.info("clients lie in memory again: the limit allows it", **told)
    sign.unlink()
    return False


def limit(settings: WorkerSettings) -> int:
    """Bytes that the worker may take, 0 for no limit: as set, else half of what it can have."""
    return available() // 2 if settings.memory_limit is None else settings.memory_limit


def available() -> int:
    """Bytes of the machine, or of the container or unit that the process is in, where that has less."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_group_limits()])


def _group_limits() -> list[int]:
    """What the process's control group allows, and each group above it."""
    try:
        lines = [line.split(":", 2) for line in _GROUPS.read_text().splitlines()]
    except OSError:
        return []
    found: list[int] = []
    for _, controllers, path in lines:
        if controllers not in _FILES:
            continue
        root, name = _ROOT / controllers, _FILES[controllers]
        own = root / path.lstrip("/")
        said = [_content(folder / name) for folder in (own, *own.parents) if folder.is_relative_to(root)]
        found += [int(one) for one in said if one.isdecimal()]
    return found


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def resident() -> int:
    """Bytes of memory that the process holds now; 0 where /proc is not there to ask."""
    said = _content(_STATM).split()
    return int(said[1]) * os.sysconf("SC_PAGE_SIZE") if said else 0


async def watch(settings: WorkerSettings, sensors: WorkerSensors) -> None:
    """Clients lie in memory: tell once that the limit is near, and have the next start keep them on disk."""
    most = limit(settings)
    sensors.memory_limit(most)
    if not most:
        return
    while (held := resident()) < _NEAR * most:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(_SECONDS)
    sensors.outgrown(True)
    (settings.data_dir / SIGN).write_text(str(held))
    log.warning(
        "memory is near its limit: from the next start on clients lie on disk; restart this worker when it suits",
        held_mb=held >> 20,
        limit_mb=most >> 20,
        setting="SALES_MEMORY_LIMIT",
    )


async def watch_on_disk(sensors: WorkerSensors) -> None:
    """Clients lie on disk: tell whenever the process comes near all that the machine or container has, for ever."""
    most, is_near = available(), False
    sensors.memory_limit(most)
    while True:
        held, was_near = resident(), is_near
        is_near = held >= (_FAR if was_near else _NEAR) * most
        sensors.outgrown(is_near)
        if is_near and not was_near:
            log.warning(
                "memory is near all that there is, with clients on disk: give this worker more, or have another one "
                "share its partitions; at the limit the kernel ends it",
                held_mb=held >> 20,
                limit_mb=most >> 20,
            )
        await asyncio.sleep(_SECONDS)
