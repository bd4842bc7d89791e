"""How much memory and disk Prometheus may take, by the two names that docker-compose.yml reads, too."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.errors import MisuseError

MEMORY, DISK = "PROMETHEUS_MEMORY", "PROMETHEUS_DISK"
GARBAGE = "30"
"""`GOGC`: garbage is collected when a third as much again is in use, not as much again: most of it are series."""
HEAP_SHARE = 0.75
"""Of the memory, what Go keeps to by itself (`GOMEMLIMIT`): mapped files take what is left."""
_GB = 2**30
_MEMORY, _MOST_DISK, _LEAST_DISK = 4 * _GB, 100 * _GB, 10 * _GB
_OPEN = ("wal", "chunks_head", "wbl")
"""Folders of what is not a block yet. It counts towards the limit, and blocks are dropped before any of it."""


@dataclass(frozen=True)
class Allowance:
    """Bytes. disk: None for half of what is free, 10 GB at least and 100 at most."""

    memory: int = _MEMORY
    disk: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, str | None]) -> Self:
        """As the environment or a file of settings says. Raises MisuseError."""
        memory, disk = said.get(MEMORY), said.get(DISK)
        return cls(
            memory=_amount(MEMORY, memory, "4g") if memory else _MEMORY,
            disk=_amount(DISK, disk, "100GB") if disk else None,
        )

    @property
    def env(self) -> dict[str, str]:
        """What Go's runtime goes by, that of Prometheus 2 as well."""
        return {"GOGC": GARBAGE, "GOMEMLIMIT": f"{int(self.memory * HEAP_SHARE) >> 20}MiB"}

    def limit(self, data: Path) -> int:
        """What a folder may take in all: at least twice what is not a block yet, or a start could drop every block."""
        return max(self._wanted(data), 2 * _held(data, *_OPEN))

    def argument(self, data: Path) -> str:
        """The limit as the command line has it, whose KB is 1,024."""
        return f"--storage.tsdb.retention.size={self.limit(data) >> 20}MB"

    def warnings(self, data: Path) -> Iterator[str]:
        """A sentence where the limit is not the one that was asked for."""
        if (limit := self.limit(data)) > (wanted := self._wanted(data)):
            yield (
                f"{wanted / _GB:.0f} GB of disk ({DISK}) are too few: {limit / 2 / _GB:.0f} GB are not in blocks yet, "
                f"and all of the past would be dropped; it may have {limit / _GB:.0f} GB"
            )

    def _wanted(self, data: Path) -> int:
        if self.disk is not None:
            return self.disk
        there = next(one for one in (data, *data.parents) if one.exists())
        usable = shutil.disk_usage(there).free + _held(data)
        return min(_MOST_DISK, max(_LEAST_DISK, usable // 2))


def _held(data: Path, *folders: str) -> int:
    """Bytes of all files in a folder, or in some of its folders."""
    places = [data / one for one in folders] or [data]
    return sum(file.stat().st_size for place in places for file in place.rglob("*") if file.is_file())


def _amount(name: str, said: str, form: str) -> int:
    """Bytes of what compose and Prometheus read alike: 4g, 3400m, 100GB. Raises MisuseError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt])i?b?", said.strip(), re.IGNORECASE)
    amount = int(float(found[1]) * 2 ** (10 * ("kmgt".index(found[2].lower()) + 1))) if found else 0
    if not amount:
        raise MisuseError(f"{name}: {said!r} is not an amount; write it like {form}")
    return amount
