"""What every part of one connector works with, and the small things that they share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from producers.connectors.bitrix24.entities.parties import Parties
from producers.connectors.bitrix24.meaning.mapping import Mapping
from producers.connectors.bitrix24.metrics import Metrics
from producers.connectors.bitrix24.portal.rest import Portal
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.store import Spool
from producers.lanes import Headers
from producers.raw_publisher import RawPublisher

Row = dict[str, Any]
_IDS = 50


class EventPublisher(RawPublisher, Protocol):
    """What the connector needs of the SDK."""

    async def publish_letters(self, letters: Sequence[tuple[bytes, bytes | None, Headers]]) -> None:
        """Send dead letters. Raises PublisherError."""


@dataclass(frozen=True)
class Surroundings:
    """What every part of one connector works with. `now` is in seconds since the epoch.

    ready_stages: SALES_READY_STAGES.
    """

    portal: Portal
    store: Spool
    publisher: EventPublisher
    mapping: Mapping
    identity: Identity
    parties: Parties
    metrics: Metrics
    currency: str
    ready_stages: tuple[str, ...]
    now: Callable[[], float]

    def moment(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


def item_query(entity_type: int, fields: Sequence[str]) -> dict[str, Any]:
    """Parameters of `crm.item.list` that all queries share."""
    return {"entityTypeId": entity_type, "select": list(fields), "useOriginalUfNames": "Y", "order": {"id": "ASC"}}


def chunks(ids: Iterable[str], size: int = _IDS) -> list[list[str]]:
    """Pieces of at most `size` ids, which is what one filter takes."""
    wanted = list(ids)
    return [wanted[begin : begin + size] for begin in range(0, len(wanted), size)]
