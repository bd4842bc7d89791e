"""A connector beside a stand-in portal, with a publisher that keeps what it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from producers.connectors.bitrix24.connecting.connector import Connector
from producers.connectors.bitrix24.portal.rest import Portal
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.errors import KafkaUnavailable
from producers.events import REFERENCE_TYPES, parse, wire
from producers.events.intake import check_ahead
from producers.gateway.app import create_app
from producers.gateway.settings import GatewaySettings
from tests.support.bitrix24_portal import TOKEN, StandIn
from tests.support.bitrix24_tables import COST

KEY = "a long and random key of clients"
MAPPING = f"cost_field: {COST}\nhandoff: operator\n"


class Silent:
    """Nobody is told how far a backfill is."""

    def advance(self, count, done, where=""):
        pass


class PortalPublisher:
    """Keeps every event; `fail_after` > 0 lets a publish arrive and then says that it did not."""

    def __init__(self):
        self.log = []
        self.letters = []
        self.letters_lost = 0
        self.fail_after = 0
        self.clock = None

    async def publish_many_raw(self, records, *, reference=False):
        pairs = list(records)
        made = [parse(value) for _, value in pairs]
        assert [key.decode() for key, _ in pairs] == [event.key for event in made]
        if self.clock is not None:  # as the broker dates them
            for event in made:
                check_ahead(wire.decode(event.to_json()), self.clock()) if event.type not in REFERENCE_TYPES else None
        self.log += made
        if self.fail_after:
            self.fail_after -= 1
            raise KafkaUnavailable("the broker went away")
        return len(pairs)

    async def publish_letters(self, letters):
        if self.letters_lost:
            self.letters_lost -= 1
            raise KafkaUnavailable("the broker went away")
        self.letters += letters

    @property
    def events(self):
        """The log as consumers read it."""
        return [wire.decode(event.to_json()) for event in self.log if event.type not in REFERENCE_TYPES]


def settings(portal: StandIn, folder: Path, **changes) -> Bitrix24Settings:
    mapping = folder / "mapping.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    mapping.write_text(MAPPING + changes.pop("mapping", ""))
    values = {
        "bitrix24_webhook_url": portal.url, "bitrix24_application_token": TOKEN, "bitrix24_client_key": KEY,
        "bitrix24_mapping": mapping, "bitrix24_spool": folder / "spool", "bitrix24_requests_per_second": 5000,
        "bitrix24_burst": 5000, "bitrix24_coalesce_seconds": 0,
    }  # fmt: skip
    return Bitrix24Settings(_env_file=None, **values | changes)


@asynccontextmanager
async def connected(
    portal: StandIn, folder: Path, publisher: PortalPublisher, **changes
) -> AsyncIterator[tuple[Connector, httpx.AsyncClient]]:
    """A connector and a client of its gateway; its background tasks are not started."""
    identities, published = changes.pop("identities", None), changes.pop("published", None)
    changes_of_rest = {"patience": 0.001} | changes.pop("rest", {})
    made = settings(portal, folder, **changes)

    def now() -> float:
        return portal.life.now.timestamp()

    publisher.clock = lambda: now() * 1000
    rest = Portal(made, clock=now, **changes_of_rest)
    async with Connector(
        made, publisher, portal=rest, now=now, identities=identities, published=published
    ) as connector:
        app = create_app(
            None, GatewaySettings(_env_file=None), routers=[connector.router], states={"portal": connector.state}
        )
        transport = httpx.ASGITransport(app, client=("10.1.2.3", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield connector, client
