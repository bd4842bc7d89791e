"""What the exporter says of itself: how old and how whole its view is, who works now, which money has no rate."""

from importlib import metadata

from metrics.catalogue import service
from metrics.exporter.board import Board
from metrics.exporter.exposition import text
from metrics.exporter.feed.follow import ViewFollower
from metrics.family import Family
from metrics.view import LEAD, MISS

Rows = list[tuple[tuple[str, ...], float]]


def own_numbers(board: Board, now: float, follower: ViewFollower, contact_age: float | None) -> dict[Family, Rows]:
    """The exporter's own series: family → (label values, number)."""
    age, memory = follower.age(), follower.memory
    hours = {team: board.calendar.of(team) for team in ("", *board.reference.teams())}
    moment = int(now * 1_000_000)
    return {
        service.UNCONVERTED: [((currency,), float(n)) for currency, n in sorted(board.unconverted(now).items())],
        service.VIEW_AGE: [] if age is None else [((), age)],
        service.VIEW_UP: [((), float(follower.connected))],
        service.VIEW_PARTITIONS: [((), float(len(follower.heartbeats)))],
        service.VIEW_MISSING: [((), float(follower.holes.hashes))],
        service.VIEW_EVICTS: [((memory.policy,), float(bool(memory.problem)))] if memory.policy else [],
        service.VIEW_CONTACT_AGE: [] if contact_age is None else [((), contact_age)],
        service.VIEW_PARTS: [((), float(board.size))],
        service.WORKING_NOW: [((team,), float(of.is_open(moment))) for team, of in sorted(hours.items())],
        **_left(board, now, follower),
        **_names(board),
        service.BUILD: [((metadata.version("sales-pulse"),), 1.0)],
    }


def _names(board: Board) -> dict[Family, Rows]:
    places = sorted(board.places.items())
    return {
        service.NAMES: [((label,), float(held.names)) for label, held in places],
        service.NAMES_IN_OTHER: [((label,), float(len(held.others))) for label, held in places],
        service.NAMES_LIMIT: [((label,), float(held.most)) for label, held in places],
    }


def _left(board: Board, now: float, follower: ViewFollower) -> dict[Family, Rows]:
    live = follower.live_since()
    if not live or not board.knows_waits:
        return {}
    found: dict[Family, Rows] = {}
    for family, kind in ((service.UNRETURNED_LEFT, MISS), (service.UNTOUCHED_LEFT, LEAD)):
        left = board.least_left(kind, now, live)
        found[family] = [((team,), seconds) for team, seconds in sorted(left.items())]
    return found


def own_text(numbers: dict[Family, Rows]) -> str:
    """Prometheus text of the exporter's own series."""
    chunks = []
    for family, rows in numbers.items():
        if rows:
            chunks.append(text.header(family.name, family.help, "counter" if family.counter else "gauge"))
            chunks.append(text.plain_lines(family, rows))
    return "".join(chunks)
