"""Values of the labels that KPIs keep, and what people call them: a row, a line or a colour each."""

from collections.abc import Mapping

from metrics.catalogue import activities, deals, now, unanswered
from metrics.family import Family
from metrics.kpi import Kpi, leaves

CHANNELS = {"call": "calls", "chat": "chats"}


def _same(*values: str) -> dict[str, str]:
    return {value: value.replace("_", " ") for value in values}


_ANY = {
    "channel": CHANNELS, "kind": {"first": "first answers", "next": "later answers"},
    "direction": _same("inbound", "outbound"), "temperature": _same("cold", "warm", "hot"), "age": _same(*now.AGES),
}  # fmt: skip
"""Label → its values, where they are the same of all families."""
_OUTCOMES: dict[Family, dict[str, str]] = {
    activities.CALLS: _same("answered", "missed", "abandoned", "busy", "failed"),
    deals.CLOSED: _same("won", "lost"),
    unanswered.MISSED: _same(
        unanswered.CALLED_BACK, unanswered.CLIENT_CALLED, unanswered.OPEN, unanswered.LOST
    ),
}  # fmt: skip


def values(kpi: Kpi, label: str) -> Mapping[str, str]:
    """Value → what it is called, of a label that a KPI keeps.

    Raises ValueError of a label whose values anybody may add to, as of pipelines: no wall has a place for each.
    """
    family = next(leaf.family for leaf in leaves(kpi.formula) if label in leaf.family.labels)
    found = _OUTCOMES.get(family) if label == "outcome" else _ANY.get(label)
    if not found:
        raise ValueError(f"{kpi.id} keeps {label!r}, whose values are not listed: sum it up, or list them here")
    return found
