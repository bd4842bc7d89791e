"""What the log has of a portal and its spool does not know: published under another address, and counted twice.

The spool says what is published of each entity now, and under which client. Everything else of the portal's sources is
taken back, as far as the contract can.
"""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from producers.connectors.bitrix24.entities.costs import COST
from producers.connectors.bitrix24.errors import PortalUnknown
from producers.connectors.bitrix24.meaning.sales import DEAL, place
from producers.connectors.bitrix24.spool.ledger import family
from producers.connectors.bitrix24.spool.store import Spool
from producers.connectors.bitrix24.sync.surroundings import Surroundings
from producers.events.wire import Event
from producers.importer.entities import KINDS
from producers.importer.formats import EventOrigin
from producers.importer.known import Known
from producers.importer.log import catch_up, lying
from producers.importer.withdrawing import Missing, kinds, withdrawals
from producers.settings import KafkaSettings

_BATCH = 5000

_PIECE = 9
"""Characters that the end of an id, `-` and a piece of the client's, has."""


async def mending(
    parts: Surroundings,
    settings: KafkaSettings,
    portals: Iterable[str],
    missing: Missing,
    *,
    really: bool,
    advance: Callable[[int], None],
) -> int:
    """Find what was published twice, of this portal's source and those of other names of it, and take it back.

    Returns how many events were sent; none unless `really`. Raises PortalUnknown where the spool knows nothing.
    """
    if parts.store.is_empty or parts.store.cursors("backfill:"):
        raise PortalUnknown(
            "the spool does not know all that is published; run sales-pulse bitrix24 backfill to its end first"
        )
    own = parts.identity.source
    sources = dict.fromkeys([own, *(f"{own.partition('://')[0]}://{name}" for name in portals)])
    sent, pairs = 0, []
    with tempfile.TemporaryDirectory() as folder, Known(Path(folder) / "log.sqlite") as known:
        await catch_up(known, settings, advance)
        for source in sources:
            places = known.missing(source, kinds(KINDS), [-1])
            origin = EventOrigin(source, frozenset(KINDS), given=True)
            async for pair in withdrawals(strays(lying(settings, places), parts.store), origin, missing):
                pairs.append(pair)
                if len(pairs) >= _BATCH:
                    sent += await parts.publisher.publish_many_raw(pairs) if really else 0
                    pairs.clear()
        if pairs and really:
            sent += await parts.publisher.publish_many_raw(pairs)
    return sent


async def strays(events: AsyncIterator[Event], store: Spool) -> AsyncIterator[Event]:
    """Those of the events, each the latest of its entity, that the spool has not, or under another client."""
    async for event in events:
        kind, field = KINDS[event.type]
        name: str = getattr(event.data, field)
        if not any(_is_held(store, kind, number, event.key) for number in {name, name[:-_PIECE]}):
            yield event


def _is_held(store: Spool, kind: str, number: str, key: str) -> bool:
    if kind == DEAL:
        kind, number = place(number)
    elif kind == COST:
        process, _, number = number.rpartition(".")
        kind = f"{COST}:{process}"
    held = store.published(kind, [number]).get(number)
    if held is None:
        return False
    # A cost has no client: its key is its name.
    return (held.data["cost_id"] if family(kind) == COST else held.client) == key
