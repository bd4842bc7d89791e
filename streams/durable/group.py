"""What the broker says of the consumer group: who owns a partition now, and how far the group came.

A frozen worker knows only the past.
"""

from collections.abc import Iterable
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from producers.kafka_requests import assigned
from streams.errors import ChangelogError
from streams.settings import WorkerSettings

log = structlog.get_logger(__name__)

_STABLE = "Stable"


async def owner_of(settings: WorkerSettings, topic: str, partition: int) -> str | None:
    """The id of the member that owns a partition, "" for nobody; None while nobody can tell: ask again.

    Not its client id: two workers may have been given the same name, and the group knows only one of them.
    """
    admin = AIOKafkaAdminClient(**settings.client_options(), client_id=f"sales-pulse-{settings.worker_id}-group")
    try:
        await admin.start()
        (response,) = await admin.describe_consumer_groups([settings.app_id])
        (group,) = response.groups
    except (KafkaError, OSError) as error:
        log.warning("the group cannot be asked", partition=partition, problem=f"{type(error).__name__} {error}")
        return None
    finally:
        await admin.close()
    code, _, state, _, _, members, *_ = group
    if code or state != _STABLE:
        return None
    return _owner(members, topic, partition)


async def committed(settings: WorkerSettings, topic: str, partition: int) -> int | None:
    """The offset at which the group goes on reading a partition, None where it has none. Raises ChangelogError."""
    admin = AIOKafkaAdminClient(**settings.client_options(), client_id=f"sales-pulse-{settings.worker_id}-group")
    asked = TopicPartition(topic, partition)
    try:
        await admin.start()
        found = await admin.list_consumer_group_offsets(settings.app_id, partitions=[asked])
        # What was asked for is missing only from an answer that is an error.
        offset: int = found[asked].offset
    except (KafkaError, OSError, KeyError) as error:
        raise ChangelogError(
            f"the group cannot say how far it read {topic}/{partition}: {type(error).__name__} {error}"
        ) from error
    finally:
        await admin.close()
    return None if offset < 0 else offset


def _owner(members: Iterable[Any], topic: str, partition: int) -> str:
    for member, _, _, _, assignment, *_ in members:
        for name, numbers in assigned(assignment):
            if name == topic and partition in numbers:
                return str(member)
    return ""
