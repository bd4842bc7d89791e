"""A log that is counted again from its start: a record that has its letter gets no second one.

And a letter whose record counts now, because the contract has grown since, is closed. One that somebody has closed
stays so: what was replayed counts where its replay lies, what was dismissed does not count, as before.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiokafka.errors import KafkaError

from streams.durable.changelog import explained
from streams.letters import letter
from streams.letters.letter import Letter, LetterPlace, LetterRefusal, mark
from streams.plain.kafka import Log, kafka_log
from streams.settings import WorkerSettings
from streams.state.records import FoldRecord

COUNTED = "counted"
CLOSED = ""
"""In place of a reason: neither does the record count, nor does it get another letter."""


async def written(settings: WorkerSettings, topic: str, partition: int) -> dict[int, str]:
    """What `known` says of a partition. Raises ChangelogError, WorkerError."""
    try:
        async with kafka_log(settings) as log:
            return await known(log, settings.dead_letters_topic, settings.app_id, topic, partition)
    except KafkaError as error:
        raise explained(error, f"the dead letters of partition {partition} could not be read") from error


async def known(log: Log, letters: str, application: str, topic: str, partition: int) -> dict[int, str]:
    """Offset → reason of the letters that an application has of a partition; CLOSED of what somebody closed."""
    found: dict[int, str] = {}
    closed: set[int] = set()
    ends = await log.ends(letters)
    lies_on = partition % max(1, len(ends))  # as `KafkaChangelog` writes them, and `Closer` the marks
    async for chunk in log.read(letters, lies_on, 0, ends.get(lies_on, 0)):
        for record in chunk:
            headers = record.headers
            place, mark_ = letter.place_of(headers), letter.text(headers, letter.MARK)
            if place is None or place[:2] != (topic, partition):
                continue
            if mark_:
                closed |= {place.offset} if mark_ != COUNTED else set()
            elif letter.text(headers, letter.APPLICATION) in ("", application):
                found[place.offset] = letter.text(headers, letter.REASON)
    return {offset: CLOSED if offset in closed else reason for offset, reason in found.items()}


class Recount:
    """What is to be written of a partition's records when some of them have letters. known: offset → reason."""

    def __init__(self, topic: str, partition: int, known: Mapping[int, str], fence: int) -> None:
        self._topic = topic
        self._partition = partition
        self._known = deque(sorted((offset, reason) for offset, reason in known.items() if offset > fence))
        self._closed = {offset for offset, reason in self._known if reason == CLOSED}

    @property
    def is_over(self) -> bool:
        """Whether all records that have letters were passed."""
        return not self._known

    def less_closed(self, records: Sequence[FoldRecord]) -> Sequence[FoldRecord]:
        """Records without those whose letters somebody has closed."""
        return [record for record in records if record.offset not in self._closed] if self._closed else records

    def new(
        self, records: Sequence[FoldRecord], refused: Iterable[LetterRefusal]
    ) -> tuple[list[LetterRefusal], list[Letter]]:
        """Of what was refused that which has no letter yet; marks that close the letters of what was not."""
        reasons = {one.record.offset: one.reason for one in refused}
        there = {record.offset for record in records}
        lettered: dict[int, str] = {}
        while self._known and self._known[0][0] <= records[-1].offset:
            offset, reason = self._known.popleft()
            lettered[offset] = reason
        counted = [o for o, reason in lettered.items() if reason != CLOSED and o in there and o not in reasons]
        new = [one for one in refused if lettered.get(one.record.offset) not in (one.reason, CLOSED)]
        return new, [mark(LetterPlace(self._topic, self._partition, offset), COUNTED) for offset in counted]
