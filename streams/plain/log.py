"""One partition's log, told client by client."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from producers.events import wire
from producers.events.intake import KafkaRecord
from streams.plain.client import PlainClient
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import moment
from streams.plain.kept import UNHEARD, PlainHeard
from streams.plain.rules import PlainRules


@dataclass
class PlainPartition:
    """What the accepted events of one partition amount to, taken in log order.

    time: greatest time of the events so far, us; who leaves out other clients' events sets it before `take`.
    heard: what its records said of the broker's clock; without any, minutes and hours are kept by `time` alone.
    outcomes: how many events were "folded", "stale" and "duplicate".
    """

    rules: PlainRules
    time: int = 0
    heard: PlainHeard = UNHEARD
    clients: dict[str, PlainClient] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    def hear(self, record: KafkaRecord) -> None:
        """Note the broker's time of the next record, whatever becomes of it; before its event is taken."""
        self.heard = self.heard.hear(record, self.time)

    def take(self, event: wire.Event) -> str:
        """Fold the next event; says "folded", "stale" or "duplicate"."""
        self.time = max(self.time, moment(event.time))
        client = self.clients.get(event.key)
        if client is None:
            client = self.clients[event.key] = PlainClient(event.key, self.rules)
        outcome = client.take(event, self.time)
        self.outcomes[outcome] += 1
        return outcome

    def contributions(self) -> Iterator[Contribution]:
        """All that the entities of this partition add to families with a window."""
        for client in self.clients.values():
            yield from client.contributions()

    def open_things(self) -> Iterator[OpenThing]:
        """All that is so now."""
        for client in self.clients.values():
            yield from client.open_things()


def recompute(events: Iterable[wire.Event], rules: PlainRules) -> PlainPartition:
    """The plain definition over one partition's accepted events, in log order."""
    partition = PlainPartition(rules)
    for event in events:
        partition.take(event)
    return partition
