"""A log whose Kafka is new."""

from types import SimpleNamespace

from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.plain.kafka import KafkaLog


class NewAdmin:
    """Has no coordinator of groups when it is first asked."""

    def __init__(self):
        self.asked = 0

    async def list_consumer_group_offsets(self, group):
        self.asked += 1
        if self.asked == 1:
            raise GroupCoordinatorNotAvailableError(f"Unable to get coordinator id for {group}")
        return {TopicPartition("sales.events", 0): SimpleNamespace(offset=7)}


async def test_a_kafka_without_groups_is_asked_again():
    """The audit of an empty floor ended with an error of the broker."""
    log = KafkaLog(None, None, NewAdmin())
    assert await log.committed("sales-pulse") == {("sales.events", 0): 7}
