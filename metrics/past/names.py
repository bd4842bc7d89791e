"""Which managers have a name of their own in the past: as on /metrics, so that both tell of the same people.

Of the other names that senders fill freely none is in it: no KPI of a period is by category, pipeline or stage.
"""

from metrics.exporter.board import Board
from metrics.exporter.held.aggregates import NOW
from metrics.exporter.held.names import Names
from metrics.exporter.held.places import Places
from metrics.exporter.held.plans import managers
from metrics.windows import local_day


def names(board: Board, now: float) -> Places:
    """Those that /metrics shows now (Unix seconds); who has numbers in the past alone gets the places that are left."""
    found = Names(board.parts.items, board.settings.max_managers, board.most_values)
    everybody = sorted({manager for manager, _ in board.parts.credits()})
    if len(everybody) > found.managers.most:
        also = {row.shown[0] for row in board.waiting_rows(now)} | managers(board.plan_samples(now))
        held = {**board.sums_at(now, now), NOW: board.aggregates.open}
        found.rank(held, also, board.reference, local_day(int(now), board.zone))
    for manager in everybody:
        found.managers.has(manager)
    return found.managers
