"""Several partitions of one log and the applications that count it, in memory: copies, restarts, and a second of all.

An application's flush appends copies to the log and keeps its state together, or neither, as a transaction does.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from producers.partitioner import partition_for
from streams.state.partition import Partition
from tests.laws.mixtures import LATER, Json, encode, key_of
from tests.laws.replay import Mirror, Rec, fold_rules
from tests.support.binary import binary
from tests.support.folding import at_once

COUNT = 3
SPELLINGS = ("right", "right", "none", "empty", "quoted", "struct", "other")


class Sent(NamedTuple):
    """How an event is put into the log: on which partition (-1: the right one), under what key, in which mode."""

    event: Json
    partition: int
    spelling: str
    is_binary: bool

    def record(self, offset: int) -> Rec:
        """As it lies there, at once or later."""
        value, headers = binary(self.event) if self.is_binary else (encode(self.event), ())
        later = LATER[crc32(value) % len(LATER)]
        return Rec(offset, self._spelled(), value, at_once(value, headers) + later, headers)

    @property
    def key(self) -> str:
        """The one that the contract asks for."""
        return key_of(self.event)

    def _spelled(self) -> bytes | None:
        key = self.key
        spelled: dict[str, str | None] = {
            "none": None, "empty": "", "quoted": json.dumps(key), "other": "x",
            "struct": json.dumps({"client_id": key}),
        }  # fmt: skip
        found = spelled.get(self.spelling, key)
        return None if found is None else found.encode()

    @property
    def right(self) -> int:
        """The partition of its client."""
        return partition_for(self.key.encode(), COUNT)


def placements() -> st.SearchStrategy[tuple[int, str, bool]]:
    """Where, under what key, in which mode."""
    return st.tuples(st.integers(-1, COUNT - 1), st.sampled_from(SPELLINGS), st.booleans())


@dataclass
class ManyLogs:
    """The events topic."""

    logs: list[list[Rec]] = field(default_factory=lambda: [[] for _ in range(COUNT)])

    def send(self, sent: Sent) -> None:
        """Append what a producer sends."""
        log = self.logs[sent.right if sent.partition < 0 else sent.partition]
        log.append(sent.record(len(log)))


class Application:
    """All partitions counted under one application id."""

    def __init__(self, topic: ManyLogs, zone: ZoneInfo) -> None:
        self._topic = topic
        self._rules = fold_rules(zone)
        self.mirrors = [Mirror() for _ in range(COUNT)]
        self.partitions = [Partition(number, COUNT, self._rules) for number in range(COUNT)]
        self.position = [0] * COUNT

    def fold(self, number: int, records: int) -> None:
        """Fold the next records of a partition."""
        log, start = self._topic.logs[number], self.position[number]
        refused = self.partitions[number].fold(log[start : start + records])
        assert not refused, refused
        self.position[number] = min(len(log), start + records)

    def show(self, number: int) -> None:
        """Bring a partition's view up to date."""
        self.mirrors[number].see(self.partitions[number].view())

    def flush(self, number: int) -> None:
        """Keep what a partition changed, and append its copies."""
        cut = self.partitions[number].cut()
        self.mirrors[number].keep(cut)
        for copy in cut.copies:
            log = self._topic.logs[copy.partition]
            log.append(Rec(len(log), copy.key, copy.value, headers=tuple(copy.headers)))

    def crash(self, number: int) -> None:
        """End between append and commit, and start again from what was kept."""
        self.partitions[number].cut()
        mirror = self.mirrors[number]
        partition = self.partitions[number] = Partition(number, COUNT, self._rules)
        partition.restore_clients(mirror.clients.items())
        partition.restore_cells(mirror.cells.items())
        # An offset that was committed or an older one: what is at or below the fence is skipped.
        self.position[number] = max(0, partition.fence - 2)
        mirror.parts.clear()
        for update in partition.everything():
            mirror.see(update)

    def finish(self) -> None:
        """Fold and flush until there is nothing left."""
        is_over = False
        while not is_over:
            is_over = all(at >= len(log) for at, log in zip(self.position, self._topic.logs, strict=True))
            for number in range(COUNT):
                self.fold(number, 1 << 20)
                self.show(number)
                self.flush(number)

    def step(self, number: int, what: int, records: int) -> None:
        """One of the things that happen."""
        (lambda: self.fold(number, records), lambda: self.flush(number), lambda: self.show(number),
         lambda: self.crash(number))[what]()  # fmt: skip


Step = tuple[int, int, int, int]
"""Which application, or sending; partition; what; how many records."""


def run(topic: ManyLogs, sent: Sequence[Sent], zone: ZoneInfo, steps: Sequence[Step]) -> list[Application]:
    """Two applications count while events come in."""
    applications = [Application(topic, zone), Application(topic, zone)]
    left = list(sent)
    for who, number, what, records in steps:
        if who == len(applications):
            for one in left[:records]:
                topic.send(one)
            del left[:records]
        else:
            applications[who].step(number, what, records)
    for one in left:
        topic.send(one)
    for application in applications:
        application.finish()
    return applications
