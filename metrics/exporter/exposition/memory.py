"""Gives memory that is free again back to the system: glibc keeps what lies below anything still in use."""

import ctypes
from collections.abc import Callable
from typing import Any


def _trimmer() -> Callable[[int], Any] | None:
    """Glibc's own; other C libraries have none, and do not need it as much."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None


_trim = _trimmer()


def give_back() -> None:
    """Takes some milliseconds, so it is for when much was let go of."""
    if _trim is not None:
        _trim(0)
