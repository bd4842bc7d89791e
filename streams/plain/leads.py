"""What a lead adds: its opening and its warming, each as first counted."""

from collections.abc import Iterator
from dataclasses import dataclass

from producers.events import wire
from streams.plain.contribution import Contribution
from streams.plain.exact import moment, version
from streams.plain.rules import KEPT_DAYS, Rules


@dataclass
class PlainLead:
    """One lead: the first snapshot folded, the latest version, and the snapshot that warmed it."""

    first: wire.LeadChanged
    latest: wire.LeadChanged
    warmed: wire.LeadChanged | None = None

    def is_known(self, today: int, rules: Rules) -> bool:
        """Whether what it counts in, or its latest snapshot, is within 800 days of `today` (of the log)."""
        days = [rules.day(moment(self.first.data.created_at)), rules.day(moment(self.latest.time))]
        if self.warmed is not None:
            days.append(rules.day(moment(self.warmed.time)))
        return max(days) >= today - KEPT_DAYS

    def take(self, event: wire.LeadChanged) -> str:
        """Fold a further snapshot; says "folded", "stale" or "duplicate"."""
        if version(event) <= version(self.latest):
            return "duplicate" if version(event) == version(self.latest) else "stale"
        was_cold = self.latest.data.temperature == "cold"
        self.latest = event
        if was_cold and event.data.temperature in ("warm", "hot") and self.warmed is None:
            self.warmed = event
        return "folded"

    def contributions(self) -> Iterator[Contribution]:
        """The opening at `created_at`, the warming at the time of its snapshot."""
        data = self.first.data
        what = ("lead", data.lead_id, data.client_id)
        labels = (data.temperature,)
        yield Contribution("lo", labels, data.manager_id, data.team_id or "", moment(data.created_at), 1, *what)
        if self.warmed is not None:
            data = self.warmed.data
            yield Contribution("lw", (), data.manager_id, data.team_id or "", moment(self.warmed.time), 1, *what)
