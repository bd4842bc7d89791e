"""Dead letters of the reference topic: one worker judges each record once, and commits the letter with the offset."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, retry_if_exception_type

from producers.errors import Refused
from producers.events import intake
from producers.events.intake import record_size
from streams.durable.changelog import Commit
from streams.durable.rewriting import RewritingChangelog
from streams.errors import ChangelogError, WorkerError
from streams.letters.letter import Letter, LetterRefusal, make
from streams.letters.recount import Recount
from streams.runtime.sensors import WorkerSensors
from streams.settings import WorkerSettings
from streams.state.news import RefusedRecord
from streams.state.partition import COPIES_BYTES
from streams.state.records import FoldRecord

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 5.0
"""For a transaction under way when its partition is taken away: the whole group waits."""


@dataclass
class _Open:
    """A partition that is ours. `position`: offset of the next record to be judged."""

    changelog: RewritingChangelog
    position: int
    recount: Recount
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_closed: bool = False


class ReferenceLetters:
    """Owns the reference topic's partitions: letters of what is unusable, and the offset, in one transaction.

    `committed`: the offset at which the group goes on reading a partition, None where it has none. `written`: which
    letters a partition has. Both raise ChangelogError.
    """

    name = "reference"

    def __init__(
        self,
        settings: WorkerSettings,
        sensors: WorkerSensors,
        changelogs: Callable[[int], RewritingChangelog],
        committed: Callable[[int], Awaitable[int | None]],
        written: Callable[[int], Awaitable[Mapping[int, str]]],
    ) -> None:
        self.topic = settings.reference_topic
        self._application = settings.app_id
        self._sensors = sensors
        self._changelogs = changelogs
        self._committed = committed
        self._written = written
        self._open: dict[int, _Open] = {}

    async def open(self, numbers: Collection[int]) -> dict[int, int]:
        """Shut former owners out, then ask how far they came. Waits for Kafka, however long it is away."""
        for number in numbers:
            if number not in self._open:
                changelog = self._changelogs(number)
                try:
                    self._open[number] = await self._opened(number, changelog)
                except BaseException:
                    await changelog.close()
                    raise
        return {number: self._open[number].position for number in numbers}

    async def _opened(self, number: int, changelog: RewritingChangelog) -> _Open:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ChangelogError),
            wait=changelog.wait,
            before_sleep=_say("reference data cannot be judged yet; opening it again", number),
            reraise=True,
        ):
            with attempt:
                await (changelog.open() if attempt.retry_state.attempt_number == 1 else changelog.reopen())
                position = await self._committed(number)
                # A group that was away for long has lost its offsets, but not its letters.
                known = await self._written(number) if position is None else {}
                return _Open(changelog, position or 0, Recount(self.topic, number, known, -1))
        raise AssertionError  # it tries until it is done

    async def close(self, numbers: Iterable[int]) -> None:
        """Let go of partitions that were taken away, after the transaction that may be under way."""
        for number in numbers:
            if (held := self._open.pop(number, None)) is not None:
                held.is_closed = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE_SECONDS), held.lock:
                        pass
                await held.changelog.close()

    async def close_all(self) -> None:
        """Let go of all."""
        await self.close(list(self._open))

    async def fold(self, number: int, parts: Iterable[Sequence[FoldRecord]], end: int = 0) -> None:
        """Judge what was read of one partition before the offset `end`; dropped when it is not ours (any more)."""
        held = self._open.get(number)
        if held is None:
            return
        async with held.lock:
            letters: list[Letter] = []
            refused: list[LetterRefusal] = []
            size, position, before = 0, held.position, held.position
            for records in parts:
                if held.is_closed:
                    return
                if not (new := [record for record in records if record.offset >= position]):
                    continue
                position = new[-1].offset + 1
                found, marks = held.recount.new(new, list(self._judge(new)))
                made = [*marks, *(make(one, self.topic, number, self._application) for one in found)]
                refused += found
                letters += made
                size += sum(record_size(one.key, one.value, one.headers) for one in made)
                # Each is as large as its record was: what is held is written, and goes, before there is more.
                if size >= COPIES_BYTES:
                    await self._commit(number, held, Commit(position, letters=letters), refused)
                    letters, refused, size = [], [], 0
            if position > before and (end := max(end, position)) > held.position:
                await self._commit(number, held, Commit(end, letters=letters), refused)

    async def _commit(self, number: int, held: _Open, commit: Commit, refused: Sequence[LetterRefusal]) -> None:
        if not held.is_closed and await self._write(number, held, commit):
            held.position = commit.offset
            self._sensors.refused(refused)

    @staticmethod
    def _judge(records: Sequence[FoldRecord]) -> Iterator[RefusedRecord]:
        for record in records:
            if record.value is None:
                continue  # it deletes what its key names
            try:
                intake.check_reference(record)
            except Refused as error:
                yield RefusedRecord(record, error.reason, error.detail)

    async def _write(self, number: int, held: _Open, commit: Commit) -> bool:
        """Write as often as it takes, once; False when the partition was taken away meanwhile."""

        def may_be_tried_again(error: BaseException) -> bool:
            return isinstance(error, ChangelogError) and not held.is_closed

        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(may_be_tried_again),
                wait=held.changelog.wait,
                before_sleep=_say("writing dead letters of reference data again", number),
                reraise=True,
            ):
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        # It aborts what failed, or finishes it: so afterwards the offset tells which.
                        await held.changelog.reopen()
                        at = await self._committed(number) or 0
                        if at == commit.offset:
                            return True
                        if at != held.position:
                            raise WorkerError(
                                f"reference data was read up to {at} by another owner of partition {number}, so this "
                                "worker must start again from there"
                            )
                    await held.changelog.write(commit)
        except ChangelogError:
            if held.is_closed:
                return False
            raise
        return True


def _say(what: str, number: int) -> Callable[[RetryCallState], None]:
    def say(tried: RetryCallState) -> None:
        problem = tried.outcome.exception() if tried.outcome else None
        log.warning(what, partition=number, failed=tried.attempt_number, problem=str(problem))

    return say
