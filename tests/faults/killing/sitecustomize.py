"""On PYTHONPATH of a worker: ends the process between appending forwarded records and committing them, a few times.

TEST_KILLS names a folder in which every such end leaves a file. The first transactions of a process go through. With
TEST_HOLD the transaction is held open for so many seconds instead, so that brokers abort it.
"""

import asyncio
import os
import signal
from pathlib import Path

FOLDER = os.environ.get("TEST_KILLS")
HOLD_SECONDS = float(os.environ.get("TEST_HOLD", "0"))
MOST, EACH = 4, 3
"""Ends in all, and which of a process's transactions with forwarded records it is."""

if FOLDER:
    from aiokafka import AIOKafkaProducer

    commit = AIOKafkaProducer.commit_transaction
    seen = 0

    def is_time(topics: set[str]) -> bool:
        """Whether this is one of its transactions with forwarded records, and it is noted."""
        global seen  # noqa: PLW0603
        seen += any(topic.endswith(".events") for topic in topics)
        done = len(list(Path(FOLDER).iterdir()))
        if seen < EACH or done >= MOST:
            return False
        (Path(FOLDER) / f"{done}-{os.getpid()}").touch()
        return True

    async def commit_or_die(self: AIOKafkaProducer) -> None:
        """As aiokafka commits, unless it is time."""
        if is_time({tp.topic for tp in self._txn_manager._txn_partitions}):
            if HOLD_SECONDS:
                await asyncio.sleep(HOLD_SECONDS)
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        await commit(self)

    AIOKafkaProducer.commit_transaction = commit_or_die
