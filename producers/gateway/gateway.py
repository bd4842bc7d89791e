"""One request from its first byte to Kafka's acknowledgement, or to the answer that says why not."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from producers.errors import ProducersError, PublisherError, Refused
from producers.gateway.auth import ANYBODY, Gatekeeper, Unauthorized
from producers.gateway.clients import ClientResolver, IdentityResolver
from producers.gateway.judge import Judge, refused_whole
from producers.gateway.limits import Busy, ContentTooLarge, HeldBytes, Room, Strangers, TooManyRequests
from producers.gateway.noting import Noting
from producers.gateway.readiness import Readiness
from producers.gateway.reading import asked, body, content
from producers.gateway.reading.asked import AskedOf, BadParameter
from producers.gateway.reading.body import SentRecord
from producers.gateway.series import GatewaySeries
from producers.gateway.settings import GatewaySettings
from producers.gateway.verdict import Verdict, refuse
from producers.raw_publisher import RawPublisher

log = structlog.get_logger(__name__)
_AT_ONCE = 0.9
"""Of the time allowed, what is left when a body has come at once."""


def _nothing() -> None:
    """After a piece of a body whose sender is known."""


class RequestTimeout(ProducersError):  # noqa: N818 - named as HTTP names it
    """The body does not arrive (408)."""


_STATUS: dict[type[ProducersError], int] = {
    BadParameter: 400,
    Unauthorized: 401,
    RequestTimeout: 408,
    ContentTooLarge: 413,
    content.UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Busy: 503,
}


class Gateway:
    """One request from body to acknowledgement."""

    def __init__(
        self,
        publisher: RawPublisher,
        settings: GatewaySettings,
        now: Callable[[], float],
        readiness: Readiness,
        identities: IdentityResolver | None = None,
    ) -> None:
        self._publisher = publisher
        self._readiness = readiness
        self._settings = settings
        self.gatekeeper = Gatekeeper(settings)
        self._judge = Judge(settings, now)
        self._room = Room(settings.gateway_in_flight_bytes)
        self._strangers = Strangers(settings.gateway_in_flight_bytes)
        self.series = series = GatewaySeries()
        series.in_flight.set_function(lambda: self._room.used)
        series.ready.set_function(lambda: not readiness.problem)
        series.token_expiry(self.gatekeeper.ends())
        self.noting = Noting(series, now)
        self._clients = ClientResolver(identities, series)

    async def answer(self, request: Request) -> Response:
        """Take a request's events; whatever becomes of them, the answer is a documented one."""
        began = time.perf_counter()
        try:
            response = await self._answer(request, began)
        except ClientDisconnect:
            # Nobody reads this answer.
            return Response(status_code=400)
        self.series.answered(response.status_code, time.perf_counter() - began)
        return response

    async def _answer(self, request: Request, began: float) -> Response:
        # Whom a refusal concerns, as far as the request has got.
        whom = [ANYBODY]
        try:
            how = asked.read(request.scope["query_string"])
            verdict = await self._take(request, how, whom)
        except ProducersError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            self.noting.turned_away(whom[0], status, str(error))
            return refuse(status, str(error))
        if verdict.warnings:
            self.noting.unknown(verdict)
        if verdict.problems:
            status, title, more = verdict.refusal() if not (how.partial and verdict.good) else (207, "", {})
            self.noting.refused(verdict, status)
            if status != 207:
                return refuse(status, title, **more)
        if how.dry_run:
            self.noting.tried(verdict)
        elif self._settings.gateway_request_log:
            sources = [*dict.fromkeys(record.source for record in verdict.good)]
            seconds = round(time.perf_counter() - began, 4)
            log.info("request taken", status=202, sources=sources, events=len(verdict.good), seconds=seconds)
        return verdict.answer(dry_run=how.dry_run, partial=how.partial, private=bool(how.token))

    async def _take(self, request: Request, how: AskedOf, whom: list[str]) -> Verdict:
        """Read, check and send a request's events. Raises ProducersError.

        Nothing is sent if anything is wrong, unless asked for: a sender repairs the batch and sends it whole again.
        """
        headers = dict(request.headers.items())
        # A token is judged before a byte of the body is read. Who has none may still sign, which only the whole body
        # tells: until then he is a stranger, whose body takes its turn in a room of its own.
        sender = self.gatekeeper.by_token(headers, request.client.host if request.client else None, how.token)
        whom[0] = sender or ANYBODY
        packed = content.encoding(headers)
        sending: Sequence[SentRecord] = ()
        try:
            # Held until Kafka has it: memory is what bounds how many requests are under way.
            with self._room.hold() as held:
                async with asyncio.timeout(self._settings.gateway_timeout) as limit:
                    with nullcontext(_nothing) if sender is not None else self._strangers.wait(held, limit) as came:
                        taken = await self._content(request, headers.get("content-length", "0"), held, came)
                    if packed:
                        taken = content.unpacked(taken, self._settings.gateway_body_bytes)
                        held.take(len(taken))
                    if sender is None:
                        # Of what was packed the sender signed what it is, not how it was packed on the way.
                        whom[0] = sender = self.gatekeeper.by_signature(headers, taken)
                    pairs = request.headers.items() if body.is_binary(headers) else ()
                    verdict = self._judge.judge(sender, headers, taken, pairs, dry_run=how.dry_run)
                    self._clients.judge(verdict)
                    if verdict.good and not how.dry_run and (how.partial or not verdict.problems):
                        sending = verdict.good
                        self._extend(limit)
                        await self._send(sending)
                        self.noting.taken(verdict.counts)
        except Refused as refused:
            return refused_whole(whom[0], refused)
        except TimeoutError as error:
            # One limit for both: whether anything was being sent tells a slow sender from a slow Kafka.
            if sending:
                raise self._unsent("Kafka does not answer in time", len(sending)) from error
            raise RequestTimeout("the body did not arrive in time; send it at once") from error
        return verdict

    def _extend(self, limit: asyncio.Timeout) -> None:
        """Kafka has the whole time, however long the body took; nearly all came at once, and then it is the same."""
        ends, now = limit.when(), asyncio.get_running_loop().time()
        if ends is not None and ends - now < self._settings.gateway_timeout * _AT_ONCE:
            limit.reschedule(now + self._settings.gateway_timeout)

    async def _content(self, request: Request, declared: str, held: HeldBytes, came: Callable[[], None]) -> bytes:
        most = self._settings.gateway_body_bytes
        is_fitting = not declared.isdecimal() or int(declared) <= most
        taken = bytearray()
        if is_fitting:
            async for chunk in request.stream():
                held.take(len(chunk))
                came()
                taken += chunk
                if len(taken) > most:
                    is_fitting = False
                    break
        if not is_fitting:
            raise ContentTooLarge(f"the body is larger than {most} bytes; send smaller batches")
        return bytes(taken)

    async def _send(self, records: Sequence[SentRecord]) -> None:
        try:
            records = await self._clients.resolve(records)
            for reference in (False, True):
                pairs = [(record.key, record.value) for record in records if record.reference is reference]
                if pairs:
                    await self._publisher.publish_many_raw(pairs, reference=reference)
        except PublisherError as error:
            raise self._unsent(str(error), len(records)) from error
        self._readiness.taken()

    def _unsent(self, why: str, events: int) -> Busy:
        """What is said of events that Kafka did not take."""
        self._readiness.refused(why)
        log.warning("events were not taken by Kafka", error=why, events=events)
        return Busy("Kafka does not take events now; send again later")
