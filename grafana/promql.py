"""Renders a KPI's formula as PromQL: the only place where the two languages meet.

Every leaf is summed up to the labels of its level before anything is divided, so both sides of an operator carry the
same labels and match one to one. What a manager did is compared with a plan as a whole, under the plan's team. The only
exception is the working days, which are those of the team, or of the company.

Who shows a number is no part of it: two exporters, or one and what Prometheus still has of the one before a new start,
show the same number twice. So what an exporter shows is read by `once` or `summed` alone, but where that is dear and no
alert hangs on it: rules of people, and of calendar windows, read it as it is, and stand still while it is there twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grafana.sums import recorded_sums
from metrics.catalogue.service import SCRAPE_OK
from metrics.family import PERIODS, SHORT_WINDOWS, Family, Source
from metrics.kpi import (
    Formula,
    Kpi,
    Level,
    Minus,
    Oldest,
    PerManager,
    Plan,
    Product,
    Quantile,
    Ratio,
    Scaled,
    Sum,
    WorkingDays,
    leaves,
)
from metrics.other import MANAGER, OTHER

Leaf = Sum | Oldest | Plan | WorkingDays | Quantile | PerManager
"""Formulas that read series; the others combine formulas."""
Matchers = Mapping[str, str | tuple[str, ...]]
"""Label → the value, or the values of which any will do; with ! behind the label, the value that will not."""
_PEOPLE: Matchers = {f"{MANAGER}!": OTHER}
"""Whoever has a name of his own: the rest is many, and no salesperson."""

ANY = ""
"""As the value of a matcher: whatever the label says."""


def select(name: str, matchers: Matchers | None = None, **more: str | tuple[str, ...]) -> str:
    """A selector of series; a value with a Grafana variable matches as an expression, so "All" works.

    A matcher of ANY is left out, so that it takes away one of the matchers given.
    """
    chosen = {**(matchers or {}), **more}
    parts = [_matcher(label, value) for label, value in chosen.items() if value != ANY]
    return f"{name}{{{','.join(parts)}}}" if parts else name


def _matcher(label: str, value: str | tuple[str, ...]) -> str:
    if isinstance(value, str) and "$" not in value:
        return f'{label}="{value}"'
    values = (value,) if isinstance(value, str) else value
    return f'{label}="{values[0]}"' if len(values) == 1 and "$" not in values[0] else f'{label}=~"{"|".join(values)}"'


def by(labels: Iterable[str]) -> str:
    """The grouping clause of an aggregation; none when everything is summed."""
    names = ", ".join(labels)
    return f" by ({names}) " if names else ""


def once(family: Family, matchers: Matchers | None = None, series: str = "", offset: str = "") -> str:
    """Each number of a family once, however many exporters show it. `series`: which one of a histogram's."""
    return f"max{by(_labels(family, series))}({select(series or family.name, matchers)}{offset})"


def summed(labels: Iterable[str], family: Family, matchers: Matchers | None = None, series: str = "") -> str:
    """What an exporter shows of a family, summed up to these labels."""
    kept, found = tuple(labels), once(family, matchers, series)
    return found if set(kept) == set(_labels(family, series)) else f"sum{by(kept)}({found})"


def of_one(expr: str) -> str:
    """The same, but nothing while Prometheus has what an exporter shows twice, under different labels."""
    return f"({expr}) unless on () (count({SCRAPE_OK.name}) > 1)"


def _labels(family: Family, series: str) -> tuple[str, ...]:
    return family.labels_of(series or family.name)


@dataclass(frozen=True)
class Live:
    """A number read from what was scraped last, for one window: no rule stands between, so none can be late.

    keep: labels that stay. matchers: of the variables of a page, and of the KPI's own labels.
    """

    window: str = "$window"
    period: str = PERIODS[0]
    keep: tuple[str, ...] = ()
    matchers: Matchers = field(default_factory=dict)


