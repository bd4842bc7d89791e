"""Writes the lines of what changed: of each person and each team whose sums did, for the families that did."""

from collections.abc import Mapping
from functools import lru_cache

from metrics.catalogue import FAMILIES
from metrics.exporter.exposition.book import OfPeople, OfTeams
from metrics.exporter.exposition.lines import Lines
from metrics.exporter.exposition.text import escape
from metrics.exporter.held.aggregates import NOW, Slot, Sums
from metrics.exporter.held.items import BITS, Items, displayed
from metrics.exporter.held.names import Names
from metrics.exporter.held.numbers import Shown, merged
from metrics.exporter.held.parts import Credit
from metrics.family import Source
from metrics.other import manager_name
from metrics.reference import Reference

_OPEN = sum(bit for family, bit in BITS.items() if family.source is Source.OPEN)
"""Mask of the families without a window that come from cells."""


@lru_cache(maxsize=4096)
def _names(mask: int) -> tuple[str, ...]:
    """Names of what a mask's families show of people."""
    return tuple(name for family in FAMILIES if BITS[family] & mask for name in family.person_names)


@lru_cache(maxsize=4096)
def _team_names(mask: int) -> tuple[str, ...]:
    """Names of what they show by team."""
    return tuple(name for family in FAMILIES if BITS[family] & mask for name in family.team_names)


class LineWriter:
    """Dirty: credits and the mask of their families that changed. Sums: those of the slot."""

    def __init__(self, items: Items) -> None:
        self._people, self._teams = OfPeople(items), OfTeams(items)

    def people(
        self, names: Names, rest: Sums, lines: Lines, slot: Slot, sums: Sums, dirty: Mapping[Credit, int],
        reference: Reference, today: int,
    ) -> None:  # fmt: skip
        """Lines of each person who has a name of his own; `rest`: of the others, by team."""
        carried = _OPEN if slot == NOW else displayed(*slot)
        masks: dict[Shown, int] = {}
        team_of, named = reference.team_of, names.managers.named
        for (manager, team), mask in dirty.items():
            # Whoever lost his name since he was touched is shown no more.
            if mask & carried and (not manager or manager in named):
                shown = (manager, team_of(manager, team))
                masks[shown] = masks.get(shown, 0) | (mask & carried)
        for shown, mask in masks.items():
            manager, team = shown
            stated = [shown, (manager, "")] if manager and team_of(manager, "") == team else [shown]
            head = f'manager="{escape(manager_name(manager))}",team="{escape(team)}"'
            mine = names.values.shown(merged(sums if manager else rest, stated))
            found = self._people.lines(mine, mask, head, slot, reference.rates, today)
            for name in _names(mask):
                told = found.get(name)
                lines.put(name, shown, slot, "".join(told).encode() if told else b"")

    def teams(
        self, names: Names, lines: Lines, slot: Slot, sums: Sums, dirty: Mapping[Credit, int], reference: Reference,
        today: int,
    ) -> None:  # fmt: skip
        """Lines of each team."""
        team_of, carried = reference.team_of, displayed(*slot, by_team=True)
        masks: dict[str, int] = {}
        for credit, mask in dirty.items():
            if mask & carried:
                team = team_of(*credit)
                masks[team] = masks.get(team, 0) | (mask & carried)
        members: dict[str, list[Credit]] = {team: [] for team in masks}
        for credit in sums:
            if (team := team_of(*credit)) in members:
                members[team].append(credit)
        for team, mask in masks.items():
            head = f'team="{escape(team)}"'
            mine = names.values.shown(merged(sums, members[team]))
            found = self._teams.lines(mine, mask, head, slot, reference.rates, today)
            for name in _team_names(mask):
                lines.put(name, ("", team), slot, "".join(found.get(name, ())).encode())
