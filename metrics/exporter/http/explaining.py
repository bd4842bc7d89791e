"""`/api/v1/explain`: the entities behind one number of the catalogue, or behind all that a KPI is made of."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from metrics.access.asgi import reader_of
from metrics.access.reader import Reader
from metrics.catalogue import BY_EXPOSED, KPIS
from metrics.catalogue.titles import title_of_kpi
from metrics.errors import AskedError, AwayError
from metrics.exporter.http import allowed, api, asked
from metrics.exporter.http.explained import LOOKED_AT, MOST, Piece, as_table, for_people, piece, run_of_days
from metrics.exporter.kpi import history, runs
from metrics.exporter.kpi.made_of import Part, parts
from metrics.family import Source
from metrics.kpi import Kpi, Level

if TYPE_CHECKING:
    from metrics.exporter.http.server import Exporter

_BY_ID = {kpi.id: kpi for kpi in KPIS}
_KNOWN = {
    "family", "kpi", "manager", "team", "window", "period", "at", "from", "to", "limit", "offset", "sort", "format",
    "lang",
}  # fmt: skip
_ATTACHED = {"Content-Disposition": 'attachment; filename="entities.csv"'}
_DAYS_TEAM = "sales_working_days"
At = Annotated[str | None, Query(description="RFC 3339 moment; without it, now")]


class Explanation(Protocol):
    """The entities behind a number."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""


class Explainer(Protocol):
    """Who can say which entities make up a number; given from outside, as it needs the log."""

    async def explain(
        self,
        family: str,
        labels: Mapping[str, str] | None = None,
        manager: str | None = None,
        team: str | None = None,
        window: str = "",
        period: str = "current",
        at: datetime | None = None,
        *,
        limit: int = 1000,
        fewer: int | None = None,
        days: tuple[int, int] | None = None,
    ) -> Explanation:
        """At most `limit` entities; where there are more, the largest `fewer`.

        days: a run of local days (ordinals, both in) instead of the window. Raises ValueError for what is not.
        """

    def entities(
        self, family: str, labels: Mapping[str, str], manager: str | None, team: str | None, window: str,
        days: tuple[int, int],
    ) -> AsyncGenerator[bytes, None]:  # fmt: skip
        """All entities of a run of local days, as lines of JSON, some at a time. Raises as `explain` does."""


@dataclass(frozen=True)
class _Asked:
    """One question, checked. then: Unix seconds, None for now. days: ordinals of a run, instead of the window."""

    manager: str | None
    team: str | None
    window: str
    period: str
    then: float | None
    days: tuple[int, int] | None
    labels: Mapping[str, str]

    @property
    def level(self) -> Level:
        """Whom it is about."""
        return Level.MANAGER if self.manager is not None else Level.TEAM if self.team is not None else Level.COMPANY


