"""Closing a Kafka producer whose brokers may be gone: by itself aiokafka waits for them for ever."""

import asyncio
from contextlib import suppress
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError


async def stop(producer: AIOKafkaProducer, grace: float) -> None:
    """Close a producer; what it has not sent after `grace` seconds is given up, and after twice that all else is."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stopping], timeout=grace)
    is_given_up = not stopping.done()
    if is_given_up:
        # It waits for batches that it retries for ever, and whose publishers were told of the failure.
        accumulator = producer._message_accumulator  # noqa: SLF001
        batches = [*accumulator._pending_batches, *chain(*accumulator._batches.values())]  # noqa: SLF001
        with suppress(KeyError):
            # A batch that is on its way just now is unknown to the accumulator, which then stops half-way.
            accumulator.fail_all(KafkaTimeoutError())
        for batch in batches:
            # Nobody waits for these any more: heard here, or asyncio complains of them later.
            if batch._drain_waiter.done():  # noqa: SLF001
                batch._drain_waiter.exception()  # noqa: SLF001
        await asyncio.wait([stopping], timeout=grace)
        stopping.cancel()
    result: BaseException | None = (await asyncio.gather(stopping, return_exceptions=True))[0]
    # An error on the way leaves connections open; closing them twice does no harm.
    await producer.client.close()
    if result is not None and not is_given_up:
        raise result