@dataclass(frozen=True)
class _RuleScope:
    """What a rule keeps: the level's labels, the KPI's own, window and period; or what a live number does."""

    kpi: Kpi
    level: Level
    live: Live | None = None

    @property
    def planned(self) -> bool:
        """Whether a plan is in the formula: then only the running period counts, and there is no `period`."""
        return bool(self.kpi.windows) and not has_period(self.kpi)

    @property
    def is_personal(self) -> bool:
        """Whether a manager's own plan is in the formula: all that he did counts, under the team of the plan."""
        return self.level is Level.MANAGER and self.kpi.is_planned

    @property
    def is_of_people(self) -> bool:
        """Whether each person has a number of his own, or one person alone is asked for."""
        return self.level is Level.MANAGER

    @property
    def time(self) -> tuple[str, ...]:
        """Labels of time that a formula with a plan keeps."""
        return () if self.live else ("window",)

    @property
    def on(self) -> str:
        """How operands of people meet in a rule: by what it keeps, as what is scraped has other labels besides."""
        is_plain = self.is_of_people and not self.live and not self.kpi.is_planned
        return f" on ({', '.join(self.labels())})" if is_plain else ""

    def summed(self, labels: Iterable[str], family: Family, matchers: Matchers | None = None, series: str = "") -> str:
        """What an exporter shows of a family, summed up to these labels."""
        is_urgent = not self.is_of_people and set(self.kpi.windows) & set(SHORT_WINDOWS)
        if self.live or is_urgent or family.source is not Source.CELLS:
            return summed(labels, family, matchers, series)
        return f"sum{by(labels)}({select(series or family.name, matchers)})"

    def read(self, of: Sum) -> str:
        """What is read of a sum: of people, in rules, the recorded one where there is one, which are fewer series."""
        recorded = recorded_sums().get(of.family)
        if recorded is None or self.live or not self.is_of_people or of.part or of.window or recorded.id == self.kpi.id:
            return self.series(of)
        has_all = set(self.kpi.windows) <= set(recorded.windows) and set(of.where) <= set(recorded.by)
        return recorded.record(self.level) if has_all else self.series(of)

    def series(self, of: Sum) -> str:
        """What is summed: of distributions that of teams, unless it is about people."""
        if self.is_of_people or not of.part:
            return of.name
        return of.family.team_sum if of.part == "sum" else of.family.team_count

    def labels(self, *extra: str) -> tuple[str, ...]:
        if self.live:
            return (*self.live.keep, *extra)
        time = ("window",) if self.planned else ("window", "period") if self.kpi.windows else ()
        return (*self.level.labels, *self.kpi.by, *time, *extra)

    def matchers(self, family: Family, where: Matchers, window: str = "") -> Matchers:
        result = dict(where)
        if self.live:
            return {**result, **self._pinned(family, window)}
        if family.source is not Source.CELLS:
            return result
        if window:
            return {**result, "window": window, "period": PERIODS[0]}
        if set(self.kpi.windows) != set(family.windows):
            result["window"] = self.kpi.windows
        if self.planned:
            result["period"] = PERIODS[0]
        return result

    def _pinned(self, family: Family, window: str) -> Matchers:
        live = self.live or Live()
        carried = (*family.credit, *family.labels)
        result = {label: value for label, value in live.matchers.items() if label.removesuffix("!") in carried}
        if family.source is Source.CELLS:
            result |= {"window": window or live.window, "period": PERIODS[0] if window else live.period}
        elif family.source is Source.PLAN:
            result["window"] = live.window
        return result


def has_period(kpi: Kpi) -> bool:
    """Whether a KPI's series carry `period`: windowed, and not measured against a plan of the running period."""
    return bool(kpi.windows) and not kpi.is_planned


def families(formula: Formula) -> tuple[Family, ...]:
    """The families that a formula reads, each once, in order."""
    return tuple(dict.fromkeys(leaf.family for leaf in leaves(formula)))


def shown_quantile(quantile: Quantile, labels: Iterable[str], matchers: Matchers, offset: str = "") -> str:
    """A percentile of people as the exporter shows it; of one with numbers in several teams that of the slowest."""
    selected = select(quantile.family.name, matchers, quantile=f"{quantile.q:g}")
    return f"max{by(labels)}({selected}{offset})"


def expression(kpi: Kpi, level: Level) -> str:
    """The PromQL of a KPI at a level, labelled by the level, the KPI's own labels, and window and period if any."""
    return _render(kpi.formula, _RuleScope(kpi, level))


def of_window(kpi: Kpi, level: Level, how: Live) -> str:
    """The PromQL of a KPI in one window, from the families themselves."""
    return _render(kpi.formula, _RuleScope(kpi, level, how))


def team_sums(series: str) -> str:
    """The recorded sum over a team of one series of a family that is shown of people alone, with its other labels.

    Teams and company read it instead of the managers' series: those are read once, however many KPIs there are.
    """
    return f"{Level.TEAM}:{series}:cells"


def _render(formula: Formula, scope: _RuleScope) -> str:
    match formula:
        case Ratio():
            return _ratio(formula, scope)
        case Minus(left, right, zero_left):
            return _minus(_operand(left, scope), _operand(right, scope), scope.on, zero_left=zero_left)
        case Scaled(of, times, plus):
            return _scaled(_inner(of, scope), times, plus)
        case Product(left, right):
            return f"{_operand(left, scope)} *{scope.on} {_operand(right, scope)}"
        case _:
            return _leaf(formula, scope)


def _leaf(formula: Leaf, scope: _RuleScope) -> str:
    match formula:
        case PerManager(of) if scope.level is not Level.MANAGER:
            return _mean_of_managers(of, scope)
        case (Sum() as of) | PerManager(of):
            matchers = {**scope.matchers(of.family, of.where, of.window), **(_PEOPLE if of is not formula else {})}
            if scope.is_personal:
                text = _of_person(of, scope, matchers)
            else:
                text = _sum(of.family, scope.read(of), scope, scope.labels(), matchers)
        case Oldest(family):
            text = f"max{by(scope.labels())}({select(family.name, scope.matchers(family, {}))})"
        case Plan(family, measure):
            planned = {"level": scope.level.value, "measure": measure}
            text = scope.summed(scope.labels(), family, scope.matchers(family, planned))
        case WorkingDays(family, state):
            text = _working_days(family, scope, {"state": state})
        case Quantile(q, family) if not scope.is_of_people:
            buckets = _sum(family, family.bucket, scope, scope.labels("le"), scope.matchers(family, {}))
            # Of buckets that are all 0 it is NaN, which is not >= 0, and so no number.
            text = f"histogram_quantile({q}, {buckets}) >= 0"
        case Quantile():
            text = shown_quantile(formula, scope.labels(), scope.matchers(formula.family, {}))
    return text


