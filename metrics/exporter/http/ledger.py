"""Asks the ledger which entities are behind a number, and what it has proved: it has the index, we know people."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import httpx

from metrics.errors import AwayError

_STREAM_SECONDS = 60.0
_LOOK_SECONDS = 120.0
"""Through all deals of two years."""
_SECONDS = 5.0
"""It says itself within three seconds that it is behind."""


@dataclass(frozen=True)
class LedgerAnswer:
    """An answer as it came."""

    content: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.content


class LedgerProxy:
    """`sales-pulse ledger` at an address."""

    def __init__(
        self,
        address: str,
        login: tuple[str, str] | None = None,
        *,
        seconds: float = _SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
        # Never by way of a proxy: it is a process of ours.
        self._client = httpx.AsyncClient(
            base_url=address, auth=login, timeout=seconds, trust_env=False, transport=transport
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

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
    ) -> LedgerAnswer:
        """At most `limit` entities, or of more than that the largest `fewer`.

        Raises ValueError for what does not exist, AwayError without the ledger.
        """
        asked = {"window": window, "period": "" if days else period, "limit": str(limit)}
        asked |= {"at": "" if at is None else at.isoformat(), "fewer": "" if fewer is None else str(fewer)}
        query = _query(family, labels, manager, team, days) | {name: value for name, value in asked.items() if value}
        with self._telling():
            answer = await self._client.get("/api/v1/explain", params=query)
            content = self._content(answer)
        return LedgerAnswer(content)

    async def audit(self) -> dict[str, Any]:
        """What its standing audit has proved. Raises as `explain` does."""
        with self._telling():
            return self._content(await self._client.get("/api/v1/audit"))

    async def brought(self, day: date, runs: Sequence[int]) -> dict[str, Any]:
        """What open deals brought within these numbers of days, up to one day. Raises as `explain` does."""
        asked = {"day": day.isoformat(), "runs": ",".join(map(str, runs))}
        with self._telling():
            return self._content(await self._client.get("/api/v1/brought", params=asked, timeout=_LOOK_SECONDS))

    async def entities(
        self, family: str, labels: Mapping[str, str], manager: str | None, team: str | None, window: str,
        days: tuple[int, int],
    ) -> AsyncGenerator[bytes, None]:  # fmt: skip
        """All entities of a run of local days, as lines of JSON, a few hundred at a time. Raises as `explain` does.

        Close it: then the ledger reads no further.
        """
        query = _query(family, labels, manager, team, days) | {"window": window}
        with self._telling():
            async with self._client.stream("GET", "/api/v1/entities", params=query, timeout=_STREAM_SECONDS) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    self._content(answer)
                left = b""
                async for piece in answer.aiter_bytes():
                    whole, newline, left = (left + piece).rpartition(b"\n")
                    if newline:
                        yield whole

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say in words what went wrong on the way."""
        try:
            yield
        except httpx.ReadTimeout as error:
            raise AwayError(
                f"nothing can be explained now: the ledger at {self._address} does not answer in time"
            ) from error
        except httpx.TransportError as error:
            raise AwayError(
                f"nothing can be explained now: no ledger answers at {self._address}; start `sales-pulse ledger`, "
                "or set SALES_LEDGER_ADDRESS"
            ) from error

    def _content(self, answer: httpx.Response) -> dict[str, Any]:
        """What it says. Raises ValueError for a question that it refuses, AwayError else."""
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise AwayError(
                "the ledger does not know us; set SALES_WEB_USER and SALES_WEB_PASSWORD as its web config has them"
            )
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise AwayError(
                f"nothing can be explained now: what answers at {self._address} is not a ledger; "
                "set SALES_LEDGER_ADDRESS"
            )
        if answer.status_code == httpx.codes.OK:
            return content
        detail = str(content.get("detail", ""))
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise ValueError(detail)
        raise AwayError(detail or f"the ledger at {self._address} answers {answer.status_code}")


def _query(
    family: str, labels: Mapping[str, str] | None, manager: str | None, team: str | None, days: tuple[int, int] | None
) -> dict[str, str]:
    query = {**(labels or {}), "family": family}
    query |= {name: value for name, value in (("manager", manager), ("team", team)) if value is not None}
    if days is not None:
        query |= {name: date.fromordinal(day).isoformat() for name, day in zip(("from", "to"), days, strict=True)}
    return query
