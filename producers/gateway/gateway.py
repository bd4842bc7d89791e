"""One request from its first byte to Kafka's acknowledgement, or to the answer that says why not."""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from producers.errors import ProducersError, PublisherError
from producers.gateway import body
from producers.gateway.auth import ANYBODY, Forbidden, Gatekeeper, Unauthorized
from producers.gateway.limits import Busy, ContentTooLarge, Held, Rates, Room, TooManyRequests
from producers.gateway.readiness import Readiness
from producers.gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)
_RETRY_SECONDS = 2
_MOST_NAMED = 100


class Publisher(Protocol):
    """What the gateway needs of the SDK."""

    async def publish_many_raw(self, records: Sequence[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send and wait for the brokers. Raises PublisherError."""


class RequestTimeout(ProducersError):  # noqa: N818 - named as HTTP names it
    """The body does not arrive (408)."""


_STATUS: dict[type[ProducersError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    RequestTimeout: 408,
    ContentTooLarge: 413,
    body.UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Busy: 503,
}


class Gateway:
    """One request from body to acknowledgement."""

    def __init__(
        self, publisher: Publisher, settings: GatewaySettings, now: Callable[[], float], readiness: Readiness
    ) -> None:
        self._publisher = publisher
        self._readiness = readiness
        self._settings = settings
        self._now = now
        self._gatekeeper = Gatekeeper(settings)
        self._rates = Rates(settings.gateway_events_per_second, time.monotonic)
        self._room = Room(settings.gateway_in_flight_bytes)
        self.registry = CollectorRegistry()
        self.events = Counter(
            "sales_gateway_events", "Events by what became of them.", ["outcome"], registry=self.registry
        )
        self.requests = Counter("sales_gateway_requests", "Requests by status.", ["status"], registry=self.registry)
        self._taken = self.requests.labels("202")
        self.seconds = Histogram(
            "sales_gateway_request_seconds", "Time from request to answer.", registry=self.registry
        )

    async def answer(self, request: Request) -> Response:
        """Take a request's events; whatever becomes of them, the answer is a documented one."""
        began = time.perf_counter()
        try:
            accepted = await self.take(request)
        except BadEvents as error:
            errors = [asdict(found) for found in error.problems[:_MOST_NAMED]]
            return self._problem(400, str(error), errors=errors)
        except ProducersError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            return self._problem(status, str(error))
        except ClientDisconnect:
            # Nobody reads this answer.
            return Response(status_code=400)
        self._taken.inc()
        seconds = time.perf_counter() - began
        self.seconds.observe(seconds)
        if self._settings.gateway_request_log:
            log.info(
                "request taken", status=202, sources=[*accepted], events=accepted.total(), seconds=round(seconds, 4)
            )
        return Response(b'{"accepted":%d}' % accepted.total(), 202, media_type="application/json")

    def _problem(self, status: int, title: str, **more: object) -> Response:
        self.requests.labels(str(status)).inc()
        log.info("request refused", status=status, why=title)
        headers = {"Retry-After": str(_RETRY_SECONDS)} if status in {408, 429, 503} else {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        content = {"type": "about:blank", "status": status, "title": title, **more}
        return JSONResponse(content, status, headers, media_type="application/problem+json")

    async def take(self, request: Request) -> Tally[str]:
        """Read, check and send a request's events; return how many by source. Raises ProducersError, BadEvents."""
        source = self._gatekeeper.by_token(request.headers, request.client.host if request.client else None)
        with self._room.hold() as held:
            content = await self._content(request, held)
            if source is None:
                source = self._gatekeeper.by_signature(request.headers, content)
            records = self._checked(request, content)
            sources = Tally(record.source for record in records)
            for name, count in sources.items():
                if source not in {ANYBODY, name}:
                    raise Forbidden(f"you send for {source} only")
                self._rates.take(name, count)
            await self._send(records)
        self.events.labels("accepted").inc(len(records))
        return sources

    def _checked(self, request: Request, content: bytes) -> list[body.Record]:
        records, problems = body.read(request.headers, content, int(self._now() * 1000))
        if problems:
            self.events.labels("refused").inc(len(problems))
            raise BadEvents(problems)
        return records

    async def _content(self, request: Request, held: Held) -> bytes:
        most = self._settings.gateway_body_bytes
        too_large = ContentTooLarge(f"the body is larger than {most} bytes; send smaller batches")
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise too_large
        content = bytearray()
        try:
            async with asyncio.timeout(self._settings.gateway_timeout):
                async for chunk in request.stream():
                    held.take(len(chunk))
                    content += chunk
                    if len(content) > most:
                        raise too_large
        except TimeoutError as error:
            raise RequestTimeout("the body did not arrive in time; send it at once") from error
        return bytes(content)

    async def _send(self, records: list[body.Record]) -> None:
        try:
            async with asyncio.timeout(self._settings.gateway_timeout):
                for reference in (False, True):
                    pairs = [(record.key, record.value) for record in records if record.reference is reference]
                    if pairs:
                        await self._publisher.publish_many_raw(pairs, reference=reference)
            self._readiness.taken()
        except (PublisherError, TimeoutError) as error:
            why = str(error) or "Kafka does not answer in time"
            self._readiness.refused(why)
            log.warning("events were not taken by Kafka", error=why, events=len(records))
            raise Busy("Kafka does not take events now; send again later") from error


class BadEvents(Exception):  # noqa: N818 - what the answer lists
    """The request holds bad events."""

    def __init__(self, problems: list[body.Problem]) -> None:
        reasons = ", ".join(sorted({found.reason for found in problems}))
        super().__init__(f"{len(problems)} bad events ({reasons}); none was sent")
        self.problems = problems
