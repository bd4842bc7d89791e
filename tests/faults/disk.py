"""A small disk of a broker's own, that can be filled: what it held moves there and back."""

import contextlib
import os
import shutil
import subprocess
from types import TracebackType
from typing import Any, Self

import pytest

_ROOM = 96 << 20
"""Bytes beyond what the broker holds already."""
_BLOCK = bytes(1 << 20)


class SmallDisk:
    """Use as a context manager; the node is stopped while its data moves."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._data = node.folder / "data"
        self._large = node.folder / "data.large"
        self._ballast = self._data / "ballast"

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("a small disk is a tmpfs of its own, and only root may mount one")
        self._node.stop()
        self._data.rename(self._large)
        self._data.mkdir()
        size = _ROOM + sum(file.stat().st_blocks * 512 for file in self._large.rglob("*"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self._data)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            self._data.rmdir()
            self._large.rename(self._data)
            self._node.start()
            pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
        try:
            self._copy(self._large, self._data)
            self._node.start()
        except BaseException:
            # A disk that is left mounted is in the way of whoever clears up after the tests.
            self._put_back()
            raise
        return self

    def fill(self) -> None:
        """Leave not one byte."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(_BLOCK) == len(_BLOCK):
                pass
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(b"\0"):
                pass

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put_back()

    def _put_back(self) -> None:
        self._node.stop()
        self._ballast.unlink(missing_ok=True)
        shutil.rmtree(self._large)
        self._large.mkdir()
        self._copy(self._data, self._large)
        subprocess.run(["umount", str(self._data)], check=True)
        self._data.rmdir()
        self._large.rename(self._data)
        self._node.start()

    @staticmethod
    def _copy(source: Any, target: Any) -> None:
        # Kafka's index files are 10 MB each and nearly empty.
        subprocess.run(["cp", "-a", "--sparse=always", f"{source}/.", str(target)], check=True)
