"""Which managers have a name of their own in the past: as on /metrics, so that both tell of the same people.

Of the other names that senders fill freely none is in it: no KPI of a period is by category, pipeline or stage.
"""

from metrics.exporter.board import Board
from metrics.exporter.held.aggregates import NOW
from metrics.exporter.held.places import Places
from metrics.exporter.held.plans import managers


def names(board: Board, now: float) -> Places:
    """Those that /metrics shows now (Unix seconds); who has numbers in the past alone gets the places that are left."""
    found = board.no_names()
    everybody = sorted(board.everybody())
    if len(everybody) > found.managers.most:
        also = {row.shown[0] for row in board.waiting_rows(now)} | managers(board.plan_samples(now))
        held = {**board.sums_at(now, now), NOW: board.open}
        found.rank(held, also, board.reference, board.today(now).toordinal())
    for manager in everybody:
        found.managers.has(manager)
    return found.managers
