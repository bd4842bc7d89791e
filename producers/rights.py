"""Kafka's users, one per process, with no more rights than it needs: made, and given their passwords.

The page for people is deploy/docs/security.md; a test compares the two.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

from producers.errors import RightsError
from producers.kafka_requests import allow, set_passwords
from producers.settings import KafkaSettings


class Right(NamedTuple):
    """What one user may do with one kind of things; `operations` as Kafka names them, comma separated."""

    user: str
    resource: str
    name: str
    pattern: str
    operations: str


def rights(topics: str = "sales", app: str = "sales-pulse") -> tuple[Right, ...]:
    """Return all rights, for a topic prefix and an application id."""
    read, write, both = "Read, Describe", "Write, Describe", "Read, Write, Describe"
    settings = "DescribeConfigs"
    events, reference, identities, letters = (
        f"{topics}.{name}" for name in ("events", "reference", "identities", "dead-letters")
    )
    return (
        Right("sales-topics", "Topic", f"{topics}.", "prefixed", f"Create, Describe, {settings}"),
        Right("sales-worker", "Topic", events, "literal", f"{both}, {settings}"),
        Right("sales-worker", "Topic", reference, "literal", f"{read}, {settings}"),
        Right("sales-worker", "Topic", letters, "literal", f"{both}, {settings}"),
        Right("sales-worker", "Topic", f"{app}-", "prefixed", f"Create, {both}, {settings}"),
        Right("sales-worker", "Cluster", "kafka-cluster", "literal", "Describe"),
        Right("sales-worker", "Group", app, "literal", read),
        Right("sales-worker", "TransactionalId", f"{app}-", "prefixed", write),
        Right("sales-gateway", "Topic", events, "literal", write),
        Right("sales-gateway", "Topic", reference, "literal", write),
        Right("sales-gateway", "Topic", identities, "literal", both),
        Right("sales-gateway", "Topic", letters, "literal", write),
        Right("sales-ledger", "Topic", events, "literal", read),
        Right("sales-ledger", "Topic", reference, "literal", read),
        Right("sales-ledger", "Topic", letters, "literal", read),
        Right("sales-ledger", "Group", app, "literal", "Describe"),
        Right("sales-operator", "Topic", f"{topics}.", "prefixed", f"Create, Describe, {settings}"),
        Right("sales-operator", "Topic", events, "literal", both),
        Right("sales-operator", "Topic", reference, "literal", both),
        Right("sales-operator", "Topic", identities, "literal", both),
        Right("sales-operator", "Topic", letters, "literal", both),
        Right("sales-operator", "Group", app, "literal", "Describe"),
        Right("sales-operator", "TransactionalId", f"{letters}-closing", "literal", write),
        Right("sales-operator", "TransactionalId", f"{events}-restoring", "literal", write),
        Right("sales-backup", "Topic", events, "literal", read),
        Right("sales-backup", "Topic", reference, "literal", read),
        Right("sales-backup", "Topic", identities, "literal", read),
        Right("sales-backup", "Group", app, "literal", "Describe"),
    )


def users() -> tuple[str, ...]:
    """Return the names of all users, in the order of the table."""
    return tuple(dict.fromkeys(right.user for right in rights()))


async def grant(settings: KafkaSettings, wanted: tuple[Right, ...], passwords: Mapping[str, str]) -> None:
    """Give rights, and passwords (by user) for SCRAM-SHA-512; what is there already stays. Nothing is taken away.

    `settings` are those of somebody who may do so. Raises `RightsError` when Kafka cannot be reached or refuses.
    """
    try:
        client = AIOKafkaClient(**settings.client_options())
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        raise RightsError(f"Kafka at {settings.kafka_servers} cannot be reached: {error}") from error
    try:
        if passwords:
            await set_passwords(client, passwords)
        await asyncio.gather(*(_allow(client, right) for right in wanted))
    except NotImplementedError as error:
        raise RightsError(f"Kafka at {settings.kafka_servers} is older than 2.7: {error}") from error
    except KafkaError as error:
        raise RightsError(f"Kafka at {settings.kafka_servers} refuses: {type(error).__name__} {error}") from error
    finally:
        await client.close()


async def _allow(client: AIOKafkaClient, right: Right) -> None:
    for operation in right.operations.split(", "):
        await allow(client, right.user, operation, right.resource, right.name, right.pattern)
