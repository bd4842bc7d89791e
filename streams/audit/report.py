"""What an audit found, for people and for machines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.errors import StreamsError

EXAMPLES = 20


class AuditError(StreamsError):
    """An audit could not be made; one line for a person."""


class Difference(NamedTuple):
    """One number that is not what the log says. `shown` or `log` is "" where there is none."""

    where: str
    shown: str
    log: str


@dataclass
class AuditReport:
    """Counts of an audit, and the first differences of each kind.

    records: read of the events topic; outcomes: what became of them ("folded", "duplicate", "stale", and reasons of
    dead letters); compared: numbers compared, by where they are shown; past: parts beyond their keeping time
    that are still in Redis (harmless); notes: what could not be compared, and why.
    """

    records: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    fences: dict[int, int] = field(default_factory=dict)
    compared: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    examples: list[Difference] = field(default_factory=list)
    past: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_equal(self) -> bool:
        """Whether everything compared was equal."""
        return not self.different.total()

    def differs(self, kind: str, found: Iterable[Difference]) -> None:
        """Count differences of a kind, and keep the first as examples."""
        kept = 0
        for difference in found:
            self.different[kind] += 1
            if kept < EXAMPLES:
                self.examples.append(difference)
                kept += 1

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "equal": self.is_equal,
            "records": self.records,
            "outcomes": dict(self.outcomes),
            "dead_letters": dict(self.refused),
            "fences": {str(partition): fence for partition, fence in self.fences.items()},
            "compared": dict(self.compared),
            "differences": dict(self.different),
            "examples": [difference._asdict() for difference in self.examples],
            "past_keeping_time": self.past,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """The summary for people."""
        read = ", ".join(f"{n:,} {name}" for name, n in sorted(self.outcomes.items())) or "none folded"
        dead = ", ".join(f"{n:,} {name}" for name, n in sorted(self.refused.items())) or "none"
        compared = ", ".join(f"{n:,} {name}" for name, n in sorted(self.compared.items())) or "nothing"
        lines = [
            f"events read     {self.records:,} ({read})",
            f"dead-lettered   {dead}",
            f"compared        {compared}",
        ]
        lines += [f"note            {note}" for note in self.notes]
        lines += [
            f"different       {d.where}: shown {d.shown or 'nothing'}, log {d.log or 'nothing'}" for d in self.examples
        ]
        total = self.different.total()
        lines.append(f"{'no difference' if not total else f'{total:,} differences'}, in {self.seconds:.1f} s")
        return lines
