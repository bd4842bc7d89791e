"""Gives memory that is free again back to the system, and spares the collector what is there to stay.

Glibc keeps what lies below anything still in use. A full collection looks at all that is held, and everybody waits.
"""

import ctypes
import gc
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


def keep() -> None:
    """Leave what is there now out of collections, and collect what the last call left out and nobody holds any more."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