def add_explain(app: FastAPI, exporter: "Exporter", explainer: Explainer | None) -> None:
    """Add the route."""

    @app.get("/api/v1/explain", summary="The entities behind one number, or behind all that a KPI is made of")
    async def explain(
        request: Request, family: str | None = None, kpi: str | None = None, manager: str | None = None,
        team: str | None = None, window: str | None = None, period: str = "current", at: At = None,
        since: Annotated[str | None, Query(alias="from")] = None,
        until: Annotated[str | None, Query(alias="to")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 1000, offset: Annotated[int, Query(ge=0, le=MOST)] = 0,
        sort: str | None = None, form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
        lang: Literal["en", "ru"] = "en",
    ) -> Response:  # fmt: skip
        if explainer is None:
            return JSONResponse({"detail": "this exporter has no way to the log"}, 501)
        del window  # what it may be follows from what is asked for
        given = asked.once(request.query_params.multi_items())
        known, then = _kpi(kpi, family), asked.moment(at)
        wanted = piece(limit, offset, sort)
        days = run_of_days(history.day("from", since), history.day("to", until), given)
        team = allowed_team(exporter, reader_of(request.scope), family or known, manager, team)
        labels = {name: value for name, value in given.items() if name not in _KNOWN}
        chosen = window_of(known, family or "", given, days)
        if days is not None:
            runs.check(runs.Run(*map(date.fromordinal, days)), exporter.board.today(exporter.clock()))
        question = _Asked(manager, team, chosen, period, then, days, labels)
        told = [Part(family=family, labels=labels)] if known is None else _parts(known, question)
        answers = [
            for_people(found, exporter.board, exporter.settings.entity_links, lang, wanted)
            for found in [await _explained(exporter, explainer, part, question, wanted) for part in told]
        ]
        if form == "csv":
            lines = "".join(as_table(exporter.board, answers))
            return Response(lines, media_type="text/csv; charset=utf-8", headers=_ATTACHED)
        content: dict[str, Any] = answers[0]
        if known is not None:
            content = {
                "kpi": known.id, "title": title_of_kpi(known, lang), "help": known.help, "unit": known.unit,
                "values": await _values(exporter, known, question, reader_of(request.scope)), "parts": answers,
            }  # fmt: skip
        return Response(msgspec.json.encode(content), media_type="application/json")


def _kpi(kpi: str | None, family: str | None) -> Kpi | None:
    if (kpi is None) is (family is None):
        raise AskedError("state one of family= and kpi=; GET /api/v1/kpis names the KPIs")
    if kpi is not None and kpi not in _BY_ID:
        raise AskedError(f"there is no kpi={kpi!r}; there are {', '.join(sorted(_BY_ID))}")
    return None if kpi is None else _BY_ID[kpi]


def allowed_team(
    exporter: "Exporter", reader: Reader, about: str | Kpi | None, manager: str | None, team: str | None
) -> str | None:
    """The team that is explained. Raises Refusal, AskedError, AwayError."""
    if isinstance(about, Kpi) or reader.is_limited or not (manager is None and team is None):
        if not exporter.follower.loaded:
            raise AwayError(exporter.problem())
        team = allowed.explained(reader, exporter.board, manager, team)
        # The company's working days are those of no team.
        is_companys = about == _DAYS_TEAM and not reader.is_limited
        asked.known(exporter.board, manager, None if is_companys and team == "" else team)
    return team


def window_of(known: Kpi | None, family: str, given: Mapping[str, str], days: tuple[int, int] | None) -> str:
    """The window that is explained; of a run of days the family's first, which stands for it."""
    windows = known.windows if known is not None else BY_EXPOSED[family].windows if family in BY_EXPOSED else ()
    if days is not None:
        made_of = (
            [family] if known is None else [part["family"] for part in parts(known.formula) if "window" not in part]
        )
        if not windows or not all(name in BY_EXPOSED and BY_EXPOSED[name].source is Source.CELLS for name in made_of):
            raise AskedError(f"{known.id if known else family} is not about days: leave from= and to= out")
        return "day" if "day" in windows else windows[0]
    if known is None:
        return asked.window_of(family, given)
    if not windows:
        for name in ("window", "period", "at"):
            if name in given:
                raise AskedError(f"{name}={given[name]!r} contradicts {known.id}, which is about now; leave it out")
        return ""
    window = given.get("window", "day" if "day" in windows else windows[0])
    if window not in windows:
        raise AskedError(f"{known.id} has no window={window!r}; use one of {', '.join(windows)}")
    return window


def _parts(kpi: Kpi, question: _Asked) -> list[Part]:
    """What the KPI is made of, with the labels asked for where a part has them. Raises AskedError."""
    if unknown := sorted(question.labels.keys() - set(kpi.by)):
        raise AskedError(f"{kpi.id} has no label {unknown[0]!r}; it has {', '.join(kpi.by) or 'none'}")
    found = []
    for part in parts(kpi.formula):
        labels = {name: value for name, value in question.labels.items() if name in BY_EXPOSED[part["family"]].labels}
        if BY_EXPOSED[part["family"]].source is Source.PLAN and part["family"] != _DAYS_TEAM:
            labels["level"] = question.level.value
        found.append({**part, "labels": labels | part["labels"]})
    return found


async def _explained(
    exporter: "Exporter", explainer: Explainer, part: Part, question: _Asked, wanted: Piece
) -> dict[str, Any]:
    needs = LOOKED_AT if "quantile" in part["labels"] else wanted.needs
    manager, team = question.manager, question.team
    if part["family"] == _DAYS_TEAM and "window" not in part:
        # Working days are those of a team's calendar, and with an empty team the company's.
        home = exporter.board.reference.team_of(manager, "") if manager is not None else ""
        manager, team = None, team or home
    days: dict[str, Any] = {} if question.days is None else {"days": question.days}
    try:
        found = await explainer.explain(
            part["family"], part["labels"], manager, team, part.get("window", question.window), question.period,
            None if question.then is None else exporter.board.local(question.then),
            limit=needs, fewer=wanted.offset + wanted.limit, **days,
        )  # fmt: skip
    except ValueError as error:
        raise AskedError(str(error)) from error
    answer = found.as_json()
    if question.days is not None:
        first, last = (date.fromordinal(day).isoformat() for day in question.days)
        answer |= {"window": None, "period": None, "from": first, "to": last}
    return answer


async def _values(exporter: "Exporter", kpi: Kpi, question: _Asked, reader: Reader) -> list[dict[str, Any]]:
    """The KPI itself, as it is shown: by its own labels."""
    await exporter.follower.catch_up()
    if problem := exporter.problem():
        raise AwayError(problem)
    board, now, level = exporter.board, exporter.clock(), question.level
    name = question.manager if question.manager is not None else question.team or ""
    # A person's numbers of one team.
    teams = frozenset({question.team}) if question.manager is not None and question.team else reader.teams
    if question.days is not None:
        run = runs.Run(*map(date.fromordinal, question.days))
        *_, found = runs.Runs(board).making((kpi,), runs.Whose(level, name, teams=teams), run, now)
        values = (found or {})[kpi.id]
    else:
        only = None if level is Level.COMPANY else (level.value, name)
        window = question.window or "day"
        numbers = api.LiveNumbers(board, now, question.then, window, teams)
        values = numbers.evaluation(level, window, question.period, only).of(kpi)
    width = len(level.labels)
    labelled = ((dict(zip(kpi.by, key[width:], strict=True)), key, value) for key, value in sorted(values.items()))
    return [
        {"labels": labels, "value": value}
        for labels, key, value in labelled
        if (not name or key[0] == name) and question.labels.items() <= labels.items()
    ]
