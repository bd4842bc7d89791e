"""The topology: an agent per topic that is read, two tables, and settings that make Faust hand over batches.

Who owns what is made of a topic stands in one list. Its agent, its opening and its closing are all made from that list,
so a part that nobody opens cannot exist.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol
from zlib import crc32

import faust
from faust.types import TP
from yarl import URL

from streams.runtime.batches import BatchScheduler, BatchSchema, Fetch
from streams.runtime.faust_insides import BatchTableManager, InsideApp
from streams.runtime.owner import Owner
from streams.runtime.tables import OpenShares, StateTable, Tables
from streams.settings import WorkerSettings
from streams.state.records import FoldRecord

_BUFFERED_FETCHES = 4
"""Fetches of one partition that wait for the agent, so this is what bounds memory."""
_FETCH_BYTES = 1 << 20
_POLLED_BATCHES = 2_000
"""Kafka's batches that are taken up at once; one has a single record where senders do not wait for more."""
_DECODED = 100
"""Records that are decoded at a time: what is folded of so many leaves them in the processor's cache."""
_HEARTBEAT_SECONDS = 1.0
"""A worker hears of a change of the group with its next heartbeat, and everybody waits for the last who hears of it."""
_REQUEST_SECONDS = 90.0
"""Faust's own; it has to be longer than a session."""


class TopicOwner(Protocol):
    """Owns what this worker makes of the partitions of one topic, from their assignment to their revocation."""

    @property
    def name(self) -> str:
        """Of the agent, in logs."""

    @property
    def topic(self) -> str:
        """The topic that is read."""

    async def open(self, numbers: Collection[int]) -> Mapping[int, int]:
        """Shut former owners out; the offset at which reading each partition goes on. Raises RevokedError."""

    async def fold(self, number: int, parts: Iterable[Sequence[FoldRecord]], end: int) -> None:
        """Use what was read of one partition, perhaps nothing: these are all committed records before `end`.

        parts: some records each, none empty; to be gone through once, and each let go of before the next.
        """

    async def close(self, numbers: Iterable[int]) -> None:
        """Make durable what is not, if that is still allowed, and let go."""

    async def close_all(self) -> None:
        """Let go of all that is held."""


class SalesApp(InsideApp):
    """A Faust app that knows who owns the state (`owner`), and who owns what of each topic (`owners`, with it)."""

    owner: Owner
    owners: tuple[TopicOwner, ...]
    on_failure: Callable[[BaseException], None]


def build(
    settings: WorkerSettings,
    owner: Owner,
    others: Sequence[TopicOwner],
    on_failure: Callable[[BaseException], None],
    read: Iterable[str] = (),
) -> SalesApp:
    """Make the app. `others`: owners of further topics. `on_failure` is told of what must end the process.

    `read`: the ids of the topics that are read, as far as brokers say them.
    """
    app = SalesApp(settings.app_id, **_options(settings), consumer_group_instance_id=_instance(settings, read))
    app.owner, app.owners, app.on_failure = owner, (owner, *others), on_failure
    owner.tables = Tables(
        cells=_held(app, "cells", settings.cells_topic), clients=_held(app, "clients", settings.clients_topic)
    )
    for one in app.owners:
        _agent(app, one)

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]  # mode asks for a keyword that it does not send
    async def revoked(_sender: Any, partitions: set[TP], **_: Any) -> None:
        """Flush and forget what is taken away: Faust asks for all of it at each change of the group."""
        try:
            for one in app.owners:
                await one.close([tp.partition for tp in partitions if tp.topic == one.topic])
        except Exception as error:  # noqa: BLE001 - it must end the process, not only Faust's rebalance
            on_failure(error)

    return app


def _instance(settings: WorkerSettings, read: Iterable[str]) -> str:
    """What the group knows this worker by, also after it was started again.

    Static, so that a worker that is back within its session has its partitions without a rebalance. Those are the ones
    that were shared out before: where a topic was away then and was recreated, nobody has its partitions. So a worker
    that reads other topics is another member.
    """
    return f"{settings.worker_id}.{crc32(' '.join(read).encode()):08x}"


def _options(settings: WorkerSettings) -> dict[str, Any]:
    """Faust's settings."""
    return {
        "broker": [URL(f"aiokafka://{server.strip()}") for server in settings.kafka_servers.split(",")],
        "broker_credentials": _credentials(settings),
        "broker_client_id": f"sales-pulse-{settings.worker_id}",
        "canonical_url": f"http://{settings.worker_id}",
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(_HEARTBEAT_SECONDS, settings.session_timeout / 3),
        "broker_request_timeout": max(_REQUEST_SECONDS, settings.session_timeout + 10),
        # Fetching, whole batches.
        "ConsumerScheduler": BatchScheduler,
        "consumer_max_fetch_size": _FETCH_BYTES,
        "broker_max_poll_records": _POLLED_BATCHES,
        "stream_buffer_maxsize": _BUFFERED_FETCHES,
        # Where a group is new: recovery seeks behind the fences anyway, and hangs in Faust with any other value.
        "consumer_auto_offset_reset": "earliest",
        # Nothing is acked: flushes commit, and what is buffered when partitions go is read again by their next owner.
        # Waiting for agents has no time-out in Faust, so that a blocked one would block the whole group.
        "broker_commit_interval": 60.0,
        "stream_wait_empty": False,
        # Topics are made by `preflight`, with the settings that they need.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        # State is ours.
        "TableManager": BatchTableManager,
        "Table": StateTable,
        "store": "memory://",
        "datadir": str(settings.data_dir / "faust"),
        "table_standby_replicas": settings.standby_replicas,
        # Its web server would show tables to everybody, and has no login.
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        "autodiscover": False,
    }


def _held(app: SalesApp, name: str, changelog: str) -> OpenShares:
    """A table by that name, to hold what the worker owns of it."""
    topic = app.topic(changelog, internal=False)
    table: Any = app.Table(name, changelog_topic=topic, key_type=bytes, value_type=bytes)
    held: OpenShares = table.data.held
    return held


def _agent(app: SalesApp, owner: TopicOwner) -> None:
    """An agent that takes fetches without acking: a transaction commits the offset with what was made of it."""
    schema = BatchSchema(key_type=bytes, value_type=bytes)

    @app.agent(app.topic(owner.topic, schema=schema, acks=False), name=owner.name)
    async def agent(stream: Any) -> None:
        fetches: AsyncIterator[Fetch] = stream.noack()
        async for fetch in fetches:
            try:
                await owner.fold(fetch.partition, fetch.parts(_DECODED), fetch.end)
            except Exception as error:  # noqa: BLE001 - Faust would ack and lose the batch
                app.on_failure(error)
                return


def _credentials(settings: WorkerSettings) -> Any:
    options = settings.client_options()
    context: ssl.SSLContext | None = options.get("ssl_context")
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=options["sasl_mechanism"],
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
