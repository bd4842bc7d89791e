"""What an import found in a file: counted for the person who runs it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from producers.errors import Refused
from producers.events.wire import Event, ReferenceEvent
from producers.importer.check import Checked, check
from producers.importer.formats import InputRecord

_EXAMPLES = 5
_WHYS = 50


@dataclass(slots=True)
class ImportReport:
    """What an import found: events by type; records that were taken, left out (why) and refused (why).

    Of refusals, the first few of each reason with line and detail.
    """

    types: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    @property
    def totals(self) -> tuple[int, int, int]:
        """Records that were taken, left out and refused."""
        return self.taken, self.left_out.total(), self.reasons.total()

    def refuse(self, number: int, refused: Refused) -> None:
        """Count a refusal in line `number`."""
        self.reasons[refused.reason] += 1
        examples = self.examples.setdefault(refused.reason, [])
        if len(examples) < _EXAMPLES:
            examples.append((number, refused.detail))

    def leave_out(self, why: str) -> None:
        """Count a record that makes no event."""
        self.left_out[why if why in self.left_out or len(self.left_out) < _WHYS else "for other reasons"] += 1

    def accept(self, found: Sequence[Event | ReferenceEvent]) -> None:
        """Count events."""
        if not found:
            return
        self.types.update([event.type for event in found])
        times = [event.time for event in found]
        first, last = min(times), max(times)
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)


def judge(record: InputRecord, now_ms: int, report: ImportReport) -> list[Checked]:
    """Return all events of a record, and count it. Raises Refused when one is refused: a record goes as a whole."""
    if record.problem is not None:
        raise record.problem
    if record.left_out:
        report.leave_out(record.left_out)
        return []
    found = [check(value, now_ms) for value in record.values]
    report.taken += 1
    report.accept([checked.event for checked in found])
    return found
