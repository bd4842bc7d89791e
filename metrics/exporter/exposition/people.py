"""What people are called, as the lines of an info series: walls join it to numbers, which carry ids."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from metrics.catalogue.service import MANAGER_INFO
from metrics.exporter.exposition.lines import Column
from metrics.exporter.exposition.text import header, plain_lines
from metrics.other import manager_name
from metrics.reference import Reference, distinct

Person = tuple[str, str, str]
"""Values of `manager`, `team` and `name`."""
_HEAD = header(MANAGER_INFO.name, MANAGER_INFO.help).encode()


def people(reference: Reference, shown: AbstractSet[str]) -> Iterator[Person]:
    """Everybody at work and everybody who has numbers, each once, so that a join never meets two.

    shown: who has numbers under his own name; the rest is nobody.
    """
    roster = reference.managers
    names = distinct({manager: manager for manager in shown} | {one.id: one.name for one in roster.values()})
    for manager in sorted(shown | {one.id for one in roster.values() if one.active}):
        yield manager_name(manager), reference.team_of(manager, ""), names[manager]


class People:
    """The lines, rendered again only when the roster changes or somebody new has numbers."""

    def __init__(self) -> None:
        self._column = Column()
        self._reference: Reference | None = None
        self._known: set[str] = set()

    def pieces(self, reference: Reference, shown: AbstractSet[str]) -> Iterator[bytes | Column]:
        """Heading and lines; nothing when nobody is known."""
        if reference is not self._reference or shown != self._known:
            self._reference, self._known, self._column = reference, set(shown), Column()
            for row, person in enumerate(people(reference, shown)):
                self._column.put(row, plain_lines(MANAGER_INFO, [(person, 1.0)]).encode())
        if self._column.filled:
            yield _HEAD
            yield self._column
