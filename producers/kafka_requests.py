"""Requests to brokers that aiokafka's public calls do not make, or only in a version that says less.

`tests/unit/test_kafka_requests.py` encodes and decodes each, so that an upgrade of aiokafka fails by its name.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import ClassVar, NamedTuple
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

_UNCOMMITTED, _COMMITTED = 0, 1
_LATEST = -1
_NONE = bytes(16)
_UNKNOWN_SIZE = -1
_ALLOW, _EVERYWHERE = 3, "*"
_SCRAM_SHA_512, _ITERATIONS = 2, 8192
RESOURCES = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
PATTERNS = {"literal": 3, "prefixed": 4}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
"""What rights are made of, by Kafka's names."""


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


async def described(client: AIOKafkaClient, topic: str) -> tuple[int, str]:
    """How many partitions a topic has, and its id: aiokafka asks in a version that has no ids yet. Raises KafkaError.

    No partitions and "" where brokers are too old (before 2.8) to say it.
    """
    try:
        response = await client.send(client.get_random_node(), _TopicRequest(topic))
    except NotImplementedError:
        return 0, ""
    code, _, found, _, partitions, *_ = response.topics[0]
    if code:
        error: type[KafkaError] = for_code(code)
        raise error(topic)
    return len(partitions), "" if found == _NONE else str(UUID(bytes=found))


async def ping(client: AIOKafkaClient, node: int) -> None:
    """Have a broker say anything. Raises KafkaError, OSError, TimeoutError."""
    await client.send(node, MetadataRequest([]))


async def ends(
    client: AIOKafkaClient, leader: int, topic: str, numbers: Iterable[int], *, is_committed: bool
) -> list[tuple[int, int, int]]:
    """Where partitions end, asked of their leader once: number, error code, offset of each. Raises KafkaError.

    is_committed: as readers of committed records see it.
    """
    isolation = _COMMITTED if is_committed else _UNCOMMITTED
    request = OffsetRequest(-1, isolation, [(topic, [(number, _LATEST) for number in numbers])])
    response = await client.send(leader, request)
    return [(number, code, offset) for _, answers in response.topics for number, code, _, offset in answers]


def assigned(assignment: bytes) -> list[tuple[str, list[int]]]:
    """Topics and partitions in the assignment of a member of a consumer group."""
    return list(ConsumerProtocolMemberAssignment.decode(assignment).assignment)


class _DirsResponse(Response):  # type: ignore[misc]
    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("results", CompactArray(
            ("error_code", Int16),
            ("log_dir", _Text),
            ("topics", CompactArray(
                ("name", _Text),
                ("partitions", CompactArray(
                    ("partition", Int32), ("size", Int64), ("offset_lag", Int64), ("is_future", Boolean),
                    ("tags", TaggedFields),
                )),
                ("tags", TaggedFields),
            )),
            ("total", Int64),
            ("usable", Int64),
            ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class _DirsRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 35
    API_VERSION = 4
    FLEXIBLE_VERSION: ClassVar[bool] = True
    RESPONSE_TYPE = _DirsResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic", _Text), ("partitions", CompactArray(Int32)), ("tags", TaggedFields))),
        ("tags", TaggedFields),
    )


class _Ask(Request[_DirsRequest]):  # type: ignore[misc]
    API_KEY = 35

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_DirsRequest]) -> _DirsRequest:
        return request_struct_class([(self._topic, [0], {})], {})


class Disk(NamedTuple):
    """One folder of a broker: bytes of its disk, and of these what is free."""

    broker: int
    folder: str
    total: int
    free: int


async def disks(client: AIOKafkaClient, topic: str) -> list[Disk]:
    """Of every broker; nothing of those that are too old or do not let us ask (Describe on the cluster).

    Raises KafkaError, OSError, TimeoutError.
    """
    found = []
    for broker in client.cluster.brokers():
        try:
            answer = await client.send(broker.nodeId, _Ask(topic))
        except NotImplementedError:
            continue
        if answer.error_code:
            continue
        found += [
            Disk(broker.nodeId, folder, total, usable)
            for error, folder, _, total, usable, *_ in answer.results
            if not error and total != _UNKNOWN_SIZE
        ]
    return found


async def allow(client: AIOKafkaClient, user: str, operation: str, resource: str, name: str, pattern: str) -> None:
    """Let a user do one thing; again is no fault. Raises KafkaError, NotImplementedError."""
    request = CreateAclsRequest(
        RESOURCES[resource], name, PATTERNS[pattern], f"User:{user}", _EVERYWHERE, OPERATIONS[operation], _ALLOW
    )
    answer = await client.send(client.get_random_node(), request)
    for code, message in answer.creation_responses:
        _raise(code, message)


class _PasswordsResponse(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("results", CompactArray(
            ("user", _Text), ("error_code", Int16), ("error_message", _Text), ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class _PasswordsRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION: ClassVar[bool] = True
    RESPONSE_TYPE = _PasswordsResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", _Text), ("mechanism", Int8), ("tags", TaggedFields))),
        ("upsertions", CompactArray(
            ("name", _Text), ("mechanism", Int8), ("iterations", Int32), ("salt", CompactBytes),
            ("salted_password", CompactBytes), ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class _Passwords(Request[_PasswordsRequest]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = dict(passwords)

    def build(self, request_struct_class: type[_PasswordsRequest]) -> _PasswordsRequest:
        rows: list[tuple[str, int, int, bytes, bytes, dict[int, bytes]]] = []
        for user, password in self._passwords.items():
            salt = secrets.token_bytes(24)
            stretched = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
            rows.append((user, _SCRAM_SHA_512, _ITERATIONS, salt, stretched, {}))
        return request_struct_class([], rows, {})


async def set_passwords(client: AIOKafkaClient, passwords: Mapping[str, str]) -> None:
    """Make users, or change their passwords, for SCRAM-SHA-512. Raises KafkaError, NotImplementedError."""
    answer = await client.send(client.get_random_node(), _Passwords(passwords))
    for user, code, message, *_ in answer.results:
        _raise(code, f"{user}: {message}")


def _raise(code: int, message: str | None) -> None:
    if code:
        error: type[KafkaError] = for_code(code)
        raise error(message or "")
