"""One answer to GET /metrics: the board's text and what the exporter says of itself, plain or as gzip."""

import time
from collections.abc import Callable, Sequence

from fastapi.responses import Response
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from metrics import settled as settling
from metrics.catalogue import service
from metrics.catalogue.plan import FORECAST
from metrics.errors import WindowError
from metrics.exporter.board import SLOTS, Board
from metrics.exporter.exposition.packed import Packed, pack
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.feed.trust import Trust
from metrics.exporter.held.aggregates import NOW
from metrics.exporter.http.paged import Pages, ScrapedPage
from metrics.exporter.http.proof import Proof
from metrics.exporter.http.service import own_numbers, own_text
from metrics.exporter.http.spaced import Spaced
from metrics.exporter.kpi.forecasts import Forecasts
from metrics.family import COURSE, LIVE

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PIECES = {"now": (NOW[0], COURSE), LIVE: (NOW[0],), COURSE: (COURSE,)}
"""What has no window of its own, by the names that it is asked for by → as the board knows it."""
_WINDOWS = (*_PIECES, *dict.fromkeys(window for window, _ in SLOTS))
_SECOND_HAND_SECONDS = 10.0
"""How old numbers may be, for a scrape that would have to wait for a minute's turn."""


def wanted(windows: Sequence[str]) -> frozenset[str] | None:
    """What is asked for by name, as the board knows it; None for all. Raises WindowError."""
    for window in windows:
        if window not in _WINDOWS:
            raise WindowError(f"window={window!r} does not exist; use one of {', '.join(_WINDOWS)}")
    return frozenset(piece for window in windows for piece in _PIECES.get(window, (window,))) or None


class Scrapes:
    """Answers for Prometheus. `problem` says why sales numbers are withheld, "" when they are not."""

    def __init__(
        self,
        board: Board,
        follower: ViewFollower,
        clock: Callable[[], float],
        trust: Trust,
        problem: Callable[[], str],
        forecasts: Forecasts,
        proof: Proof,
    ) -> None:
        self._board = board
        self._follower = follower
        self._clock = clock
        self._trust = trust
        self._problem = problem
        self._forecasts = forecasts
        self._proof = proof
        # Who asks for page after page waits for the next as long as the last one cost, the wait for news left out.
        self._pages, self._spaced = Pages(), Spaced(1, time.process_time)
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    async def answer(
        self, accept: str, encodings: str, windows: frozenset[str] | None, *, settled: bool = False
    ) -> Response:
        """The numbers of now, in the form and encoding asked for; `settled`: and the header that says as of what."""
        if settled:
            return await self._answer_settled(accept, encodings, windows, None)
        openmetrics, packs = "application/openmetrics-text" in accept, "gzip" in encodings
        self._follower.pace.looked(time.monotonic(), windows)

        async def work() -> ScrapedPage:
            return await self._now(windows, openmetrics, packs=packs)

        return self._pages.answer(await self._spaced.get((windows, openmetrics, packs), work))

    async def _now(self, windows: frozenset[str] | None, openmetrics: bool, *, packs: bool) -> ScrapedPage:
        """One page for all who ask at this moment."""
        follower, board, began = self._follower, self._board, time.perf_counter()
        follower.packing = True
        # A scrape does not wait for a minute's turn where that takes long.
        second_hand = follower.is_turning() and board.is_held(windows)
        fresh = not (second_hand and self._clock() - board.rendered_at < _SECOND_HAND_SECONDS)
        if fresh:
            await follower.catch_up()
            began = time.perf_counter()
        now, withheld = self._clock(), bool(self._problem())
        pieces = [] if withheld else board.packed(now, windows, refresh=fresh)
        about = self._about(now, time.perf_counter() - began, openmetrics, windows)
        return _page([*pieces, pack(about)], openmetrics, packs=packs)

    async def answer_at(
        self, at: float, accept: str, encodings: str, windows: frozenset[str] | None, *, settled: bool = False
    ) -> Response:
        """The calendar windows as they stood. Raises WindowError."""
        if settled:
            return await self._answer_settled(accept, encodings, windows, at)
        await self._follower.catch_up(hours=True)
        if problem := self._problem():
            return _withheld(problem)
        return self._render_at(at, self._clock(), accept, encodings, windows)

    def _render_at(
        self, at: float, now: float, accept: str, encodings: str, windows: frozenset[str] | None
    ) -> Response:
        openmetrics = "application/openmetrics-text" in accept
        chunks = [*self._board.exposition_at(at, now, windows), _finish("", openmetrics)]
        return self._pages.answer(_page(list(map(pack, chunks)), openmetrics, packs="gzip" in encodings))

    async def _answer_settled(
        self, accept: str, encodings: str, windows: frozenset[str] | None, at: float | None
    ) -> Response:
        fences = await self._follower.settle()
        # From here on nothing may give way: the board would move on.
        now, began = self._clock(), time.perf_counter()
        if problem := self._problem() or self._trust.unsettled(fences):
            return _withheld(problem)
        if at is not None:
            answer = self._render_at(at, now, accept, encodings, windows)
        else:
            openmetrics = "application/openmetrics-text" in accept
            # The audit compares with the ranks of this moment.
            self._board.rank()
            pieces = self._board.packed(now, windows)
            about = self._about(now, time.perf_counter() - began, openmetrics, windows)
            page = _page([*pieces, pack(about)], openmetrics, packs="gzip" in encodings)
            answer = self._pages.answer(page)
        answer.headers.update(settling.header(fences or {}, now))
        return answer

    def _about(self, now: float, seconds: float, openmetrics: bool, windows: frozenset[str] | None) -> bytes:
        """What the exporter says of itself, to whom asks for what is so now."""
        if windows is not None and NOW[0] not in windows:
            return _finish("", openmetrics)
        follower = self._follower
        own = own_numbers(self._board, now, follower, self._trust.age())
        own |= self._proof.rows()
        own |= {FORECAST: [] if self._problem() else self._forecasts.running(now).rows}
        own |= {service.SCRAPE_SECONDS: [((), seconds)], service.SCRAPE_OK: [((), 1.0)]}
        return _finish(own_text(own) + generate_latest(self.registry).decode(), openmetrics)


def _page(pieces: Sequence[Packed], openmetrics: bool, *, packs: bool) -> ScrapedPage:
    return ScrapedPage(pieces, OPENMETRICS if openmetrics else TEXT, packs=packs)


def _finish(about: str, openmetrics: bool) -> bytes:
    """The last part: what the exporter says of itself; only there are counters, which OpenMetrics heads otherwise."""
    if not openmetrics:
        return about.encode()
    lines = []
    for line in about.splitlines():
        if line.startswith("# ") and line.split(" ", 3)[2].endswith("_total"):
            sign, kind, name, rest = line.split(" ", 3)
            lines.append(f"{sign} {kind} {name.removesuffix('_total')} {rest}")
        else:
            lines.append(line)
    return "\n".join([*lines, "# EOF\n"]).encode()


def _withheld(problem: str) -> Response:
    return Response(f"{problem}\n", 503, media_type="text/plain")
