"""How a series is named: its family and its labels."""

from collections.abc import Mapping
from typing import NamedTuple


class PlainSeries(NamedTuple):
    """A name and (label, value) pairs in the order of their names."""

    name: str
    labels: tuple[tuple[str, str], ...]


def series(name: str, labels: Mapping[str, str]) -> PlainSeries:
    """The series of a name with labels in any order."""
    return PlainSeries(name, tuple(sorted(labels.items())))
