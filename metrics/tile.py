"""The record behind a tile of the wall and a line of the digest: which KPI it shows, and which numbers beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """One number of a tile. id: of the KPI; name: key of its word, "" for the KPI's own title."""

    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Tile:
    """One tile. about: key of the word that its title ends with, where the number is of one label value alone.

    number: of the KPI, or a name of its own. still: it has no trend. now: it has no history.
    """

    number: int | str
    main: Wanted
    more: tuple[Wanted, ...] = ()
    about: str = ""
    still: bool = False
    now: bool = False

    @property
    def is_planned(self) -> bool:
        """Whether it is about a plan."""
        return "window" in self.main.labels
