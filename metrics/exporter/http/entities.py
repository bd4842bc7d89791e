"""`/api/v1/entities`: all entities of some days in a stream, as CSV or JSON Lines, for tools of one's own.

Whatever the size, a few hundred are at hand at a time; who leaves ends the reading.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from metrics.access.asgi import reader_of
from metrics.catalogue import BY_EXPOSED
from metrics.errors import AskedError, AwayError
from metrics.exporter.http import asked
from metrics.exporter.http.explained import COLUMNS, Entity, cells, named, unit_of
from metrics.exporter.http.explaining import Explainer, allowed_team, window_of
from metrics.exporter.kpi import history, runs, tables
from metrics.streamed import Streamed
from metrics.turns import AtOnce

if TYPE_CHECKING:
    from metrics.exporter.http.server import Exporter

_MOST = 8
"""Streams at once: each holds a connection to the ledger, and there a moment of its index."""
_KNOWN = {"family", "manager", "team", "from", "to", "format", "lang"}
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def add_entities(app: FastAPI, exporter: "Exporter", explainer: Explainer | None) -> None:
    """Add the route."""
    at_once = AtOnce[bytes](_MOST, "streams of entities")

    @app.get("/api/v1/entities", summary="All entities of some days in a stream, for tools of one's own")
    async def entities(
        request: Request, family: str, manager: str | None = None, team: str | None = None,
        since: Annotated[str | None, Query(alias="from")] = None,
        until: Annotated[str | None, Query(alias="to")] = None,
        form: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv", lang: Literal["en", "ru"] = "en",
    ) -> Response:  # fmt: skip
        if explainer is None:
            return JSONResponse({"detail": "this exporter has no way to the log"}, 501)
        given = asked.once(request.query_params.multi_items())
        labels = {name: value for name, value in given.items() if name not in _KNOWN}
        team = allowed_team(exporter, reader_of(request.scope), family, manager, team)
        today = exporter.board.today(exporter.clock())
        run = runs.run_of(history.day("from", since), history.day("to", until), today)
        days = run.first.toordinal(), run.last.toordinal()
        window = window_of(None, family, given, days)
        _check(family, labels)
        try:
            # Whether there is an answer at all shows before it begins.
            pieces = await at_once.begin(explainer.entities(family, labels, manager, team, window, days))
            first = await anext(pieces, b"")
        except ValueError as error:
            raise AskedError(str(error)) from error
        head, write = _table(exporter, family, lang) if form == "csv" else _lines(exporter, lang)
        name = f"{family}-{run.first}-{run.last}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Streamed(
            _written(head, write, first, pieces), _MEDIA[form], headers=headers, known=(AwayError, ValueError)
        )


def _check(family: str, labels: Mapping[str, str]) -> None:
    """Raise AskedError for parameters that are no labels of the family."""
    own = {*BY_EXPOSED[family].labels, *(["le"] if family == BY_EXPOSED[family].bucket else [])}
    if unknown := sorted(labels.keys() - own):
        raise AskedError(
            f"{family} has no label {unknown[0]!r}; it has {', '.join(sorted(own)) or 'none'}. "
            f"Further parameters are {', '.join(sorted(_KNOWN - {'family'}))}"
        )


async def _written(
    head: str, write: Callable[[Entity], str], first: bytes, pieces: AsyncGenerator[bytes, None]
) -> AsyncIterator[str]:
    try:
        yield head
        piece: bytes | None = first
        while piece is not None:
            yield "".join(write(msgspec.json.decode(line)) for line in piece.splitlines())
            await asyncio.sleep(0)  # others get their turn, however fast the ledger is
            piece = await anext(pieces, None)
    finally:
        await pieces.aclose()


def _table(exporter: "Exporter", family: str, language: str) -> tuple[str, Callable[[Entity], str]]:
    labels, unit = BY_EXPOSED[family].labels, unit_of(family)
    board, links = exporter.board, exporter.settings.entity_links

    def write(one: Entity) -> str:
        found = named(one, board, links, language)
        return tables.row([*cells(found, board, unit), *(one["labels"].get(label, "") for label in labels)])

    # A response's kind (first, next) is not the kind of its entity.
    return tables.row([*COLUMNS, *(f"label_{label}" if label in COLUMNS else label for label in labels)]), write


def _lines(exporter: "Exporter", language: str) -> tuple[str, Callable[[Entity], str]]:
    board, links = exporter.board, exporter.settings.entity_links

    def write(one: Entity) -> str:
        found: dict[str, Any] = named(one, board, links, language)
        return msgspec.json.encode(found).decode() + "\n"

    return "", write
