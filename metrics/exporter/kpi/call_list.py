"""Whom to call now: clients nobody answered and leads nobody touched, as a wall lists them, nearest target first."""

from collections.abc import Callable, Container
from heapq import nsmallest
from typing import Any

from metrics.exporter.held.unanswered import MICRO, Listed, microseconds
from metrics.exporter.held.view import HeldView
from metrics.view import LEAD, MISS

KINDS = (MISS, LEAD)
_MOST = 50
"""Rows of each kind: no wall has room for more, and some have thousands of leads."""


def call_list(
    board: HeldView, now: float, wanted: Callable[[str, str], bool], unknown: Container[int] = ()
) -> dict[str, dict[str, Any]]:
    """By kind: how many are open, how many of them late, how many not known to be open still, and the first of them.

    wanted: (manager, team as shown) → whether the wall shows their clients. unknown: partitions of which nobody knows.
    `left` is working time in seconds, below 0 past the target; it runs only while `working`.
    """
    moment = microseconds(now)
    found: dict[str, list[tuple[Listed, str, bool]]] = {kind: [] for kind in KINDS}
    for listed, partition in board.unanswered(now):
        row = listed.row
        team = board.reference.team_of(row.manager, row.team)
        if wanted(row.manager, team):
            found[row.kind].append((listed, team, partition not in unknown))

    def told(listed: Listed, team: str, *, known: bool) -> dict[str, Any]:
        row = listed.row
        return {
            "client": row.client,
            "entity": row.entity,
            "manager": row.manager,
            "name": board.reference.name_of(row.manager),
            "team": team,
            "since": row.start / MICRO,
            "left": board.left(listed, now),
            "working": board.calendar.of(row.team).is_open(moment),
            "known": known,
        }

    return {
        kind: {
            "open": len(rows),
            "late": sum(known and moment > listed.due for listed, _, known in rows),
            "unsure": sum(not known for _, _, known in rows),
            "target": board.target_of(kind),
            "rows": [
                told(listed, team, known=known)
                for listed, team, known in nsmallest(_MOST, rows, key=lambda one: (one[0].due, one[0].row))
            ],
        }
        for kind, rows in found.items()
    }
