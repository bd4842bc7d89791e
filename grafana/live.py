"""Numbers of now: a KPI of one window and its change, from what was scraped last, so that a wall waits for no rule."""

from dataclasses import replace

from grafana.promql import Live, of_window, select
from metrics.catalogue import plan, service
from metrics.family import PERIODS
from metrics.kpi import Kpi, Level, Oldest, Sum

NOTHING = f"0 * max({plan.WORKING_DAYS.name})"
"""0 while sales numbers are shown; nothing while they are withheld, so that no tile says 0 of what is unknown."""
NOTHING_NOW = f"{NOTHING} * max({service.WORKING_NOW.name})"
"""The same of what is so now: it is scraped apart, and may be late when days are not."""
NO_VALUE = f"NaN * max({plan.WORKING_DAYS.name})"
"""No number, while sales numbers are shown: keeps the place of one, so that rows and columns do not come and go."""
NEW, FIRST = 1e12, 2e12
"""What stands for a change that is no percentage: since 0, and since a time that has no number."""
_SUBJECTS = {"team": service.WORKING_NOW, "manager": service.MANAGER_INFO}
"""Label → a series that everybody has who has numbers."""


def live(kpi: Kpi, level: Level, how: Live) -> str:
    """A KPI of one window, from what was scraped last. Sums of nothing are 0, ratios of nothing are empty."""
    text = of_window(kpi, level, how)
    if not isinstance(kpi.formula, Sum | Oldest):
        return text
    if not how.keep:
        return f"{text} or {NOTHING if kpi.windows else NOTHING_NOW}"
    if len(how.keep) > 1 or how.keep[0] not in _SUBJECTS:
        return text
    return f"{text} or {none_of(how)}"


def none_of(how: Live) -> str:
    """0 for each team or manager that a page is about."""
    label = how.keep[0]
    family = _SUBJECTS[label]
    chosen = {key: value for key, value in how.matchers.items() if key in family.labels}
    everybody = f'{family.name}{{team!~"|unknown"}}' if label == "team" else family.name
    selected = select(family.name, chosen) if label == "manager" else everybody
    among = f"{selected} and on (team) {select(family.name, chosen)}" if label == "team" and chosen else selected
    return f"0 * max by ({label}) ({among})"


def changed(kpi: Kpi, level: Level, how: Live) -> str:
    """The change against the previous period: percent, of shares points. Since 0 it is `NEW` or its negative.

    Since a time without a number it is `FIRST`, on the better side; since less than 0 it is nothing.
    """
    before, after = PERIODS[1], PERIODS[0]
    old, new = (f"({live(kpi, level, replace(how, period=period))})" for period in (before, after))
    change = (
        f"100 * ({new} - {old})" if kpi.in_points else f"clamp(100 * ({new} / ({old} >= 0) - 1), -{NEW:.0f}, {NEW:.0f})"
    )
    if isinstance(kpi.formula, Sum):
        # Sums of nothing are 0: there always was a number.
        return change
    first = f"-{FIRST:.0f}" if kpi.better == "down" else f"{FIRST:.0f}"
    return f"({change} or 0 * ({new} > 0 unless {old}) + {first})"
