"""What of the numbers a reader may see: who is limited to teams gets those, and a refusal for what is about more."""

from metrics.access.asgi import Paths
from metrics.access.reader import AccessRefusal, Reader
from metrics.exporter.board import Board
from metrics.kpi import Level

PATHS = Paths(
    limited=(
        "/", "/wall/", "/api/v1/kpis", "/api/v1/live", "/api/v1/stream", "/api/v1/history", "/api/v1/explain",
        "/api/v1/entities", "/history", "/api/v1/catalogue", "/api/v1/compare", "/api/v1/sparks", "/api/v1/burnup",
        "/docs", "/docs/", "/openapi.json",
    )
)  # fmt: skip
"""A new path is closed to people who are limited until it stands here, and asks this module."""


def scope(reader: Reader, board: Board, level: Level, name: str) -> None:
    """Raise Refusal for what is not the reader's: the company, a team or manager. name: "" for all of a level."""
    if not reader.is_limited:
        return
    if level is Level.COMPANY:
        raise _refusal(reader, "the company")
    if level is Level.TEAM and name and not reader.sees(name):
        raise _refusal(reader, f"team {name!r}")
    if level is Level.MANAGER and name and not teams_of(reader, board, name):
        raise _refusal(reader, f"manager {name!r}")


def teams_of(reader: Reader, board: Board, manager: str) -> list[str]:
    """The reader's teams that a manager has numbers in, or is of."""
    theirs = {team for one, team in board.credits() if one == manager} | {board.reference.team_of(manager, "")}
    return sorted(team for team in theirs if reader.sees(team))


def explained(reader: Reader, board: Board, manager: str | None, team: str | None) -> str | None:
    """The team whose numbers are explained; where the reader is limited, one of his. Raises Refusal."""
    if not reader.is_limited or team is not None:
        scope(reader, board, Level.TEAM if team is not None else Level.COMPANY, team or "")
        return team
    if manager is None:
        raise _refusal(reader, "the company")
    teams = teams_of(reader, board, manager)
    if not teams:
        raise _refusal(reader, f"manager {manager!r}")
    if len(teams) > 1:
        raise AccessRefusal(403, f"{manager!r} is of several of your teams; add team=, one of {', '.join(teams)}")
    return teams[0]


def _refusal(reader: Reader, asked: str) -> AccessRefusal:
    return AccessRefusal(403, f"{asked} is not yours to see; you see {', '.join(sorted(reader.teams or ()))}")
