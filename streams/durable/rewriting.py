"""A changelog that writes a failed transaction again, in a new one, as long as nobody else has written.

Opening a changelog again aborts the transaction that failed and shuts everybody else out, so afterwards the broker
can tell for good what became of it. Two things are asked for, in this order:

1. the group: whoever it gave the partition to meanwhile is not to be shut out;
2. after opening, the changelog itself: committed records behind the last known position are another owner's, or our
   own whose commit was answered by nobody. Then what is in memory is not what continues it, and the worker ends.

The second alone makes it exact. The first keeps a worker that was frozen from stopping the one that replaced it.

A broker also aborts what takes too long, as by slow disks or a frozen process: the same two questions tell that from
another owner. What is written again after that gets twice the time, or a large flush would never get through.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from streams.durable.changelog import LONGEST_TRANSACTION_SECONDS, TRANSACTION_SECONDS, Changelog, Commit, Pair
from streams.durable.restore import RestoreProgress, StateRestorer
from streams.errors import ChangelogError, Fenced, OwnershipLost, WorkerError

log = structlog.get_logger(__name__)

_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 5.0


class RewritingChangelog:
    """Writes through changelogs that `make` makes, a new one after each failure, given how long a transaction may take.

    `is_ours`: whether the group says that this worker owns the partition; None while nobody can tell.
    `wait`: how long between two tries, for whoever tries something else of it again, too.
    """

    def __init__(
        self,
        partition: int,
        make: Callable[[float], Changelog],
        restorer: StateRestorer,
        is_ours: Callable[[], Awaitable[bool | None]],
        *,
        wait: float = _FIRST_SECONDS,
    ) -> None:
        self._partition = partition
        self._make = make
        self._restorer = restorer
        self._is_ours = is_ours
        self.wait = wait_random_exponential(multiplier=wait, max=_LONGEST_SECONDS)
        self._positions: dict[str, int] = {}
        self._seconds = TRANSACTION_SECONDS
        self._inner = make(self._seconds)

    async def open(self) -> None:
        """Shut the former owner out."""
        await self._inner.open()

    def known(self, positions: Mapping[str, int]) -> None:
        """Remember how far the owner has read. Until that is known a failure is final."""
        self._positions = dict(positions)

    async def write(self, commit: Commit) -> Mapping[str, int]:
        """Write, as often as it takes. Raises OwnershipLost, and WorkerError for what will not pass."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(self._may_be_written_again), wait=self.wait, before_sleep=self._say, reraise=True
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    await self._reopen()
                try:
                    positions = await self._inner.write(commit)
                except Fenced:
                    self._seconds = min(2 * self._seconds, LONGEST_TRANSACTION_SECONDS)
                    raise
        self._positions.update(positions)
        # Of both topics, though this commit may have written to one only: a store on disk goes on from there.
        return dict(self._positions)

    async def close(self) -> None:
        """Let go."""
        await self._inner.close()

    def _may_be_written_again(self, error: BaseException) -> bool:
        return bool(self._positions) and isinstance(error, ChangelogError)

    def _say(self, state: RetryCallState) -> None:
        log.warning(
            "writing again what could not be made durable",
            partition=self._partition,
            failed=state.attempt_number,
            problem=str(state.outcome.exception()) if state.outcome else "",
        )

    async def reopen(self) -> None:
        """Open it again if that shuts nobody out who has the partition now. Raises as `open`, and OwnershipLost."""
        await self._inner.close()
        is_ours = await self._is_ours()
        if is_ours is None:
            raise ChangelogError("the group cannot say now whose the partition is")
        if not is_ours:
            raise OwnershipLost(self._partition)
        self._inner = self._make(self._seconds)
        await self._inner.open()

    async def _reopen(self) -> None:
        await self.reopen()
        if await self._is_continued():
            raise WorkerError(
                f"the changelog of partition {self._partition} holds more than this worker knows of, by another owner "
                "or by its own last words before the connection broke, so it must start again from there"
            )

    async def _is_continued(self) -> bool:
        """Whether something is committed that this owner does not know."""
        found: list[Pair] = []

        def note(pairs: Iterable[Pair]) -> None:
            found.extend(pairs)

        try:
            await self._restorer.restore(
                self._partition, self._positions, dict.fromkeys(self._positions, note), RestoreProgress(self._partition)
            )
        except WorkerError as error:
            raise ChangelogError(str(error)) from error
        return bool(found)
