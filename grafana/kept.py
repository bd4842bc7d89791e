"""KPIs as Prometheus keeps them: lines over time, ranks and trends read these, and no wall that says what is so now."""

from grafana.promql import Matchers, by, once, select, shown_quantile
from metrics.family import PERIODS
from metrics.kpi import Kpi, Level, Quantile
from metrics.reference import UNKNOWN


def ready(kpi: Kpi, level: Level, matchers: Matchers, offset: str = "") -> str:
    """The numbers of a KPI as they are kept: recorded, or of people where the exporter shows them, as scraped."""
    if kpi.is_recorded(level) or kpi.shown is None:
        return select(kpi.record(level), matchers) + offset
    if isinstance(kpi.formula, Quantile):
        return shown_quantile(kpi.formula, (*level.labels, *kpi.by, "window", "period"), matchers, offset)
    return once(kpi.shown, matchers, offset=offset)


def rank(kpi: Kpi, level: Level, matchers: Matchers) -> str:
    """Place among all of a level, 1 for the best; nothing for whom there is no number.

    matchers: pick the one who is ranked (labels of the level), and window and period.
    """
    everybody = ranked(kpi, level, matchers)
    own = f"max{by(kpi.by)}({ready(kpi, level, matchers)})"
    better = "<" if kpi.better == "down" else ">"
    ahead = f"count{by(kpi.by)}({everybody} {better} on ({', '.join(kpi.by)}) group_left () {own})"
    return f"({ahead} or {own} * 0) + 1"


def ranked(kpi: Kpi, level: Level, matchers: Matchers) -> str:
    """Everybody among whom somebody is ranked: who is not known is nobody."""
    known = {f"{label}!": UNKNOWN for label in level.labels[:1]}
    return ready(kpi, level, {label: value for label, value in matchers.items() if label not in level.labels} | known)


def trend(kpi: Kpi, level: Level, where: Matchers | None = None) -> str:
    """Current ÷ previous − 1 over the kept series, of shares the difference, as `metrics.kpi.change` has it.

    Where they are the exporter's own, only labels of the KPI stay.
    """
    both = ({**(where or {}), "period": period} for period in PERIODS)
    if kpi.is_recorded(level) or kpi.shown is None:
        current, previous = (select(kpi.record(level), matchers) for matchers in both)
        match = "ignoring (period)"
    else:
        quantile = {"quantile": f"{kpi.formula.q:g}"} if isinstance(kpi.formula, Quantile) else {}
        current, previous = (select(kpi.shown.name, {**matchers, **quantile}) for matchers in both)
        match = f"on ({', '.join((*level.labels, *kpi.by, 'window'))})"
    if kpi.in_points:
        return f"{current} - {match} {previous}"
    return f"{current} / {match} ({previous} > 0) - 1"
