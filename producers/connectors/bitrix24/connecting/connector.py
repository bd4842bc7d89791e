"""One portal's connector, put together: the route for its hooks and the tasks that run beside it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Self

import structlog
from fastapi import APIRouter

from producers.connectors.bitrix24.connecting.naming import Published, named, settle
from producers.connectors.bitrix24.connecting.router import Inbox, create_router
from producers.connectors.bitrix24.entities.hooks import HookReader
from producers.connectors.bitrix24.entities.parties import Parties
from producers.connectors.bitrix24.errors import PortalClosed, PortalUnavailable
from producers.connectors.bitrix24.meaning.mapping import load_mapping
from producers.connectors.bitrix24.metrics import Metrics
from producers.connectors.bitrix24.portal.rest import Portal
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.store import Spool
from producers.connectors.bitrix24.sync.reconcile import Reconciler
from producers.connectors.bitrix24.sync.surroundings import EventPublisher, Surroundings
from producers.connectors.bitrix24.sync.sync import Synchronizer
from producers.errors import ProducersError
from producers.identities import IdentitySettings, Resolver

log = structlog.get_logger(__name__)
_RETRY_SECONDS = 10.0
_CLOSED, _FAILING, _RIGHTS = "closed", "failing", "rights missing"


class Connector:
    """Made of its settings and a publisher. `background` are tasks that run until they are cancelled.

    published: says which portals the log has; asked once, where the spool does not know what this one is called.
    """

    def __init__(
        self,
        settings: Bitrix24Settings,
        publisher: EventPublisher,
        *,
        portal: Portal | None = None,
        identities: Resolver | None = None,
        published: Published | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.mapping = load_mapping(settings.bitrix24_mapping)
        self.store = Spool(settings.spool)
        self._name, self._published = named(self.store, settings), published
        self.identity = Identity(
            self._name.seed, self._name.name, settings.client_key, IdentitySettings().identity_region
        )
        self.portal = portal or Portal(settings)
        self.metrics = Metrics()
        self.metrics.watch(self.store.waiting)
        self.parties = Parties(self.portal, self.store, self.identity, self.mapping, self.metrics, identities)
        self.parts = Surroundings(
            self.portal,
            self.store,
            publisher,
            self.mapping,
            self.identity,
            self.parties,
            self.metrics,
            settings.currency,
            tuple(name.strip() for name in settings.ready_stages.split(",") if name.strip()),
            now,
        )
        self.synchronizer = Synchronizer(self.parts)
        self.reconciler = Reconciler(self.parts, self.synchronizer)
        self._wake = asyncio.Event()
        self._states: dict[str, str] = {}
        """What was tried → how it went the last time."""
        self._inbox = Inbox(self.store, self._wake, now)

    @property
    def router(self) -> APIRouter:
        """The route of the webhook."""
        return create_router(
            HookReader(self.settings, self.parties, self.store, self.synchronizer.processes), self._inbox, self.metrics
        )

    @property
    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """What runs beside the route."""
        return [self.drain, self.poll, self.reconcile]

    async def drain(self) -> None:
        """Fetch what hooks told of, soon after they told it; again later when portal or Kafka are away."""
        while True:
            self._wake.clear()
            pause = await self._try("drain", self._drain)
            if not self._wake.is_set():
                try:
                    async with asyncio.timeout(_RETRY_SECONDS if pause else 60.0):
                        await self._wake.wait()
                except TimeoutError:
                    continue
            await asyncio.sleep(max(pause, self.settings.bitrix24_coalesce_seconds))

    async def _drain(self) -> None:
        while await self.synchronizer.drain():
            pass

    async def poll(self) -> None:
        """Look at open-line chats again and again, and when a hook tells of one: nobody tells of messages."""
        while True:
            self.synchronizer.contacts.told_of_chats.clear()
            pause = await self._try("chats", self.reconciler.chats)
            await asyncio.sleep(max(pause, self.settings.bitrix24_coalesce_seconds))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.bitrix24_poll_seconds):
                    await self.synchronizer.contacts.told_of_chats.wait()

    async def reconcile(self) -> None:
        """Repair what hooks missed, every few minutes."""
        while True:
            await self._try("reconcile", self.reconciler.run)
            await asyncio.sleep(self.settings.bitrix24_reconcile_seconds)

    async def _try(self, task: str, run: Callable[[], Awaitable[None]]) -> float:
        """Seconds to pause after a failure; 0.0 after success."""
        try:
            await run()
        except ProducersError as error:
            log.warning("will be tried again", task=task, why=str(error))
            if isinstance(error, PortalUnavailable) and error.method:
                # A method has used its time: that is no failure, and over within minutes.
                return _RETRY_SECONDS
            self._states[task] = _CLOSED if isinstance(error, PortalClosed) else _FAILING
        except Exception:
            # A fault of ours must not end the connector: hooks would be lost with nobody to see it.
            self._states[task] = _FAILING
            log.exception("the connector failed and goes on", task=task)
        else:
            self._states[task] = "ok"
            return 0.0
        self.metrics.failures.labels(task).inc()
        return _RETRY_SECONDS

    def state(self) -> str:
        """How it goes with the portal, in a word: the worst of what was tried last.

        `closed`: it lets the webhook in no more; `failing`: it does not answer, or something else goes wrong;
        `rights missing`: some of it may not be read; `ok`; `starting`: nothing was tried yet.
        """
        found = set(self._states.values()) | ({_RIGHTS} if self.reconciler.refused else set())
        return next((word for word in (_CLOSED, _FAILING, _RIGHTS, "ok") if word in found), "starting")

    @property
    def published(self) -> int:
        """How many events went out."""
        return self.synchronizer.published

    async def aclose(self) -> None:
        """Close connections and the store."""
        await self.portal.aclose()
        self.store.close()

    async def __aenter__(self) -> Self:
        try:
            await settle(self._name, self.store, self.settings, self._published or _nowhere)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _nowhere() -> set[str]:
    return set()
