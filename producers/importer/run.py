"""The import of one file: read, check, send in batches, remember. Nothing is lost, and nothing counts twice."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from producers.errors import Refused
from producers.importer.corrections import Corrections
from producers.importer.decided import Decided
from producers.importer.formats import Format
from producers.importer.gathered import Gathered
from producers.importer.judged import Batch, Judging, batches, judged
from producers.importer.known import Known
from producers.importer.rejects import Rejects
from producers.importer.report import ImportReport
from producers.importer.source import SourceFile
from producers.importer.state import ImportCounts, State, StateFile
from producers.raw_publisher import RawPublisher

BATCH = 5000
_SETTLED = 20_000


class IdentityClaims(Protocol):
    """Claims of numbers and addresses, as a format made them."""

    async def settle(self) -> Mapping[str, str]:
        """Bring new ones to where all see them; return whose came too late: client as given → as it stands."""


async def settled(events: list[tuple[bytes, bytes]], identities: IdentityClaims | None) -> list[tuple[bytes, bytes]]:
    """The events, once all that they claim is claimed; under the client that stands, where a claim came too late."""
    lost = await identities.settle() if identities and events else {}
    if not lost:
        return events
    given: list[tuple[bytes, bytes]] = []
    for key, value in events:
        standing = lost.get(key.decode())
        if standing is not None:
            event = msgspec.json.decode(value)
            event["data"]["client_id"] = standing
            given.append((standing.encode(), msgspec.json.encode(event)))
        else:
            given.append((key, value))
    return given


def dry_run(source: SourceFile, format_: Format, now_ms: int, advance: Callable[[int], None]) -> ImportReport:
    """Check a whole file and send nothing."""
    report = ImportReport()
    for batch in batches(format_.records(source, State()), BATCH):
        judging = Judging(report, now_ms)
        judging.take(batch)
        advance(judging.records)
    return report


class Import:
    """One import of one file. `wanted` is asked after each batch whether to go on.

    `known` has to have caught up with the log; it says what is sent. `apart`: the file is read by a process of its own.
    `kept`: told each time how far it is for good; what comes after an end by an error is read and counted again.
    """

    def __init__(
        self,
        source: SourceFile,
        format_: Format,
        publisher: RawPublisher,
        rejects: Path,
        states: StateFile,
        known: Known,
        *,
        now_ms: Callable[[], int],
        wanted: Callable[[], bool],
        advance: Callable[[int, int], None],
        batch: int = BATCH,
        identities: IdentityClaims | None = None,
        apart: bool = False,
        kept: Callable[[State], None] = lambda _: None,
    ) -> None:
        self._kept = kept
        self._batch = batch
        self._identities = identities
        self._source = source
        self._format = format_
        self._publisher = publisher
        self._states = states
        self._known = known
        self._now_ms = now_ms
        self._wanted = wanted
        self._advance = advance
        state = states.load()
        self.state = state if known.has(state.run) else State(run=known.begin())
        self._rejects = Rejects(rejects, self.state.rejects)
        self._corrections = Corrections(known, self.state.run, format_.origin)
        self.report = ImportReport()
        self._sending: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._seen = (0, 0, 0)
        self._apart = apart

    async def run(self) -> bool:
        """Send what is left of the file; return False when it was stopped before the end."""
        try:
            with self._rejects:
                reading = judged(self._source, self._format, self.state, self._batch, self._now_ms, apart=self._apart)
                async with reading as batches:
                    async for batch in batches:
                        await self._take(batch)
                        if not self._wanted():
                            await self._keep()
                            return False
            await self._keep()
            while (settled := self._corrections.settle(_SETTLED)) is not None:
                await self._send(settled, counts=self.state.counts + settled.counts)
        except BaseException:
            # Nobody knows what of it Kafka has; the log will say.
            if self._sending is not None:
                self._sending.cancel()
            if self._keeping is not None:
                await asyncio.gather(self._keeping, return_exceptions=True)
            self._known.discard()
            raise
        counts = self.state.counts
        # Of an entity's waiting events one was settled; the others were lesser versions of it.
        self.state = msgspec.structs.replace(
            self.state, counts=counts + ImportCounts(older=counts.waiting, waiting=-counts.waiting)
        )
        await self._keep()
        self._states.forget()
        return True

    async def _take(self, batch: Batch) -> None:
        before, self.report = self._seen, batch.report
        self._seen = batch.report.totals
        for number, raw, reason, detail in batch.refused:
            self._rejects.add(number, raw, Refused(reason, detail), self._format.header)
        decided = self._corrections.decide(batch.ready)
        taken, left_out, refused = (now - then for now, then in zip(self._seen, before, strict=True))
        await self._send(
            decided,
            end=batch.end,
            line=batch.line,
            counts=self.state.counts + decided.counts,
            taken=self.state.taken + taken,
            left_out=self.state.left_out + left_out,
            refused=self.state.refused + refused,
            rejects=self._rejects.flush(),
        )
        self._advance(batch.records, batch.done)

    async def _send(self, decided: Decided, **place: Any) -> None:
        """Have sent what was decided, once what was decided before has arrived; `place` is how far that is."""
        self._known.save(decided, self.state.run)
        await self._arrived()
        self._sending = asyncio.create_task(self._publish(decided))
        self.state = msgspec.structs.replace(self.state, **place)
        if decided.done:  # what waits next is asked of the disk
            await self._keep()
        elif self._known.is_full:
            await self._kept_before()
            self._keeping = asyncio.create_task(self._keep_beside(self.state, self._sending, self._known.freeze()))

    async def _publish(self, decided: Decided) -> None:
        if decided.reference:
            await self._publisher.publish_many_raw(decided.reference, reference=True)
        if decided.events:
            await self._publisher.publish_many_raw(await settled(decided.events, self._identities))

    async def _arrived(self) -> None:
        if self._sending is not None:
            await self._sending
            self._sending = None

    async def _keep_beside(self, state: State, sending: asyncio.Task[None], frozen: Gathered) -> None:
        """The same while reading and sending go on: as it was, once Kafka has what was on its way then."""
        await sending
        await asyncio.to_thread(self._known.write, frozen)
        self._known.written()
        self._states.save(state)
        self._kept(state)

    async def _kept_before(self) -> None:
        if self._keeping is not None:
            await self._keeping
            self._keeping = None

    async def _keep(self) -> None:
        """Once Kafka has all that was sent: remember it on the disk, and how far the import is.

        Killed before, it reads the records since the last time again, and finds in the log what it had sent of them.
        """
        await self._kept_before()
        await self._arrived()
        self._known.flush()
        self._states.save(self.state)
        self._kept(self.state)
