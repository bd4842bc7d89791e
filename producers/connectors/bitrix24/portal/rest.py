"""The portal's REST: within its limits, in batches, tried again when that helps, without telling the secret."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote_plus, urlsplit

import httpx
from aiolimiter import AsyncLimiter

from producers.connectors.bitrix24.errors import PortalClosed, PortalRefused, PortalUnavailable
from producers.connectors.bitrix24.portal.limits import Operating
from producers.connectors.bitrix24.portal.patience import Patience
from producers.connectors.bitrix24.settings import Bitrix24Settings

BATCH: Final = 50
PAGE: Final = 50
_STEP: Final = 0.1
_TIME_USED: Final = "OPERATION_TIME_LIMIT"
_BUSY: Final = {"QUERY_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "OVERLOAD_LIMIT"}
_CLOSED: Final = {
    "expired_token", "invalid_token", "no_auth_found", "invalid_credentials", "invalid_request", "user_access_error",
    "portal_deleted",
}  # fmt: skip
"""Refusals that mean the webhook itself, not one method of it."""
_FOR_ALL: Final = 401
"""With this status `ACCESS_DENIED` means that the portal's plan has no REST, else a missing right."""
_RENEW: Final = "make a new one in the portal, with the same rights, and set SALES_BITRIX24_WEBHOOK_URL to it"


class RestCall(NamedTuple):
    """One method and its parameters."""

    method: str
    params: dict[str, Any]


