"""Every number of numbers.md as exact fractions, of each person, from contributions alone: see `exposed`."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

from metrics.catalogue import BY_CODE
from metrics.catalogue.money import MONEY_EVENTS, OPEN_MONEY_EVENTS
from metrics.catalogue.now import RECEIVABLE
from metrics.family import SECOND, Family, Kind
from streams.plain.calls import HOUR
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.course import PlainCourse
from streams.plain.plans import plan_series
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series
from streams.plain.sizes import bin_of_worth
from streams.plain.windows import windows

_T = TypeVar("_T")
_Time = tuple[str, str]
"""Window, period."""
_Group = tuple[str, tuple[str, ...], str, str]
"""Code, labels, manager, team."""
_MINUTES = 120 * 10**6
"""Answers that share sums may be so far apart, and more (us)."""
_Sums = defaultdict[_Time, defaultdict[_Group, Counter[tuple[str, int]]]]
_Bins = defaultdict[_Time, defaultdict[_Group, Counter[int]]]


def _groups() -> defaultdict[_Group, Counter[Any]]:
    return defaultdict(Counter)


@dataclass
class PlainShown:
    """Numbers at a moment `now` (us), summed up from contributions that are handed in one after another.

    at: the calendar windows as they stood then, cut after the running local hour or day. money: entities with money by
    (partition, currency, local day). clock: the moment (us) as of which open misses and leads are told, `now` when 0.
    pending: what is worked out for each answer, by its clock.
    """

    now: int
    rules: PlainRules
    reference: PlainReference
    at: bool = False
    sums: _Sums = field(default_factory=lambda: defaultdict(_groups))
    bins: _Bins = field(default_factory=lambda: defaultdict(_groups))
    money: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    clock: int = 0
    pending: Counter[Contribution] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.clock = self.clock or self.now
        self._told: dict[tuple[_Time, bool], dict[PlainSeries, Fraction]] = {}
        self.windows = windows(self.now, self.rules, at=self.at)
        self.today = self.rules.day(self.now)
        self.course = PlainCourse(self.today, self.rules, self.reference)
        self._carried = {
            code: [w for w in self.windows if w.window in family.windows] for code, family in BY_CODE.items()
        }

    def add(self, contributions: Iterable[Contribution], sign: int = 1, *, partition: int = 0) -> None:
        """Count a partition's contributions in every window that holds them; sign: -1 takes them back."""
        self._told.clear()
        for one in contributions:
            day = self.rules.day(one.time)
            if one.pending is not None and one.as_of(self.clock - _MINUTES, self.rules.calendar) is not one:
                self.pending[one] += sign
                continue
            if one.code == MONEY_EVENTS:
                self.money[partition, one.currency, day] += sign
            family = BY_CODE.get(one.code)
            if family is None:
                continue
            team = self.reference.team(one.manager, one.team)
            self.course.add(one, day, team, sign)
            for window in self._carried[one.code]:
                if window.holds(one.time, day):
                    time = window.window, window.period
                    group = (one.code, one.labels, one.manager, team)
                    self.sums[time][group][one.currency, day] += sign * one.value
                    if family.has_buckets and (at := self.bin(one, day)) is not None:
                        self.bins[time][group][at] += sign

    def bin(self, one: Contribution, day: int) -> int | None:
        """Index of the bin that a contribution to a distribution falls in; None where no rate converts it."""
        family = BY_CODE[one.code]
        if family.kind is Kind.HISTOGRAM:
            return bin_of(family, one.value)
        rate = self.reference.rate(one.currency, day)
        own = one.currency == self.rules.currency
        return None if rate is None else bin_of_worth(family, one.value, rate, own=own)

    def windowed(
        self, more: "PlainShown | None" = None, only: Collection[str] | None = None, *, durations: bool = True
    ) -> dict[PlainSeries, Fraction]:
        """The families with a window. more: sums to add to these; only: the windows wanted; durations: those, too."""
        found: dict[PlainSeries, Fraction] = {}
        for window in self.windows:
            time = window.window, window.period
            if only is None or window.window in only:
                found |= self._alone(time, durations=durations)
                others = [one for one in (more, self._late(more)) if one is not None]
                for group in {one for other in others for one in _wanted(other.sums[time], durations=durations)}:
                    sums = Counter(self.sums[time].get(group, {}))
                    bins = Counter(self.bins[time].get(group, {}))
                    for other in others:
                        sums.update(other.sums[time].get(group, {}))
                        bins.update(other.bins[time].get(group, {}))
                    self._put(found, time, group, sums, bins)
        return found

    def _late(self, more: "PlainShown | None") -> "PlainShown | None":
        """What the clock decides, as that of the answer has it."""
        counts = self.pending if more is None else _plus(self.pending, more.pending)
        clock = (more or self).clock
        told = [(one.as_of(clock, self.rules.calendar), n) for one, n in counts.items() if n]
        if not any(one for one, _ in told):
            return None
        late = PlainShown(self.now, self.rules, self.reference, self.at)
        for one, n in told:
            if one is not None:
                late.add([one._replace(pending=None)], n)
        return late

    def _alone(self, time: _Time, *, durations: bool) -> dict[PlainSeries, Fraction]:
        """A window of these sums alone: the same for all that is added to it, so it is worked out once."""
        if (found := self._told.get((time, durations))) is None:
            found = self._told[time, durations] = {}
            for group in _wanted(self.sums[time], durations=durations):
                bins = self.bins[time].get(group, Counter())
                self._put(found, time, group, self.sums[time][group], bins)
        return found

    def _put(
        self,
        found: dict[PlainSeries, Fraction],
        time: _Time,
        group: _Group,
        sums: Mapping[tuple[str, int], int],
        bins: Mapping[int, int],
    ) -> None:
        code, values, manager, team = group
        family = BY_CODE[code]
        labels = dict(zip(family.labels, values, strict=True))
        labels |= {"manager": manager, "team": team, "window": time[0], "period": time[1]}
        if family.kind is Kind.MONEY:
            amount = sum((self.converted(*at, value) for at, value in sums.items()), Fraction())
            found[series(family.name, labels)] = amount / family.scale
            return
        total = Fraction(sum(sums.values()), family.scale)
        if family.kind is Kind.COUNT:
            found[series(family.name, labels)] = total
            return
        if family.kind is Kind.HISTOGRAM:
            found[series(f"{family.name}_sum", labels)] = total
            found[series(f"{family.name}_count", labels)] = Fraction(sum(bins.values()))
        for index, le in enumerate(family.le):
            below = sum(n for at, n in bins.items() if at <= index)
            found[series(f"{family.name}_bucket", labels | {"le": le})] = Fraction(below)

    def service(
        self, things: Iterable[OpenThing], kept: Mapping[int, int], more: "PlainShown | None" = None
    ) -> dict[PlainSeries, Fraction]:
        """What the exporter says besides: events that no rate converts, and who works now.

        kept: partition → its first local day that is still held.
        """
        told = self.money if more is None else _plus(self.money, more.money)
        money = Counter((one.currency, self.today) for one in things if one.code == OPEN_MONEY_EVENTS)
        for (partition, currency, day), count in told.items():
            if count and day >= kept[partition]:
                money[currency, day] += count
        found: defaultdict[PlainSeries, Fraction] = defaultdict(Fraction)
        for (currency, day), count in money.items():
            if self.reference.rate(currency, day) is None:
                found[series("sales_unconverted_events", {"currency": currency})] += count
        for team in ("", *self.reference.teams()):
            works = self.rules.calendar.working_us(self.now, self.now + 1, team)
            found[series("sales_working_now", {"team": team})] = Fraction(works)
        return dict(found)

    def open_now(self, things: Iterable[OpenThing]) -> dict[PlainSeries, Fraction]:
        """The families without a window, but for plans."""
        found: defaultdict[PlainSeries, Fraction] = defaultdict(Fraction)
        things = list(things)
        for one, name in self.open(things):
            labels = {"manager": one.manager, "team": self.reference.team(one.manager, one.team)}
            found[series(f"sales_{name}", labels)] += 1
            oldest = series(f"sales_{name.split('_')[0]}_oldest_seconds", labels)
            found[oldest] = max(found[oldest], Fraction(max(0, self.now - one.since), SECOND))
        for one in things:
            who = {"manager": one.manager, "team": self.reference.team(one.manager, one.team)}
            if one.code == "waiting":
                self._waits(one, who, found)
            elif one.code == RECEIVABLE.code:
                found[series("sales_receivable_amount", who | {"age": self.age(one)})] += self.owed(one)
            elif (family := BY_CODE.get(one.code)) is not None:
                labels = who | dict(zip(family.labels, one.labels, strict=True))
                value = self.converted(one.currency, self.today, one.value)
                found[series(family.name, labels)] += value / family.scale
        return dict(found)

    def open(self, things: Iterable[OpenThing]) -> Iterator[tuple[OpenThing, str]]:
        """Misses and leads that are open now, with the name that they are counted by."""
        things = list(things)
        talking = {one.client for one in things if one.code == "talk" and self.now - one.since < HOUR}
        for one in things:
            if one.code == "miss" and self.now < one.until:
                yield one, "unreturned_clients"
            elif one.code == "lead" and self.now < one.until and one.client not in talking:
                yield one, "untouched_leads"

    def plan(self) -> dict[PlainSeries, Fraction]:
        """Targets, what of them should be reached by now, and working days."""
        return plan_series(self.now, self.rules, self.reference)

    def converted(self, currency: str, day: int, value: int) -> Fraction:
        """Money in the base currency, 0 when no rate converts it; what has no currency as it is."""
        rate = self.reference.rate(currency, day) if currency else 1
        return Fraction(0) if rate is None else value * Fraction(rate)

    def owed(self, invoice: OpenThing) -> Fraction:
        """What is still to pay of an invoice, in the base currency: at most all of it, at today's rate."""
        paid = sum((self.paid(invoice, *one) or Fraction() for one in invoice.against), Fraction())
        rest = min(max(Fraction(0), invoice.value - paid), Fraction(invoice.value))
        return rest * (self.reference.rate(invoice.currency, self.today) or 0) / 10**4

    def paid(self, invoice: OpenThing, currency: str, day: int, amount: int) -> Fraction | None:
        """What a payment is worth in the currency of its invoice, at the rates of its day; None without them."""
        if currency == invoice.currency:
            return Fraction(amount)
        rate, of_invoice = self.reference.rate(currency, day), self.reference.rate(invoice.currency, day)
        return None if rate is None or of_invoice is None else amount * rate / of_invoice

    def is_converted(self, one: OpenThing) -> bool:
        """Whether rates convert all of what is shown as of now, its payments included."""
        if one.currency and self.reference.rate(one.currency, self.today) is None:
            return False
        return all(self.paid(one, *payment) is not None for payment in one.against)

    def age(self, invoice: OpenThing) -> str:
        """How long an invoice is past due, as the label says it."""
        late = self.today - invoice.due_day
        if late <= 0:
            return "not_due"
        return "1-30" if late <= 30 else "31-60" if late <= 60 else "61-90" if late <= 90 else "over_90"

    def waited(self, one: OpenThing) -> int | None:
        """How long a client has waited, us; None for a call that must have ended unseen."""
        waited = max(0, self.now - one.since)
        return None if one.labels == ("call",) and waited >= HOUR else waited

    def is_overdue(self, one: OpenThing) -> bool:
        """Whether a client has waited for longer than the target."""
        target = self.rules.call_target if one.labels == ("call",) else self.rules.chat_target
        return (self.waited(one) or 0) > target

    def _waits(self, one: OpenThing, who: dict[str, str], found: defaultdict[PlainSeries, Fraction]) -> None:
        waited = self.waited(one)
        if waited is None:
            return
        labels = who | {"channel": one.labels[0]}
        found[series("sales_waiting_clients", labels)] += 1
        if self.is_overdue(one):
            found[series("sales_waiting_overdue_clients", labels)] += 1
        oldest = series("sales_waiting_oldest_seconds", labels)
        found[oldest] = max(found[oldest], Fraction(waited, SECOND))


def _wanted(groups: Iterable[_Group], *, durations: bool) -> Iterator[_Group]:
    """All of them, or those that are no distributions."""
    return (one for one in groups if durations or not BY_CODE[one[0]].has_buckets)


def _plus(one: Counter[_T], other: Counter[_T]) -> Counter[_T]:
    """Both added up; unlike `+` of counters it keeps what is below 0."""
    found = Counter(one)
    found.update(other)
    return found


def bin_of(family: Family, value: int) -> int:
    """Index of the histogram's bin that a duration (us) falls in; the last is +Inf."""
    for index, bound in enumerate(family.bounds):
        if value <= bound * SECOND:
            return index
    return len(family.bounds)
