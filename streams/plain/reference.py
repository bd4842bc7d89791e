"""Roster, plans and rates: of each record the version that counts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from producers.events import wire
from producers.events.intake import KafkaRecord, Refused, check_reference
from streams.plain.exact import Version, version


@dataclass
class PlainReference:
    """What the reference topic says, whatever the order of its records."""

    currency: str
    held: dict[str, wire.ReferenceEvent] = field(default_factory=dict)
    _rates: dict[str, list[tuple[str, Fraction]]] | None = None

    @classmethod
    def of(cls, events: Iterable[wire.ReferenceEvent], currency: str) -> "PlainReference":
        """Take events; `currency` is the base currency."""
        reference = cls(currency)
        for event in events:
            reference.take(event)
        return reference

    def take(self, event: wire.ReferenceEvent) -> None:
        """Keep an event when its version is greater than the one held for its key."""
        other: Version | None = version(self.held[event.key]) if event.key in self.held else None
        if other is None or version(event) > other:
            self.held[event.key] = event
            self._rates = None

    def take_record(self, record: KafkaRecord) -> None:
        """Take a record of the topic as it lies there: a tombstone takes out its key, bad input nothing."""
        try:
            if record.value is None:
                self.held.pop((record.key or b"").decode(errors="replace"), None)
                self._rates = None
            else:
                self.take(check_reference(record))
        except Refused:
            return

    def team(self, manager: str, stated: str) -> str:
        """The team of a record: as stated, else by the roster, else unknown."""
        if stated:
            return stated
        held = self.held.get(f"manager:{manager}")
        return held.data.team_id if isinstance(held, wire.ManagerChanged) else "unknown"

    def knows(self, manager: str) -> bool:
        """Whether the roster or a plan is about a manager."""
        scope = f"manager:{manager}"
        return scope in self.held or any(plan.data.scope == scope for plan in self.plans())

    def teams(self) -> list[str]:
        """Teams that a manager or a plan is of, and the unknown one."""
        found = {"unknown"}
        for event in self.held.values():
            if isinstance(event, wire.ManagerChanged):
                found.add(event.data.team_id)
            elif isinstance(event, wire.PlanSet) and event.data.scope.startswith("team:"):
                found.add(event.data.scope.removeprefix("team:"))
        return sorted(found)

    def rate(self, currency: str, day: int) -> Fraction | None:
        """Base units for one unit: the latest rate dated on or before a local day (ordinal); None without one."""
        if currency == self.currency:
            return Fraction(1)
        if self._rates is None:
            self._rates = {}
            for event in self.held.values():
                if isinstance(event, wire.RateSet):
                    dated = (event.data.date, Fraction(event.data.rate))
                    self._rates.setdefault(event.data.currency, []).append(dated)
        text = date.fromordinal(day).isoformat()
        past = [dated for dated in self._rates.get(currency, []) if dated[0] <= text]
        return max(past)[1] if past else None

    def plans(self) -> list[wire.PlanSet]:
        """The plans that count."""
        return [event for event in self.held.values() if isinstance(event, wire.PlanSet)]
