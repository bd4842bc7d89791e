"""A ledger's index over a log in memory: read in cuts, and left and taken up again between them."""

from pathlib import Path

from streams.ledger.keeper import Keeper
from streams.ledger.schema import connect, create, fingerprint
from streams.plain import PlainRules
from tests.laws.logs import InMemoryLog


class Kept:
    """One index. clock: the time (Unix s) that it is."""

    def __init__(self, folder: str, rules: PlainRules, partitions: int, clock: float) -> None:
        self.path, self.rules, self.partitions, self.clock = Path(folder) / "ledger.sqlite", rules, partitions, clock
        self.database = create(self.path, fingerprint(rules, partitions), {})
        self.keeper = self._keeper()

    def _keeper(self) -> Keeper:
        return Keeper(self.database, self.rules, self.partitions, "sales.events", clock=lambda: self.clock)

    def again(self) -> None:
        """As a process that was killed and started again."""
        self.database.close()
        self.database = connect(self.path)
        self.keeper = self._keeper()

    def read(self, log: InMemoryLog, count: int) -> None:
        """Up to `count` more records of every partition, in one transaction."""
        parts = {}
        for topic, all_ in log.topics.items():
            for number, records in all_.items():
                start = self.keeper.next(topic, number)
                if more := records[start : start + count]:
                    parts[topic, number] = more
        self.keeper.take(parts)
