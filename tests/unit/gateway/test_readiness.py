"""Readiness follows Kafka, not requests: it goes when nobody answers and comes back by itself."""

import pytest
from aiokafka.errors import KafkaConnectionError

from producers.gateway.readiness import Readiness
from tests.support.clock import ManualClock


class InMemoryKafka:
    """Answers for the partitions whose leader is there; `error` is raised instead."""

    def __init__(self):
        self.there, self.led, self.error = {0, 1, 2}, {0, 1, 2}, None
        self.up = {1: True, 2: True, 3: True}

    async def partitions(self):
        if self.error:
            raise self.error
        return self.there

    async def ask(self, partitions):
        return {number: ... for number in partitions if number in self.led}

    async def brokers(self):
        return dict(self.up)


@pytest.fixture
def setup():
    clock, kafka = ManualClock(100.0), InMemoryKafka()
    readiness = Readiness(kafka, "sales.events", clock)

    async def after(seconds):
        for _ in range(seconds):
            clock.now += 1
            await readiness.ask()
        return readiness.problem

    return kafka, readiness, after


@pytest.mark.parametrize("error", [KafkaConnectionError(), OSError(), TimeoutError()])
async def test_kafka_goes_and_comes_back(setup, error):
    """Not ready within ten seconds, whatever the client raises; ready with the first answer."""
    kafka, _, after = setup
    assert await after(30) == ""
    kafka.error = error
    assert await after(5) == ""
    assert await after(4) == "Kafka has not answered for 9 s"
    assert await after(60) == "Kafka has not answered for 69 s"
    kafka.error = None
    assert await after(1) == ""


async def test_one_leader_is_silent(setup):
    """A partition without a leader that answers takes no events, though others do."""
    kafka, _, after = setup
    await after(5)
    kafka.led = {0, 2}
    assert await after(9) == "the leader of partitions [1] has not answered for 9 s"
    kafka.led = set()
    assert await after(9) == "Kafka has not answered for 18 s"
    kafka.led = {0, 1, 2}
    assert await after(1) == ""


async def test_a_leader_of_all_that_is_cut_off(setup):
    """It answers, and can acknowledge nothing; one broker away of three is no matter, nor one that never comes back."""
    kafka, _, after = setup
    await after(5)
    kafka.up = {1: True, 2: False, 3: True}
    assert await after(20) == ""
    kafka.up = {1: True, 2: False, 3: False}
    assert await after(5) == ""
    assert await after(4) == "2 of 3 brokers [2, 3] have not answered for 9 s"
    kafka.up = {1: True, 3: True}
    assert await after(1) == ""
    kafka.up = {3: True}
    assert await after(60) == ""


async def test_the_topic_is_not_there(setup):
    """Kafka answers, but there is nothing to send to."""
    kafka, _, after = setup
    kafka.there = set()
    assert await after(5) == ""
    assert "no topic sales.events" in await after(5)
    kafka.there = {0}
    assert await after(1) == ""


async def test_refused_events(setup):
    """What Kafka refused counts for a few seconds, and no longer than until it takes events."""
    _, readiness, after = setup
    readiness.refused("the topic is full")
    assert readiness.problem == "the topic is full"
    readiness.taken()
    assert readiness.problem == ""
    readiness.refused("the topic is full")
    assert await after(2) == "the topic is full"
    assert await after(2) == ""
