"""Where the log ends, as its leaders say it, and what a process that is busy makes of their answers."""

import asyncio
import time
from typing import Any

from producers.log_ends import EndOffsets, LogEnds
from producers.settings import KafkaSettings


class _LateLoop(LogEnds):
    """Asks a leader that answers at once, in a process that has no processor for three seconds."""

    async def client(self) -> Any:
        """One whose partitions all have a leader."""
        return self

    cluster = property(lambda self: self)

    def leader_for_partition(self, _: object) -> int:
        return 1

    async def _offsets(self, _client: Any, _leader: int, numbers: list[int], *, is_committed: bool) -> dict[int, int]:
        answer: asyncio.Future[dict[int, int]] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, answer.set_result, dict.fromkeys(numbers, 7 + is_committed))
        time.sleep(0.0 if is_committed else 3.0)  # noqa: ASYNC251 - the loop is busy
        return await answer


async def test_a_loop_that_was_busy_blames_no_broker() -> None:
    """It finds the answer and the end of its patience at the same moment: Kafka has answered."""
    asking = _LateLoop(KafkaSettings(_env_file=None), "t", "test")
    assert await asking.ask([0, 1]) == dict.fromkeys((0, 1), EndOffsets(8, 7))
