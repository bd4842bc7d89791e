"""How full the disks are on which brokers keep the events, as the brokers say it (Kafka 3.3 and later).

aiokafka knows the request not at all, so it is spelled here.
"""

from typing import Any, ClassVar, NamedTuple

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

_Text = CompactString("utf-8")
_OLD_BROKER = -1
"""What stands for a size that a broker does not know."""


class _DirsResponse(Response):  # type: ignore[misc]  # aiokafka has no types here
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


async def disks(client: Any, topic: str) -> list[Disk]:
    """Of every broker; nothing of those that are too old or do not let us ask (Describe on the cluster).

    client: the inner client of any of aiokafka's. Raises KafkaError, OSError, TimeoutError.
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
            if not error and total != _OLD_BROKER
        ]
    return found
