"""Whoever reads, and what of it is his: everything, or some teams."""

from dataclasses import dataclass

from metrics.errors import MetricsError


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may read. teams: the only ones that he sees; None where he sees everything."""

    name: str = ""
    teams: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is anything that he may not see."""
        return self.teams is not None

    def sees(self, team: str) -> bool:
        """Whether a team is one of his."""
        return self.teams is None or team in self.teams


EVERYBODY = Reader()
"""Whoever reads where nobody is limited."""


class AccessRefusal(MetricsError):  # noqa: N818 - an answer, as HTTP has it
    """The request is not answered. status: 401, 403 or 503; the text says what to do."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status


def beyond_teams() -> AccessRefusal:
    """What somebody who is limited hears of a path that is not about teams."""
    return AccessRefusal(403, "you see your teams only; this is about more")