class Limiter(Protocol):
    """Lets so many requests through as the portal takes."""

    def has_capacity(self, amount: float = 1) -> bool:
        """Whether so many may be asked at once now."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


class Portal:
    """The REST of one portal. Closed by `aclose`.

    `transport`, `limiter`, `clock` (seconds since the epoch), `sleep` and `patience` (a factor on waiting) are for
    tests.
    """

    def __init__(
        self,
        settings: Bitrix24Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limiter: Limiter | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = 1.0,
    ) -> None:
        parts = urlsplit(settings.url)
        self.domain = settings.domain
        self._http = httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc}",
            transport=_Secret(parts.path, transport or httpx.AsyncHTTPTransport(retries=1)),
            timeout=httpx.Timeout(65.0, connect=10.0),
        )
        # A leaky bucket, as the portal's own: it holds `burst` and drains at the portal's rate.
        rate, burst = settings.bitrix24_requests_per_second, settings.bitrix24_burst
        self._limiter: Limiter | AsyncLimiter = limiter or AsyncLimiter(burst, burst / rate)
        self._sleep = sleep
        self._spare = max(1.0, burst / 4)
        self._clock = clock
        self._operating = Operating()
        self.patience = Patience(self._operating.forget, clock, sleep, patience)
        self._ahead = 0.0
        """Seconds by which the portal's clock is before ours."""
        self.requests = 0
        self.now: datetime = datetime.fromtimestamp(clock(), UTC)
        """The portal's clock at its latest answer."""

    async def spare(self) -> None:
        """Wait until a quarter of what may be asked at once is free: who is in no hurry leaves it to others."""
        while not self._limiter.has_capacity(self._spare):  # the limiter has no event for it
            await self._sleep(_STEP)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The `result` of one method. Raises `PortalRefused`, or `PortalUnavailable` after several attempts."""
        async for attempt in self.patience.attempts():
            with attempt:
                return (await self._post(method, dict(params or {})))["result"]
        raise AssertionError("tenacity raises the last error")  # pragma: no cover

    async def batch(self, calls: Sequence[RestCall], *, tolerant: bool = False) -> list[Any]:
        """The `result` of each call, in their order, 50 calls a request; those that found no room are sent again.

        `tolerant` puts None where the portal refuses a call; else the first refusal is raised.
        """
        results = await self.outcomes(calls)
        if not tolerant and (refused := next((one for one in results if isinstance(one, PortalRefused)), None)):
            raise refused
        return [None if isinstance(result, PortalRefused) else result for result in results]

    async def outcomes(self, calls: Sequence[RestCall]) -> list[Any]:
        """The same, with the refusal itself where a call is refused. Raises `PortalClosed` where all would be."""
        results: dict[int, Any] = {}
        async for attempt in self.patience.attempts(lambda: len(results)):
            with attempt:
                await self._fill(calls, results)
        return [results[number] for number in range(len(calls))]

    async def _fill(self, calls: Sequence[RestCall], results: dict[int, Any]) -> None:
        busy: PortalUnavailable | None = None
        missing = [number for number in range(len(calls)) if number not in results]
        for begin in range(0, len(missing), BATCH):
            numbers = missing[begin : begin + BATCH]
            self._admit({calls[number].method for number in numbers})
            commands = {f"c{number}": f"{calls[number].method}?{php_query(calls[number].params)}" for number in numbers}
            answer = (await self._post("batch", {"halt": 0, "cmd": commands}))["result"]
            good, bad = _table(answer.get("result")), _table(answer.get("result_error"))
            times = _table(answer.get("result_time"))
            for number in numbers:
                name, method = f"c{number}", calls[number].method
                if name in bad:
                    error = self._error(method, bad[name], times.get(name))
                    if isinstance(error, PortalClosed):
                        raise error
                    if isinstance(error, PortalUnavailable):
                        busy = error
                    else:
                        results[number] = error
                elif name in good:
                    results[number] = good[name]
                    self._operating.learn(method, times.get(name))
                else:
                    busy = PortalUnavailable(f"the portal left {method} out of a batch")
        if busy is not None:
            raise busy

    def _admit(self, methods: set[str]) -> None:
        """Raises PortalUnavailable where one of these has used its time."""
        seconds, method = self._operating.wait(methods, self._clock() + self._ahead)
        if seconds > 0:
            raise PortalUnavailable(f"{method} has used its time at {self.domain}", seconds, method)

    async def list_all(self, calls: Sequence[RestCall], id_field: str = "id") -> list[list[dict[str, Any]]]:
        """All rows of each list method, by ascending id.

        Pages are asked for by `>ID` and `start=-1`, so that the portal need not count; a short page is the last.
        """
        rows: list[list[dict[str, Any]]] = [[] for _ in calls]
        going = dict(enumerate(calls))
        while going:
            numbers = list(going)
            pages = await self.batch([paged(going[number], id_field, rows[number]) for number in numbers])
            for number, page in zip(numbers, pages, strict=True):
                found = items(page)
                rows[number] += found
                if len(found) < PAGE:
                    del going[number]
        return rows

    async def _post(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._admit({method})
        async with self._limiter:
            self.requests += 1
            try:
                response = await self._http.post(f"/{method}.json", json=params)
            except httpx.HTTPError as error:
                # The cause is left out: it knows the address.
                raise PortalUnavailable(f"{self.domain} does not answer: {type(error).__name__}") from None
        if response.is_redirect:
            raise self._moved(response.headers.get("location", ""))
        try:
            body = response.json()
        except ValueError:
            body = {"error": "NO_JSON"}
        if not isinstance(body, dict) or (response.status_code == 200 and "result" not in body):
            body = {"error": "NO_JSON"}
        times = body.get("time") or {}
        if moment := times.get("date_finish"):
            self.now = datetime.fromisoformat(moment).astimezone(UTC)
            self._ahead = self.now.timestamp() - self._clock()
        if response.status_code == 200 and "error" not in body:
            self._operating.learn(method, times)
            self.patience.answered()
            return body
        if (response.status_code >= 500 or response.status_code == 429) and body.get("error") != _TIME_USED:
            body.setdefault("error", "INTERNAL_SERVER_ERROR")
            raise PortalUnavailable(f"{self.domain} is busy: {response.status_code} {body['error']}")
        raise self._error(method, body, times, status=response.status_code)

    def _moved(self, location: str) -> PortalClosed | PortalUnavailable:
        """The portal answers from another address; its path is a secret, its name is not."""
        host = urlsplit(location).netloc.rpartition("@")[2]
        if not host or host.lower() == self.domain:
            return PortalUnavailable(f"{self.domain} sends on to somewhere else")
        return PortalClosed(
            f"{self.domain} has moved to {host}", f"put {host} into SALES_BITRIX24_WEBHOOK_URL, the rest stays"
        )

    def _error(
        self, method: str, error: Any, times: Any, *, status: int = 0
    ) -> PortalRefused | PortalClosed | PortalUnavailable:
        table = error if isinstance(error, dict) else {"error": error}
        code = str(table.get("error") or "UNKNOWN")
        if code.lower() in _CLOSED or (status == _FOR_ALL and code == "ACCESS_DENIED"):
            return PortalClosed(code[:80], _RENEW if code != "ACCESS_DENIED" else "its plan has no REST")
        if code == _TIME_USED:
            # Some portals date the refusal itself.
            self._operating.learn(method, times)
            seconds = self._operating.block(method, self._clock() + self._ahead)
            return PortalUnavailable(f"{self.domain} is busy: {method} {code}", seconds, method)
        if code in _BUSY or code == "NO_JSON":
            return PortalUnavailable(f"{self.domain} is busy: {method} {code}")
        return PortalRefused(method, code[:80])


class _Secret(httpx.AsyncBaseTransport):
    """Puts the webhook's path before each request: outside of here no log and no error can know it."""

    def __init__(self, path: str, inner: httpx.AsyncBaseTransport) -> None:
        self._path = path.rstrip("/")
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(path=self._path + request.url.path)
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def paged(call: RestCall, id_field: str, rows: Sequence[Mapping[str, Any]]) -> RestCall:
    """The call for the page after `rows`."""
    upper = "FILTER" in call.params
    conditions = dict(call.params.get("FILTER" if upper else "filter") or {})
    if rows:
        conditions[f">{id_field}"] = rows[-1][id_field]
    if upper:
        return RestCall(
            call.method, call.params | {"FILTER": conditions, "SORT": id_field, "ORDER": "ASC", "start": -1}
        )
    return RestCall(call.method, call.params | {"filter": conditions, "order": {id_field: "ASC"}, "start": -1})


def items(result: Any) -> list[dict[str, Any]]:
    """The rows of a list method, whichever of the portal's shapes they come in."""
    if isinstance(result, dict):
        lists = [value for value in result.values() if isinstance(value, list)]
        return list(lists[0]) if lists else []
    return list(result or [])


def php_query(params: Mapping[str, Any]) -> str:
    """Nested parameters as PHP reads them: filter[@id][0]=1."""
    pairs: list[str] = []

    def put(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                put(f"{name}[{key}]" if name else str(key), inner)
        elif isinstance(value, list | tuple):
            for place, inner in enumerate(value):
                put(f"{name}[{place}]", inner)
        elif value is not None:
            pairs.append(f"{quote_plus(name)}={quote_plus(str(value))}")

    put("", params)
    return "&".join(pairs)


def _table(value: Any) -> dict[str, Any]:
    # PHP writes an empty table as a list.
    return value if isinstance(value, dict) else {}
