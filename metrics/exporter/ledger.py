"""Asks the ledger which entities are behind a number: it keeps the index, we know who and what there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from metrics.errors import AwayError

_SECONDS = 5.0
"""It says itself within three seconds that it is behind."""


@dataclass(frozen=True)
class Told:
    """An answer as it came."""

    content: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.content


class Ledger:
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
    ) -> Told:
        """Raises ValueError for what does not exist, AwayError without the ledger."""
        asked = {"family": family, "manager": manager, "team": team, "window": window or None, "period": period}
        asked |= {"at": None if at is None else at.isoformat(), "limit": str(limit)}
        query = {**(labels or {}), **{name: value for name, value in asked.items() if value is not None}}
        try:
            answer = await self._client.get("/api/v1/explain", params=query)
            if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise AwayError(
                    "the ledger does not know us; set SALES_WEB_USER and SALES_WEB_PASSWORD as its web config has them"
                )
            content = answer.json()
        except httpx.ReadTimeout as error:
            raise AwayError(
                f"nothing can be explained now: the ledger at {self._address} does not answer in time"
            ) from error
        except (httpx.TransportError, ValueError) as error:
            raise AwayError(
                f"nothing can be explained now: no ledger answers at {self._address}; start `sales-pulse ledger`, "
                "or set SALES_LEDGER_ADDRESS"
            ) from error
        if answer.status_code == httpx.codes.OK:
            return Told(content)
        detail = str(content.get("detail", ""))
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise ValueError(detail)
        raise AwayError(detail or f"the ledger at {self._address} answers {answer.status_code}")
