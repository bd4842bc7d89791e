"""Requests that aiokafka does not make by itself: encoded as brokers want them, decoded as they answer."""

import hashlib
from types import SimpleNamespace
from uuid import UUID

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import ClusterAuthorizationFailedError, UnknownTopicOrPartitionError
from aiokafka.protocol.offset import OffsetRequest

from producers import kafka_requests
from producers.kafka_requests import Disk, allow, assigned, described, disks, ends, set_passwords

ID = UUID("00112233-4455-6677-8899-aabbccddeeff")


class Client:
    """Takes a request apart as far as bytes, and answers with bytes that are put together again."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[int, object]] = []

    def get_random_node(self) -> int:
        return 7

    async def send(self, node: int, request: object) -> object:
        self.asked.append((node, request))
        return self.answer


def metadata(code: int, found: bytes) -> object:
    """An answer, once through bytes."""
    partition = (0, 0, 1, 5, [1], [1], [], {})
    topics = [(code, "sales.events", found, False, [partition, partition], 0, {})]
    response = kafka_requests._MetadataResponse(0, [(1, "host", 9092, None, {})], "cluster", 1, topics, 0, {})
    return kafka_requests._MetadataResponse.decode(response.encode())


async def test_a_topic_has_its_id() -> None:
    """Two partitions, and the id as text."""
    client = Client(metadata(0, ID.bytes))
    assert await described(client, "sales.events") == (2, str(ID))
    ((node, request),) = client.asked
    struct = request.build(kafka_requests._MetadataRequest)
    assert node == 7
    # The topic by its name, of which the id is not known; nothing is created; no rights are asked for.
    assert struct.encode() == b"\x02" + bytes(16) + b"\x0dsales.events\x00" + b"\x00\x00\x00\x00"


async def test_a_topic_without_an_id() -> None:
    """Brokers that know none say sixteen zeros."""
    assert await described(Client(metadata(0, bytes(16))), "sales.events") == (2, "")


async def test_no_such_topic() -> None:
    """Is Kafka's own error."""
    with pytest.raises(UnknownTopicOrPartitionError):
        await described(Client(metadata(3, bytes(16))), "sales.events")


@pytest.mark.parametrize(("is_committed", "isolation"), [(False, 0), (True, 1)])
async def test_ends_are_asked_by_isolation(is_committed: bool, isolation: int) -> None:
    """Of several partitions at once, of the leader that is named."""

    class OffsetsAnswer:
        topics = (("t", [(0, 0, -1, 12), (1, 6, -1, -1)]),)

    client = Client(OffsetsAnswer())
    assert await ends(client, 3, "t", [0, 1], is_committed=is_committed) == [(0, 0, 12), (1, 6, -1)]
    ((node, request),) = client.asked
    assert (node, type(request)) == (3, OffsetRequest)
    struct = request.prepare({2: (0, 5)})
    assert struct.isolation_level == isolation
    assert [(topic, [tuple(one[:1]) for one in asked]) for topic, asked in struct.topics] == [("t", [(0,), (1,)])]


def test_what_a_member_is_assigned() -> None:
    """As the assignor wrote it."""
    written = ConsumerProtocolMemberAssignment(0, [("t", [0, 2]), ("u", [1])], b"").encode()
    assert assigned(written) == [("t", [0, 2]), ("u", [1])]


async def test_disks_of_brokers() -> None:
    """What is known and told; a folder in trouble, an unknown size and a refusal are left out."""

    def answer(code: int) -> object:
        topics = [("sales.events", [(0, 10, 0, False, {})], {})]
        folders = [(0, "/a", topics, 100, 40, {}), (56, "/b", [], 100, 40, {}), (0, "/c", topics, -1, -1, {})]
        made = kafka_requests._DirsResponse(0, code, folders, {})
        return kafka_requests._DirsResponse.decode(made.encode())

    for code, wanted in ((0, [Disk(3, "/a", 100, 40)]), (31, [])):
        client = Client(answer(code))
        client.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=3)])
        assert await disks(client, "sales.events") == wanted
        ((node, request),) = client.asked
        assert node == 3
        assert (
            request.build(kafka_requests._DirsRequest).encode() == b"\x02\x0dsales.events\x02" + bytes(4) + b"\x00\x00"
        )


async def test_a_right_is_given() -> None:
    """By Kafka's numbers; a refusal is Kafka's own error, with what it said."""
    client = Client(SimpleNamespace(creation_responses=[(0, None)]))
    await allow(client, "sales-worker", "Read", "Group", "sales-pulse", "literal")
    ((_, request),) = client.asked
    assert request.prepare({30: (0, 1)}).creations == [(3, "sales-pulse", 3, "User:sales-worker", "*", 3, 3)]
    with pytest.raises(ClusterAuthorizationFailedError, match="not you"):
        await allow(
            Client(SimpleNamespace(creation_responses=[(31, "not you")])), "a", "Read", "Topic", "t", "prefixed"
        )


async def test_a_password_is_salted_and_stretched() -> None:
    """The broker never gets it, and could not tell it."""

    def answer(code: int) -> object:
        made = kafka_requests._PasswordsResponse(0, [("sales-worker", code, "no", {})], {})
        return kafka_requests._PasswordsResponse.decode(made.encode())

    client = Client(answer(0))
    await set_passwords(client, {"sales-worker": "long-and-random"})
    ((_, request),) = client.asked
    struct = request.build(kafka_requests._PasswordsRequest)
    ((user, mechanism, iterations, salt, stretched, _),) = struct.upsertions
    assert (user, mechanism) == ("sales-worker", 2)
    assert stretched == hashlib.pbkdf2_hmac("sha512", b"long-and-random", salt, iterations)
    assert b"long-and-random" not in struct.encode()
    with pytest.raises(ClusterAuthorizationFailedError, match="sales-worker: no"):
        await set_passwords(Client(answer(31)), {"sales-worker": "long-and-random"})
