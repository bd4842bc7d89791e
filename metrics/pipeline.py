"""What open deals bring within so many days: by what deals of their stage and age have brought before.

Shares are those of all deals of the company, drawn towards what all of them brought where a kind of deals is rare, and
of a team drawn towards the company's.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import add
from typing import NamedTuple

from metrics.forecast import LOOK_BACK, Brought

AGES = (3, 7, 14, 30, 60, 120)
"""Days since a deal was created, where one kind of deals ends and the next begins."""
_FEW_OF_COMPANY, _FEW_OF_TEAM = 0.05, 0.5
"""A kind counts as if it had so much more, by what a kind has on average, that went as the company's kinds went."""
MEASURES = ("won_amount", "deals_won")

Kind = tuple[str, str, int]
"""Pipeline, stage, and how old."""


class Stay(NamedTuple):
    """A deal as some days began: open in one stage, from `first` up to the day before `end` (ordinals of local days).

    amount, won: in ten-thousandths of the base currency. won_on: the day, where it was won in the end.
    """

    team: str
    pipeline: str
    stage: str
    created: int
    first: int
    end: int
    amount: float
    won_team: str = ""
    won_on: int | None = None
    won: float = 0.0


class _StageSpell(NamedTuple):
    """Of a kind from one day up to another: what it was worth, the day of its win and what that brought."""

    kind: Kind
    first: int
    end: int
    amount: float
    won_on: int | None
    won: float


class Pipeline:
    """Deals that were open as days began, from `first` up to and including `last` (ordinals).

    Of the company ("") and of teams.
    """

    def __init__(self, stays: Iterable[Stay], first: int, last: int) -> None:
        self.first = first
        self.last = last
        self._parts: defaultdict[str, list[_StageSpell]] = defaultdict(list)
        for stay in stays:
            for part in _parts(stay, first, last + 1):
                self._parts[""].append(part)
                is_theirs = stay.won_team == stay.team
                self._parts[stay.team].append(part if is_theirs else part._replace(won_on=None, won=0.0))
        self._held: dict[tuple[str, str], dict[Kind, array[float]]] = {}
        self._came: dict[tuple[str, str, int], dict[Kind, array[float]]] = {}

    @property
    def teams(self) -> list[str]:
        """Those that had deals, and "" for the company."""
        return sorted({"", *self._parts})

    def brought(self, team: str, measure: str, run: int, day: int | None = None) -> Brought:
        """For what comes within `run` days from a day on (the last one), by what was known as it began."""
        day = self.last if day is None else day
        judged = slice(max(0, day - run - LOOK_BACK - self.first), max(0, day - run + 1 - self.first))
        scale = 10_000 if measure == "won_amount" else 1
        now, days = day - self.first, len(range(*judged.indices(self.last + 1 - self.first)))
        brings = [0.0] * (days + 1)
        held = self._amounts(team, measure)
        for kind, share in self._shares(team, measure, run, judged).items():
            amounts = (*held[kind][judged], held[kind][now])
            brings = [sum_ + share / scale * amount for sum_, amount in zip(brings, amounts, strict=True)]
        opened, came = [0.0] * (days + 1), [0.0] * days
        for counts in self._amounts(team, "deals_won").values():
            opened = list(map(add, opened, (*counts[judged], counts[now])))
        for wins in self._wins(team, measure, run).values():
            came = [sum_ + won / scale for sum_, won in zip(came, wins[judged], strict=True)]
        return Brought(brings, came, opened)

    def _shares(self, team: str, measure: str, run: int, judged: slice) -> dict[Kind, float]:
        """What deals of a kind brought, by their amounts."""
        whole = self._sums("", measure, run, judged)
        amounts, came = (sum(one[n] for one in whole.values()) for n in (0, 1))
        if not amounts:
            return {}
        more = _FEW_OF_COMPANY * amounts / len(whole)
        of_all = {kind: (won + more * came / amounts) / (held + more) for kind, (held, won) in whole.items()}
        if not team:
            return of_all
        own = self._sums(team, measure, run, judged)
        more = _FEW_OF_TEAM * sum(held for held, _ in own.values()) / max(1, len(own))
        return {kind: (won + more * of_all[kind]) / (held + more) for kind, (held, won) in own.items() if held + more}

    def _sums(self, team: str, measure: str, run: int, judged: slice) -> dict[Kind, tuple[float, float]]:
        came = self._wins(team, measure, run)
        return {
            kind: (sum(amounts[judged]), sum(came[kind][judged]) if kind in came else 0.0)
            for kind, amounts in self._amounts(team, measure).items()
        }

    def _amounts(self, team: str, measure: str) -> "dict[Kind, array[float]]":
        """What was open of a kind as each day began."""
        if (found := self._held.get((team, measure))) is None:
            counted = measure != "won_amount"
            spans = ((one.kind, one.first, one.end, 1 if counted else one.amount) for one in self._parts[team])
            found = self._held[team, measure] = self._by_day(spans)
        return found

    def _wins(self, team: str, measure: str, run: int) -> "dict[Kind, array[float]]":
        """What came within a run of days of what was open of a kind as each day began."""
        if (found := self._came.get((team, measure, run))) is None:
            # Each team needs the company's again, nobody a team's of another run.
            self._came = {key: wins for key, wins in self._came.items() if not key[0] or key[2] == run}
            counted = measure != "won_amount"
            spans = (
                (
                    one.kind,
                    max(one.first, one.won_on - run + 1),
                    min(one.end, one.won_on + 1),
                    1 if counted else one.won,
                )
                for one in self._parts[team]
                if one.won_on is not None
            )
            found = self._came[team, measure, run] = self._by_day(spans)
        return found

    def _by_day(self, spans: Iterable[tuple[Kind, int, int, float]]) -> "dict[Kind, array[float]]":
        steps: defaultdict[Kind, list[float]] = defaultdict(lambda: [0.0] * (self.last + 2 - self.first))
        for kind, first, end, value in spans:
            if first < end:
                steps[kind][first - self.first] += value
                steps[kind][end - self.first] -= value
        return {kind: array("d", accumulate(changes[:-1])) for kind, changes in steps.items()}


def _parts(stay: Stay, first: int, end: int) -> Iterator[_StageSpell]:
    """A stay by how old the deal was, between two days."""
    at, end = max(stay.first, first), min(stay.end, end)
    while at < end:
        age = bisect_right(AGES, at - stay.created)
        until = min(end, stay.created + AGES[age]) if age < len(AGES) else end
        yield _StageSpell((stay.pipeline, stay.stage, age), at, until, stay.amount, stay.won_on, stay.won)
        at = until
