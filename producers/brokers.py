"""Waiting for brokers: they answer first, and have done what was asked for a moment later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

ANSWER = TypeVar("ANSWER")


async def until(
    ask: Callable[[], Awaitable[ANSWER]], is_good: Callable[[ANSWER], bool], *, seconds: float, pause: float = 0.1
) -> ANSWER:
    """Ask, every `pause` seconds, until an answer is good or `seconds` are over; the last answer, good or not.

    What `ask` raises ends it.
    """
    asking = AsyncRetrying(
        retry=retry_if_result(lambda answer: not is_good(answer)),
        wait=wait_fixed(pause),
        stop=stop_after_delay(seconds),
        # What the last answer means is the caller's to say; tenacity would raise an error of its own.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )

    async def asked() -> ANSWER:
        # tenacity awaits coroutine functions only; a lambda that gives an awaitable is none.
        return await ask()

    answer: ANSWER = await asking(asked)
    return answer


async def whole_topic(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Have a consumer without a group read all of a topic that exists; its partitions."""
    consumer.subscribe([topic])
    # Without a group it assigns them to itself as soon as it knows them, and tells nobody.
    while not (partitions := sorted(consumer.assignment())):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return partitions
