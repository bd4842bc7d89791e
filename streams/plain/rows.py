"""The entities behind one number: the same contributions that make it up, one by one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from metrics.catalogue import FAMILIES
from metrics.catalogue.now import RECEIVABLE
from metrics.family import QUANTILES, SECOND, Family, Kind, Source
from streams.plain.contribution import LISTED, Contribution, OpenThing
from streams.plain.plans import plan_series
from streams.plain.shown import PlainShown

_DISTRIBUTIONS = {Kind.HISTOGRAM: "sum", Kind.SIZES: "bucket"}
"""What a distribution without ending means."""
_PARTS = {
    name: (family, name.rpartition("_")[2] if name != family.name and family.kind in _DISTRIBUTIONS else "")
    for family in FAMILIES
    for name in family.names
}
_PARTS |= {family.name: (family, _DISTRIBUTIONS.get(family.kind, "")) for family in FAMILIES}


class PlainRow(NamedTuple):
    """One entity's share. `time` in us, None for what is open now; `value` in the unit of the family.

    converted: False when no rate converts its money, which is then left out (value 0), or a payment of an invoice,
    which is then shown without it. labels: values of the family's labels, in its order.
    """

    kind: str
    entity: str
    client: str
    manager: str
    team: str
    time: int | None
    value: Fraction
    converted: bool = True
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlainQuery:
    """Which number is asked for. What is None or left out of `labels` is summed over.

    family: a name as exposed; durations without ending mean their sum, or the `quantile` among the labels; amounts all
    that are counted. `labels`: without manager, team, window, period. Raises ValueError for what does not exist.
    """

    family: str
    labels: Mapping[str, str] = field(default_factory=dict)
    manager: str | None = None
    team: str | None = None
    window: str = ""
    period: str = "current"

    def __post_init__(self) -> None:
        if self.family not in _PARTS:
            raise ValueError(f"{self.family!r} is not a family of sales numbers; GET /metrics shows all")
        allowed = {*self.declared.labels, *(["le"] if self.part == "bucket" else [])}
        allowed |= {"quantile"} if self.has_quantiles else set()
        if unknown := sorted({*self.labels} - allowed):
            raise ValueError(
                f"{self.family} has no label {unknown[0]!r}; it has {', '.join(sorted(allowed)) or 'none'}"
            )
        if self.quantile not in ("", *map(str, QUANTILES)):
            known = ", ".join(map(str, QUANTILES))
            raise ValueError(f"{self.family} has no quantile {self.quantile!r}; use one of {known}")
        if self.declared.source is Source.CELLS and self.window not in self.declared.windows:
            raise ValueError(f"{self.family} has no window {self.window!r}; use {', '.join(self.declared.windows)}")
        if self.period not in ("current", "previous"):
            raise ValueError(f"{self.period!r} is not a period; use current or previous")

    @property
    def declared(self) -> Family:
        """The family's record in the catalogue."""
        return _PARTS[self.family][0]

    @property
    def part(self) -> str:
        """Of a distribution: bucket, sum or count; else empty."""
        return _PARTS[self.family][1]

    @property
    def has_quantiles(self) -> bool:
        """Whether it may be asked for a percentile."""
        return self.declared.kind is Kind.HISTOGRAM and self.family == self.declared.name

    @property
    def quantile(self) -> str:
        """The percentile asked for; "" for the sum."""
        return self.labels.get("quantile", "")

    def asks_for(self, names: tuple[str, ...], values: tuple[str, ...], manager: str, team: str) -> bool:
        """Whether an entity with these label values, manager and team belongs to the number."""
        own = dict(zip(names, values, strict=True))
        return (
            self.manager in (None, manager)
            and self.team in (None, team)
            and all(own.get(name, value) == value for name, value in self.labels.items())
        )


def windowed_rows(query: PlainQuery, contributions: Iterable[Contribution], shown: PlainShown) -> Iterator[PlainRow]:
    """The rows of a family with a window; `shown` says for which moment."""
    family = query.declared
    found = [w for w in shown.windows if (w.window, w.period) == (query.window, query.period)]
    for contribution in contributions:
        one = contribution.as_of(shown.clock, shown.rules.calendar)
        if one is None:
            continue
        if one.code != family.code or not any(w.holds(one.time, shown.rules.day(one.time)) for w in found):
            continue
        team = shown.reference.team(one.manager, one.team)
        if not query.asks_for(family.labels, one.labels, one.manager, team):
            continue
        who = (one.kind, one.entity, one.client, one.manager, team, one.time)
        if family.kind is Kind.MONEY:
            day = shown.rules.day(one.time)
            known = shown.reference.rate(one.currency, day) is not None
            yield PlainRow(*who, shown.converted(one.currency, day, one.value) / family.scale, known, one.labels)
        elif query.part == "count":
            yield PlainRow(*who, Fraction(1), labels=one.labels)
        elif query.part == "bucket":
            at = shown.bin(one, shown.rules.day(one.time))
            if at is None or at <= family.le.index(query.labels.get("le", "+Inf")):
                yield PlainRow(*who, Fraction(at is not None), at is not None, one.labels)
        else:
            yield PlainRow(*who, Fraction(one.value, family.scale), labels=one.labels)


def open_rows(query: PlainQuery, things: Iterable[OpenThing], shown: PlainShown) -> Iterator[PlainRow]:
    """The rows of a family without a window."""
    things = list(things)
    open_ = dict(shown.open(things))
    for one in things:
        team = shown.reference.team(one.manager, one.team)
        who = (one.kind, one.entity, one.client, one.manager, team, one.since or None)
        for name, values, value in _open_values(one, shown, open_.get(one, "")):
            if name == query.family and query.asks_for(query.declared.labels, values, one.manager, team):
                yield PlainRow(*who, value, shown.is_converted(one), values)


def _open_values(one: OpenThing, shown: PlainShown, name: str) -> Iterator[tuple[str, tuple[str, ...], Fraction]]:
    """Names, label values and values that an open thing is shown under. name: that of one that the clock decides."""
    if one.code in LISTED - {"waiting"}:
        if name:
            yield f"sales_{name}", (), Fraction(1)
            yield (
                f"sales_{name.split('_', maxsplit=1)[0]}_oldest_seconds",
                (),
                Fraction(max(0, shown.now - one.since), SECOND),
            )
        return
    if one.code == RECEIVABLE.code:
        yield "sales_receivable_amount", (shown.age(one),), shown.owed(one)
    elif one.code != "waiting":
        for family in FAMILIES:
            if family.code == one.code:
                value = shown.converted(one.currency, shown.today, one.value)
                yield family.name, one.labels, value / family.scale
    elif (waited := shown.waited(one)) is not None:
        yield "sales_waiting_clients", one.labels, Fraction(1)
        yield "sales_waiting_oldest_seconds", one.labels, Fraction(waited, SECOND)
        if shown.is_overdue(one):
            yield "sales_waiting_overdue_clients", one.labels, Fraction(1)


def plan_rows(query: PlainQuery, shown: PlainShown) -> Iterator[PlainRow]:
    """Plans and working days: each series is a row of its own."""
    for series, value in plan_series(shown.now, shown.rules, shown.reference).items():
        labels = dict(series.labels)
        manager, team = labels.pop("manager", ""), labels.pop("team", "")
        if query.window not in ("", labels.get("window")):
            continue
        if series.name == query.family and query.asks_for(tuple(labels), tuple(labels.values()), manager, team):
            name = " ".join(labels.values())
            yield PlainRow("plan" if "level" in labels else "calendar", name, "", manager, team, None, value)
