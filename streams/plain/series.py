"""How a series is named: its family and its labels."""

from collections.abc import Mapping
from typing import NamedTuple


class Series(NamedTuple):
    """A name and (label, value) pairs in the order of their names."""

    name: str
    labels: tuple[tuple[str, str], ...]


def series(name: str, labels: Mapping[str, str]) -> Series:
    """The series of a name with labels in any order."""
    return Series(name, tuple(sorted(labels.items())))
