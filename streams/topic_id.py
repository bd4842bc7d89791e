"""The id of a topic, which tells a topic from one that was made anew by the same name: its offsets begin at 0 again.

aiokafka asks for metadata in a version that has no ids yet, so the newer request is spelled here.
"""

from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from streams.errors import WorkerError

_NONE = bytes(16)


class _Uuid:
    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value


_Text = CompactString("utf-8")


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka has no types here
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(
            ("node_id", Int32), ("host", _Text), ("port", Int32), ("rack", _Text), ("tags", TaggedFields),
        )),
        ("cluster_id", _Text),
        ("controller_id", Int32),
        ("topics", CompactArray(
            ("error_code", Int16),
            ("name", _Text),
            ("topic_id", _Uuid),
            ("is_internal", Boolean),
            ("partitions", CompactArray(
                ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)), ("offline", CompactArray(Int32)),
                ("tags", TaggedFields),
            )),
            ("authorized_operations", Int32),
            ("tags", TaggedFields),
        )),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )  # fmt: skip


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION: ClassVar[bool] = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _Text), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicRequest(Request[_MetadataRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class([(_NONE, self._topic, {})], False, False, False, {})


class Source(NamedTuple):
    """The events' topic as it is now. Ids are "" when brokers are too old (before 2.8) to have them.

    `changelogs`: name → id of the topics that its state is kept in.
    """

    partitions: int
    id: str = ""
    changelogs: Mapping[str, str] = MappingProxyType({})


async def topic_id(client: Any, topic: str) -> str:
    """The id of a topic, by the inner client of any of aiokafka's. Raises KafkaError."""
    return (await source(client, topic)).id


async def source(client: Any, topic: str) -> Source:
    """Partitions and id of a topic as it is now; no partitions where brokers are too old to say the id."""
    try:
        response = await client.send(client.get_random_node(), _TopicRequest(topic))
    except NotImplementedError:
        return Source(0)
    code, _, found, _, partitions, *_ = response.topics[0]
    if code:
        error: type[KafkaError] = for_code(code)
        raise error(topic)
    return Source(len(partitions), "" if found == _NONE else str(UUID(bytes=found)))


def differ(before: str, now: str) -> bool:
    """Whether two ids, each perhaps unknown, are of two topics."""
    return bool(before and now) and before != now


def made_anew(topic: str, how: str) -> WorkerError:
    """What to say when a topic is not the one whose events were folded. `how`: by what it is known."""
    return WorkerError(
        f"{topic} was deleted and made anew ({how}): its offsets began at 0 again, so what was counted cannot be "
        "continued; choose a new SALES_APP_ID so that everything is counted again"
    )


def other_id(before: str, now: str) -> str:
    """How a topic made anew is known while its offsets would fit."""
    return f"its id was {before} and is {now}"
