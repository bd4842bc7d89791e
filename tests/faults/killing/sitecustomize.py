"""On PYTHONPATH of a worker: ends the process between appending forwarded records and committing them, a few times.

TEST_KILLS names a folder in which every such end leaves a file. The first transactions of a process go through.
"""

import os
import signal
from pathlib import Path

FOLDER = os.environ.get("TEST_KILLS")
MOST, EACH = 4, 3
"""Ends in all, and which of a process's transactions with forwarded records it is."""

if FOLDER:
    from aiokafka import AIOKafkaProducer

    commit = AIOKafkaProducer.commit_transaction
    seen = 0

    def die_if_it_is_time(topics: set[str]) -> None:
        """End the process at one of its transactions with forwarded records."""
        global seen  # noqa: PLW0603
        seen += any(topic.endswith(".events") for topic in topics)
        done = len(list(Path(FOLDER).iterdir()))
        if seen >= EACH and done < MOST:
            (Path(FOLDER) / f"{done}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    async def commit_or_die(self: AIOKafkaProducer) -> None:
        """As aiokafka commits, unless it is time."""
        die_if_it_is_time({tp.topic for tp in self._txn_manager._txn_partitions})
        await commit(self)

    AIOKafkaProducer.commit_transaction = commit_or_die
