"""Links to the entities behind a number: one for each family that it is worked out of."""

from collections.abc import Iterable, Iterator, Mapping

import grafana.panels as p
from grafana.links import SERIES, definition
from metrics.catalogue.plan import WORKING_DAYS
from metrics.family import Family, Source
from metrics.kpi import Kpi, Level, Sum, leaves


def explained(
    families: tuple[Family, ...], level: Level | None, window: str, number: int = SERIES, *,
    fixed: Mapping[str, str] | None = None,
) -> Iterator[p.Link]:  # fmt: skip
    """Links to the entities behind a number, one for each family, and to its definition.

    What the page cannot say of whom it is about is left out when it is made (`grafana.links`).
    fixed: name of a family → its window, where that is not the page's.
    """
    planned = any(family.source is Source.PLAN for family in families)
    for family in families:
        span = f"&window={(fixed or {}).get(family.name, window)}" if family.windows else ""
        address = f"${{exporter}}/api/v1/explain?family={family.name}{_who(family, level, planned=planned)}{span}"
        yield p.Link(f"Explain: {family.name}", address)
    yield p.Link("Definition", definition(number))


def _who(family: Family, level: Level | None, *, planned: bool) -> str:
    """Whose number is explained. planned: it is compared with a plan, as which all counts that a manager did."""
    chosen = {label: f"${{{label}}}" for label in (level.labels if level else ())}
    if family is WORKING_DAYS:
        chosen = {"team": chosen.get("team", "")}
    elif "level" in family.labels:
        chosen = {"level": (level or Level.COMPANY).value, **chosen}
    if planned and level is Level.MANAGER and family is not WORKING_DAYS:
        chosen.pop("team", None)
    return "".join(f"&{label}={value}" for label, value in chosen.items())


def fixed_windows(kpis: Iterable[Kpi]) -> dict[str, str]:
    """Family → the window of its own that KPIs read it in; left out where one of them reads that of the page."""
    found: dict[str, set[str]] = {}
    for leaf in (leaf for kpi in kpis for leaf in leaves(kpi.formula)):
        found.setdefault(leaf.family.name, set()).add(leaf.window if isinstance(leaf, Sum) else "")
    return {name: next(iter(windows)) for name, windows in found.items() if len(windows) == 1 and windows != {""}}
