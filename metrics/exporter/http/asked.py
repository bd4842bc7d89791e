"""What a request to /api/v1 may ask for: what is unknown, stated twice or contradicts itself is refused by its name."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from metrics import moments
from metrics.catalogue import BY_EXPOSED
from metrics.errors import AskedError
from metrics.exporter.board import Board
from metrics.family import SHORT_WINDOWS, Family
from metrics.kpi import Level
from metrics.reference import UNKNOWN


def once(items: Iterable[tuple[str, str]], known: Iterable[str] | None = None) -> dict[str, str]:
    """Parameters by name. known: those that the address has; None where its labels are checked elsewhere.

    Raises AskedError.
    """
    asked = list(items)
    names = None if known is None else sorted(known)
    for name, count in Counter(name for name, _ in asked).items():
        if names is not None and name not in names:
            raise AskedError(f"there is no parameter {name!r}; there are {', '.join(names) or 'none'}")
        if count > 1:
            raise AskedError(f"{name}= is stated {count} times; state it once")
    return dict(asked)


def misread(problems: Iterable[Mapping[str, Any]]) -> str:
    """What is wrong with parameters that are missing or of another kind, each by its name."""
    return "; ".join(f"{problem['loc'][-1]}=: {problem['msg']}" for problem in problems)


def window_of(family: str, asked: Mapping[str, str]) -> str:
    """The window that is explained: the one stated, else the family's own default; "" where it has none."""
    declared = BY_EXPOSED.get(family)
    if declared is None:
        return asked.get("window", "")
    if not declared.windows:
        _without_window(declared, asked)
        return ""
    window = asked.get("window", "day" if "day" in declared.windows else declared.windows[0])
    if window not in declared.windows:
        raise AskedError(f"{declared.name} has no window={window!r}; use one of {', '.join(declared.windows)}")
    if "at" in asked and window in SHORT_WINDOWS:
        raise AskedError(f"at= contradicts window={window!r}: the past is kept by day, week, month, quarter and year")
    return window


def _without_window(family: Family, asked: Mapping[str, str]) -> None:
    for name in ("window", "period"):
        if name in asked:
            raise AskedError(f"{name}={asked[name]!r} contradicts {family.name}, which is about now; leave it out")


def known(board: Board, manager: str | None, team: str | None) -> None:
    """Raise AskedError for a manager or team that nobody has heard of, and for two that do not belong together."""
    for name, value in (("manager", manager), ("team", team)):
        if value == "":
            raise AskedError(f"{name}= is empty; leave it out for all")
    credits_ = board.credits()
    if manager is not None and manager != UNKNOWN and manager not in {one for one, _ in credits_}:
        raise AskedError(f"there is no manager={manager!r}; GET /api/v1/kpis?level=manager names those with numbers")
    if team is not None and team != UNKNOWN and team not in {one for _, one in credits_}:
        teams = sorted({one for _, one in credits_} - {""})
        raise AskedError(f"there is no team={team!r}; there are {', '.join(teams) or 'none'}")
    if manager is not None and team is not None and (manager, team) not in credits_:
        theirs = sorted({of for one, of in credits_ if one == manager and of})
        raise AskedError(f"team={team!r} contradicts manager={manager!r}, who is of {', '.join(theirs) or UNKNOWN}")


def named(board: Board, level: Level, name: str) -> None:
    """Raise AskedError for a name= that is empty, or of a manager or team that nobody has heard of."""
    if not name:
        raise AskedError("name= is empty; leave it out for all")
    known(board, name if level is Level.MANAGER else None, name if level is Level.TEAM else None)


def scope(level: Level, name: str) -> None:
    """Raise AskedError for a wall of a company with a name, or of a team or manager without one."""
    if level is Level.COMPANY and name:
        raise AskedError(f"id={name!r} contradicts level=company; leave it out")
    if level is not Level.COMPANY and not name:
        raise AskedError(f"level={level.value} needs id=, the {level.value}")


def moment(value: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time. Raises WindowError."""
    if value is None:
        return None
    # A plus in a query string that was not escaped arrives as a space.
    repaired = value.strip().replace(" ", "+") if "T" in value else value
    return moments.read(repaired, value).timestamp()
