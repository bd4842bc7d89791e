"""Explanations as people read them: names of people and numbers, units, links, in the order and the piece asked for.

What the log or the ledger says of entities is left as it is; all that is added here is how they are called.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from metrics.catalogue import BY_EXPOSED
from metrics.catalogue.titles import title_of
from metrics.errors import AskedError
from metrics.exporter.board import Board
from metrics.exporter.http.named import with_names
from metrics.exporter.kpi import tables
from metrics.links import Links, link
from metrics.reference import UNKNOWN

MOST = 100_000
"""Entities of one answer."""
LOOKED_AT = 20_000
"""Entities that are put in another order than they come in, in which the largest are first."""
COLUMNS = (
    "kind", "title", "id", "client", "manager", "manager_name", "team", "time", "contribution", "unit", "converted",
    "source", "link",
)  # fmt: skip

Entity = dict[str, Any]
_SORTS: dict[str, Callable[[Entity], Any]] = {
    "contribution": lambda one: Fraction(one["contribution"]),
    "size": lambda one: abs(Fraction(one["contribution"])),
    "time": lambda one: one["time"] or "",
    "kind": lambda one: one["kind"],
    "id": lambda one: one["id"],
    "client": lambda one: one["client"],
    "manager": lambda one: one["manager_name"].casefold(),
    "team": lambda one: one["team"].casefold(),
}
_USUAL = "-size"


@dataclass(frozen=True)
class Piece:
    """Which entities of an answer are shown. sort: a key of _SORTS, with "-" the greatest first."""

    limit: int = 1000
    offset: int = 0
    sort: str = _USUAL

    @property
    def needs(self) -> int:
        """How many entities have to be asked for; they come by size."""
        return min(MOST, self.offset + self.limit) if self.sort == _USUAL else LOOKED_AT


def piece(limit: int, offset: int, sort: str | None) -> Piece:
    """Checked. Raises AskedError."""
    if sort is not None and sort.removeprefix("-") not in _SORTS:
        raise AskedError(f"sort={sort!r} does not exist; use one of {', '.join(_SORTS)}, with - the greatest first")
    if offset + limit > MOST:
        raise AskedError(f"offset= and limit= reach beyond {MOST} entities; narrow it by manager=, team= or dates")
    return Piece(limit, offset, sort or _USUAL)


def unit_of(family: str) -> str:
    """In what its contributions are counted."""
    declared = BY_EXPOSED[family]
    return declared.unit if family in {declared.name, declared.sum, declared.team_sum} else "short"


def for_people(found: dict[str, Any], board: Board, links: Links, language: str, wanted: Piece) -> dict[str, Any]:
    """An explanation with names, titles, units and links, and of its entities the piece wanted. Raises AskedError."""
    entities = [named(one, board, links, language) for one in found["entities"]]
    quantile = found["labels"].get("quantile")
    shown, about = _around(entities, found, wanted) if quantile else (_cut(entities, found, wanted), {})
    answer = {
        **found,
        **about,
        "title": title_of(BY_EXPOSED[found["family"]].name, language),
        "unit": unit_of(found["family"]),
        "manager_name": None if found["manager"] is None else board.reference.name_of(found["manager"]),
        "offset": wanted.offset,
        "truncated": found["count"] > len(shown),
        "entities": shown,
    }
    return with_names(answer, board.reference)


def named(one: Entity, board: Board, links: Links, language: str) -> Entity:
    """An entity with its title, its manager's name and, where there is one, its link."""
    address = link(links, one["kind"], one["id"], one["client"], one.get("source", ""))
    name = "" if one["manager"] in {"", UNKNOWN} else board.reference.name_of(one["manager"])
    found = {**one, "title": title_of(one["kind"], language), "manager_name": name}
    return found | {"link": address} if address else found


def _cut(entities: list[Entity], found: dict[str, Any], wanted: Piece) -> list[Entity]:
    if wanted.sort != _USUAL:
        if found["count"] > len(entities):
            raise AskedError(
                f"sort={wanted.sort!r} would have to look at {found['count']} entities, more than {LOOKED_AT}; "
                "narrow it by manager=, team= or dates"
            )
        # Ties stay as they came, by size.
        entities = sorted(entities, key=_SORTS[wanted.sort.removeprefix("-")], reverse=wanted.sort.startswith("-"))
    return entities[wanted.offset : wanted.offset + wanted.limit]


def _around(entities: list[Entity], found: dict[str, Any], wanted: Piece) -> tuple[list[Entity], dict[str, Any]]:
    """Of a percentile the entities around it, in order; position: how many of all are shorter."""
    if wanted.sort != _USUAL or found["total"] is None:
        return _cut(entities, found, wanted), {}
    ordered, before = sorted(entities, key=_SORTS["contribution"]), found.get("first", 0)
    position = before + bisect_left(ordered, Fraction(found["total"]), key=_SORTS["contribution"])
    first = max(0, min(position - wanted.limit // 2, found["count"] - wanted.limit)) + wanted.offset
    start = max(0, first - before)
    return ordered[start : start + wanted.limit], {"position": position, "first": first}


def as_table(board: Board, parts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Explanations as CSV, line by line: a row for each entity, times as the business's clocks have them."""
    yield tables.row(("family", "labels", *COLUMNS))
    for part in parts:
        labels = " ".join(f"{name}={value}" for name, value in part["labels"].items())
        for one in part["entities"]:
            yield tables.row((part["family"], labels, *cells(one, board, part["unit"])))


def cells(one: Entity, board: Board, unit: str) -> list[Any]:
    """An entity's cells under COLUMNS."""
    time = one["time"] and datetime.fromisoformat(one["time"]).astimezone(board.zone).isoformat()
    found = {**one, "time": time or "", "unit": unit, "converted": str(one["converted"]).lower()}
    return [found.get(name, "") for name in COLUMNS]


def run_of_days(first: date | None, last: date | None, asked: dict[str, str]) -> tuple[int, int] | None:
    """Ordinals of the run that from= and to= state; None where neither is stated. Raises AskedError."""
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise AskedError("from= and to= go together: state both, they may be the same day")
    for name in ("window", "period", "at"):
        if name in asked:
            raise AskedError(f"{name}={asked[name]!r} contradicts from= and to=; leave it out")
    return first.toordinal(), last.toordinal()
