"""What the ledger's standing audit has proved, for /metrics and the wall: asked now and then, and never waited for."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from metrics.catalogue import service
from metrics.errors import AwayError
from metrics.exporter.http.service import Rows
from metrics.family import Family

_ASK_SECONDS = 5.0
_SILENT_SECONDS = 30.0
"""A ledger that has not answered for so long is away."""
_LATE_SECONDS = 1800.0
"""What is shown is compared every ten minutes: after three turns it counts as not proved."""
DATA = ("days", "hours", "minutes", "open", "waiting", "unanswered")
"""Sorts of data in which differences are counted."""


class Prover(Protocol):
    """Who can say what has been proved; given from outside."""

    async def audit(self) -> dict[str, Any]:
        """As `GET /api/v1/audit` of the ledger has it. Raises ValueError, AwayError."""


class ProofCount(msgspec.Struct):
    """So many numbers of a sort and a family differ."""

    data: str
    family: str
    count: int


class Proved(msgspec.Struct):
    """As of when all of it was found equal, Unix seconds; None: never."""

    shown: float | None
    days: float | None


class ProofTables(msgspec.Struct):
    """Tables in PostgreSQL. as_of: Unix seconds; None: nothing is shown yet."""

    up: bool
    as_of: float | None


class ProofAnswer(msgspec.Struct):
    """What is taken of an answer."""

    proved: Proved
    differences: list[ProofCount]
    compared: dict[str, int]
    seconds: float
    behind: int | None = None
    sql: ProofTables | None = None


class Proof:
    """What was heard last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: ProofAnswer | None = None
        self._heard = 0.0
        self._asked = False

    async def following(self, prover: Prover) -> None:
        """Ask over and over, as long as it runs."""
        while True:
            try:
                self.take(await prover.audit())
            except (AwayError, ValueError):
                self._asked = True
            await asyncio.sleep(_ASK_SECONDS)

    def take(self, told: dict[str, Any]) -> None:
        """Keep an answer. Raises AwayError for one of another program, or of another release."""
        self._asked = True
        try:
            self._told, self._heard = msgspec.convert(told, ProofAnswer), self._clock()
        except msgspec.ValidationError as error:
            raise AwayError(f"what answers is not a ledger of this release: {error}") from error

    def _heard_lately(self) -> ProofAnswer | None:
        return self._told if self._clock() - self._heard <= _SILENT_SECONDS else None

    def state(self) -> dict[str, Any] | None:
        """For the wall: as of when all that is shown was proved, how much differs, and why it is not proved now.

        cause: away, differs, behind, never, late, or "" where it is proved. None where nobody is asked.
        """
        if not self._asked:
            return None
        if (told := self._heard_lately()) is None:
            return {"at": self._told and self._told.proved.shown, "differs": 0, "cause": "away"}
        at, differs = told.proved.shown, sum(one.count for one in told.differences)
        return {"at": at, "differs": differs, "cause": "differs" if differs else self._cause(told)}

    def _cause(self, told: ProofAnswer) -> str:
        at = told.proved.shown
        if at is not None and self._clock() - at <= _LATE_SECONDS:
            return ""
        if told.behind:
            return "behind"
        return "never" if at is None else "late"

    def rows(self) -> dict[Family, Rows]:
        """For /metrics; of a ledger that is away no more than that."""
        if not self._asked:
            return {}
        if (told := self._heard_lately()) is None:
            return {service.LEDGER_UP: [((), 0.0)]}
        differences = {(data, ""): 0.0 for data in DATA}
        differences |= {(one.data, one.family): float(one.count) for one in told.differences}
        proved = {"days": told.proved.days, "shown": told.proved.shown}
        return {
            service.LEDGER_UP: [((), 1.0)],
            service.LEDGER_BEHIND: [] if told.behind is None else [((), float(told.behind))],
            service.AUDIT_DIFFERENCES: sorted(differences.items()),
            service.AUDIT_PROVED: [((what,), at) for what, at in proved.items() if at is not None],
            service.AUDIT_COMPARED: [((data,), float(n)) for data, n in sorted(told.compared.items())],
            service.AUDIT_SECONDS: [((), told.seconds)],
            **self._tables(told.sql),
        }

    def _tables(self, told: ProofTables | None) -> dict[Family, Rows]:
        """How the tables in PostgreSQL are, where some are kept."""
        if told is None:
            return {}
        lag: Rows = [] if told.as_of is None else [((), max(0.0, self._clock() - told.as_of))]
        return {service.SQL_UP: [((), float(told.up))], service.SQL_LAG: lag}