def _of_person(of: Sum, scope: _RuleScope, matchers: Matchers) -> str:
    """All that a manager did, whatever team it is credited to: with the team of the plan, where there is one."""
    matchers = {label: value for label, value in matchers.items() if label != "team"}
    if "team" not in scope.labels():
        return scope.summed(scope.labels(), of.family, matchers, scope.read(of))
    match = ("manager", *scope.time)
    did = scope.summed(match, of.family, matchers, scope.read(of))
    return f"({did} * on ({', '.join(match)}) group_left (team) {_plans(scope, scope.labels())})"


def _plans(scope: _RuleScope, labels: tuple[str, ...]) -> str:
    """1 for each that has the plan of a formula."""
    planned = scope.kpi.plan
    if planned is None:
        raise TypeError(f"{scope.kpi.id} has no plan")
    matchers = scope.matchers(planned.family, {"level": scope.level.value, "measure": planned.measure})
    return f"group{by(labels)}({select(planned.family.name, matchers)})"


def _working_days(family: Family, scope: _RuleScope, state: Matchers) -> str:
    """By the calendar of each team, of the company; for live numbers of people by that of their plan's team."""
    if scope.level is Level.COMPANY:
        return scope.summed(scope.time, family, {**scope.matchers(family, state), "team": ("",)})
    days = scope.summed(("team", *scope.time), family, scope.matchers(family, state))
    if not scope.live or "team" in scope.live.keep:
        return days
    if scope.is_personal:
        days = f"({_plans(scope, ('manager', 'team'))} * on (team) group_left () {days})"
    return f"max{by(scope.live.keep)}({days})"


def _sum(family: Family, series: str, scope: _RuleScope, labels: tuple[str, ...], matchers: Matchers) -> str:
    """What a level reads: managers and what is so now the family itself, teams and company the recorded sums.

    Distributions are shown by team already.
    """
    if series not in family.team_names and not scope.is_of_people and family.source is Source.CELLS and not scope.live:
        return f"sum{by(labels)}({select(team_sums(series), matchers)})"
    return scope.summed(labels, family, matchers, series)


def _operand(formula: Formula, scope: _RuleScope) -> str:
    """One side of an operator: in rules of people without a sum, where there is one series for each of what is kept."""
    if scope.on and isinstance(formula, Sum | PerManager):
        of = formula.of if isinstance(formula, PerManager) else formula
        matchers = {**scope.matchers(of.family, of.where, of.window), **(_PEOPLE if of is not formula else {})}
        name, kept = scope.read(of), set(scope.labels())
        labels = _labels(of.family, name) if name in of.family.names else kept | {*recorded_sums()[of.family].by}
        fixed = {label for label, value in matchers.items() if isinstance(value, str) or len(value) == 1}
        if kept <= {*labels} <= kept | fixed:
            return select(name, matchers)
    return _inner(formula, scope)


def _inner(formula: Formula, scope: _RuleScope) -> str:
    """An operand: in brackets unless it is one aggregation."""
    text = _render(formula, scope)
    return text if isinstance(formula, Leaf) and not isinstance(formula, Quantile) else f"({text})"


def _mean_of_managers(of: Sum, scope: _RuleScope) -> str:
    each = ("manager", *scope.labels())
    series = scope.summed(each, of.family, {**scope.matchers(of.family, of.where, of.window), **_PEOPLE}, of.name)
    return f"avg{by(scope.labels())}({series})"


def _ratio(ratio: Ratio, scope: _RuleScope) -> str:
    over, under, on = _operand(ratio.over, scope), _operand(ratio.under, scope), scope.on
    if isinstance(ratio.under, WorkingDays) and scope.is_personal and "team" in scope.labels():
        return f"{over} / on ({', '.join(('team', *scope.time))}) group_left () ({under} != 0)"
    # Without `!= 0` PromQL would give NaN or Inf where there is nothing to divide by.
    if ratio.empty is None:
        return f"{over} /{on} ({under} != 0)"
    # It has a result only where both sides have a series. None answered of ten calls is 0, so that side is filled.
    filler = f"{under} * 0" if ratio.empty == 0 else f"{under} * 0 + {ratio.empty:g}"
    return f"({over} or{on} {filler}) /{on} ({under} != 0)"


def _minus(left: str, right: str, on: str, *, zero_left: bool) -> str:
    first = f"({left} or{on} {right} * 0)" if zero_left else left
    return f"{first} -{on} ({right} or{on} {left} * 0)"


def _scaled(of: str, times: float, plus: float) -> str:
    text = of if times == 1 else f"{of} * {times:g}"
    if plus:
        text += f" {'+' if plus > 0 else '-'} {abs(plus):g}"
    return text
