"""A log that is counted again from its start: a record that has its letter gets no second one.

And a letter whose record counts now, because the contract has grown since, is closed.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiokafka.errors import KafkaError

from streams.changelog import explained
from streams.letters import letter
from streams.letters.letter import Letter, Place, Refusal, mark
from streams.plain.kafka import kafka_log
from streams.records import Record
from streams.settings import WorkerSettings

COUNTED = "counted"


async def written(settings: WorkerSettings, topic: str, partition: int) -> dict[int, str]:
    """Offset → reason of the letters that this application has of a partition. Raises ChangelogError, WorkerError."""
    found: dict[int, str] = {}
    try:
        async with kafka_log(settings) as log:
            ends = await log.ends(settings.dead_letters_topic)
            lies_on = partition % max(1, len(ends))  # as `KafkaChangelog` writes them
            async for chunk in log.read(settings.dead_letters_topic, lies_on, 0, ends.get(lies_on, 0)):
                for record in chunk:
                    headers = record.headers
                    place, by = letter.place_of(headers), letter.text(headers, letter.APPLICATION)
                    is_letter = not letter.text(headers, letter.MARK) and by in ("", settings.app_id)
                    if place is not None and place[:2] == (topic, partition) and is_letter:
                        found[place.offset] = letter.text(headers, letter.REASON)
    except KafkaError as error:
        raise explained(error, f"the dead letters of partition {partition} could not be read") from error
    return found


class Recount:
    """What is to be written of a partition's records when some of them have letters. known: offset → reason."""

    def __init__(self, topic: str, partition: int, known: Mapping[int, str], fence: int) -> None:
        self._topic = topic
        self._partition = partition
        self._known = deque(sorted((offset, reason) for offset, reason in known.items() if offset > fence))

    @property
    def is_over(self) -> bool:
        """Whether all records that have letters were passed."""
        return not self._known

    def new(self, records: Sequence[Record], refused: Iterable[Refusal]) -> tuple[list[Refusal], list[Letter]]:
        """Of what was refused that which has no letter yet; marks that close the letters of what was not."""
        reasons = {one.record.offset: one.reason for one in refused}
        there = {record.offset for record in records}
        lettered: dict[int, str] = {}
        while self._known and self._known[0][0] <= records[-1].offset:
            offset, reason = self._known.popleft()
            lettered[offset] = reason
        counted = [offset for offset in lettered if offset in there and offset not in reasons]
        new = [one for one in refused if lettered.get(one.record.offset) != one.reason]
        return new, [mark(Place(self._topic, self._partition, offset), COUNTED) for offset in counted]
