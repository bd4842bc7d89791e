"""Closing a Kafka producer whose brokers may be gone: by itself aiokafka waits for them for ever."""

import asyncio

from aiokafka import AIOKafkaProducer

from producers.kafka_insides import give_up


async def stop(producer: AIOKafkaProducer, grace: float) -> None:
    """Close a producer; what it has not sent after `grace` seconds is given up, and after twice that all else is."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stopping], timeout=grace)
    is_given_up = not stopping.done()
    if is_given_up:
        # It waits for batches that it retries for ever, and whose publishers were told of the failure.
        give_up(producer)
        await asyncio.wait([stopping], timeout=grace)
        stopping.cancel()
    result: BaseException | None = (await asyncio.gather(stopping, return_exceptions=True))[0]
    # An error on the way leaves connections open; closing them twice does no harm.
    await producer.client.close()
    if result is not None and not is_given_up:
        raise result
