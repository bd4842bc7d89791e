"""Some records as one transaction: all of them are there, or none is, whenever the process is killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from producers.kafka_insides import transaction_end

SHUT_OUT = (ProducerFenced, InvalidProducerEpoch)
"""What the broker answers once a producer with the same transactional id has started."""


@asynccontextmanager
async def transaction(producer: AIOKafkaProducer) -> AsyncIterator[list[asyncio.Future[Any]]]:
    """Commit when all that was put into the list has arrived. Raises KafkaError, `SHUT_OUT` among them."""
    await producer.begin_transaction()
    sending: list[asyncio.Future[Any]] = []
    try:
        yield sending
        # aiokafka would commit a transaction whose records failed: only their own futures tell.
        await asyncio.gather(*sending)
        await producer.commit_transaction()
    except BaseException as error:
        # The reason is told once: asyncio would complain of every future that nobody has asked.
        for one in (*sending, transaction_end(producer)):
            one.add_done_callback(lambda future: future.cancelled() or future.exception())
        if not isinstance(error, SHUT_OUT):
            # Once it was shut out, aiokafka takes an abort for a programming error.
            with suppress(KafkaError, AssertionError):
                await producer.abort_transaction()
        raise
