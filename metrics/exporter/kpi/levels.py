"""Sums put together by level before they become numbers: a company is one row, not one for each of its people."""

from collections.abc import Callable, Container, Iterator

from metrics.exporter.held.aggregates import Slot, Sums
from metrics.exporter.held.items import BITS
from metrics.exporter.held.numbers import Shown, block
from metrics.exporter.held.open import open_block
from metrics.exporter.held.view import HeldView, Row
from metrics.family import Family
from metrics.kpi import Level

Place = Callable[[Shown], Shown | None]
"""Which row of a level a credit belongs to; None when it is not wanted."""

People = Callable[[Family], dict[Shown, int]]
"""How many managers of each row have any of a family."""


def place(level: Level, only: tuple[str, str] | None = None, teams: Container[str] | None = None) -> Place:
    """Rows of a level; `only`: (manager or team, its value); `teams`: those that may be seen, None for all."""
    index = 0 if only is not None and only[0] == Level.MANAGER else 1

    def found(shown: Shown) -> Shown | None:
        if only is not None and shown[index] != only[1]:
            return None
        if teams is not None and shown[1] not in teams:
            return None
        match level:
            case Level.MANAGER:
                # One person alone: all that he did, whatever team it is credited to.
                return shown if only is None or only[0] != Level.MANAGER else (shown[0], "")
            case Level.TEAM:
                return ("", shown[1])
            case _:
                return ("", "")

    return found


def rows(board: HeldView, sums: Sums, slot: Slot, where: Place, mask: int = -1) -> list[Row]:
    """Numbers of a window and period; `mask`: of the families wanted."""
    rates = board.reference.rates
    return [
        Row(shown, slot, numbers)
        for shown, mine in _gathered(board, sums, where, mask)
        if (numbers := block(board.named(mine), rates))
    ]


def open_rows(board: HeldView, now: float, where: Place) -> list[Row]:
    """Numbers of what is open at a moment (Unix seconds)."""
    rates, today = board.reference.rates, board.today(now).toordinal()
    return [
        Row(shown, None, numbers)
        for shown, mine in _gathered(board, board.open, where, -1)
        if (numbers := open_block(board.named(mine), rates, today))
    ]


def people(board: HeldView, sums: Sums, where: Place, family: Family) -> dict[Shown, int]:
    """How many managers of each row have any of a family."""
    bits, bit, rates = board.items.bits, BITS[family], board.reference.rates
    counts: dict[int, bool] = {}
    found: dict[Shown, set[str]] = {}
    for shown, mine in _shown(board, sums):
        row = where(shown)
        if row is None:
            continue
        for item in mine:
            if item not in counts:
                # An item is a number by itself, or it is none.
                counts[item] = bool(bits[item] & bit and block(board.named({item: 1}), rates))
            if counts[item]:
                found.setdefault(row, set()).add(shown[0])
                break
    return {row: len(managers) for row, managers in found.items()}


def people_of_days(board: HeldView, sums: Sums, days: range, level: Level, where: Place) -> People:
    """The same over a run of days. sums: of each person at the level of people; of others they may be of teams."""
    if level is Level.MANAGER:
        return lambda family: people(board, sums, where, family)
    return lambda family: people(board, board.holders_of_days(BITS[family], days), where, family)


def _shown(board: HeldView, sums: Sums) -> Iterator[tuple[Shown, dict[int, int]]]:
    for credit, mine in sums.items():
        yield (credit[0], board.reference.team_of(*credit)), mine


def _gathered(board: HeldView, sums: Sums, where: Place, mask: int) -> list[tuple[Shown, dict[int, int]]]:
    found: dict[Shown, dict[int, int]] = {}
    bits = board.items.bits
    for shown, mine in _shown(board, sums):
        row = where(shown)
        if row is None:
            continue
        held = found.get(row)
        if held is None:
            found[row] = {item: value for item, value in mine.items() if bits[item] & mask}
        else:
            for item, value in mine.items():
                if bits[item] & mask:
                    held[item] = held.get(item, 0) + value
    return sorted(found.items(), key=lambda row: row[0])
