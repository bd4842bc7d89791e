"""One reading of the log told at several offsets and moments: what every answer of the exporter must have shown.

Answers are given while events come in, each as of other records. The plain definition is summed up once, where the
first of them stands; what the clients who were heard of since add is exchanged for every later one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from metrics.catalogue import KPIS
from metrics.family import NINETY_DAYS, PLAN_WINDOWS
from metrics.kpi import Kpi, Level
from streams.audit import walls
from streams.audit.answers import AT, AuditAnswer
from streams.plain.client import PlainClient
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exposed import exposed
from streams.plain.kept import kept_from
from streams.plain.kpis import PlainAsked, PlainNumbers, trend
from streams.plain.log import PlainPartition
from streams.plain.other import together
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series
from streams.plain.shown import PlainShown
from streams.plain.windows import PlainWindow

_Told = tuple[list[Contribution], list[OpenThing]]


@dataclass
class _Account:
    """What an answer must show: the sums that it shares with others, and what differs where it stands.

    kept: partition → its first local day that was still held.
    """

    answer: AuditAnswer
    shared: PlainShown
    own: PlainShown
    things: list[OpenThing] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)


class Retold:
    """The accounts of all answers, filled partition by partition: `stops`, then `before` and `at` in log order."""

    def __init__(self, answers: Iterable[AuditAnswer], rules: PlainRules, reference: PlainReference) -> None:
        self._shared: dict[tuple[PlainWindow, ...], PlainShown] = {}
        self._accounts: list[_Account] = []
        for answer in answers:
            own = PlainShown(answer.at or answer.moment, rules, reference, at=bool(answer.at), clock=answer.moment)
            shared = PlainShown(own.now, rules, reference, at=own.at, clock=own.clock)
            self._accounts.append(_Account(answer, self._shared.setdefault(tuple(own.windows), shared), own))
        self._begun: int | None = None
        self._clients: dict[str, _Told] = {}
        self._base: dict[str, list[OpenThing]] = {}

    def stops(self, partition: int) -> list[int]:
        """Offsets at which answers stand; a new partition begins."""
        self._begun = None
        self._clients, self._base = {}, {}
        return sorted({account.answer.fences.get(partition, -1) for account in self._accounts})

    def before(self, partition: PlainPartition, key: str) -> None:
        """A client is about to be heard of."""
        if self._begun is not None and key not in self._clients:
            self._clients[key] = _told(partition.clients.get(key))

    def at(self, number: int, offset: int, partition: PlainPartition) -> None:
        """The partition stands where some answers do."""
        if self._begun is None:
            self._begun = offset
            self._sum_up(number, partition)
        for account in self._accounts:
            if account.answer.fences.get(number, -1) == offset:
                account.kept[number] = kept_from(partition.time, partition.rules)
                self._exchange(account, number, partition)

    def _sum_up(self, number: int, partition: PlainPartition) -> None:
        for key, client in partition.clients.items():
            contributions, things = _told(client)
            for shown in self._shared.values():
                shown.add(contributions, partition=number)
            if things:
                self._base[key] = things

    def _exchange(self, account: _Account, number: int, partition: PlainPartition) -> None:
        for key, (contributions, _) in self._clients.items():
            now, things = _told(partition.clients.get(key))
            account.own.add(contributions, -1, partition=number)
            account.own.add(now, partition=number)
            account.things += things
        account.things += [one for key, things in self._base.items() if key not in self._clients for one in things]

    def expected(self) -> Iterable[tuple[AuditAnswer, dict[PlainSeries, Fraction]]]:
        """Every answer with all that it must show."""
        for account in self._accounts:
            yield account.answer, _expected(account)


def _told(client: PlainClient | None) -> _Told:
    if client is None:
        return [], []
    return list(client.contributions()), list(client.open_things())


def _expected(account: _Account) -> dict[PlainSeries, Fraction]:
    answer, shared, own = account.answer, account.shared, account.own
    if answer.source == AT:
        return exposed(together(shared.windowed(own), own.reference, own.rules))
    now = own.open_now(account.things) | own.plan()
    if answer.wall is not None:
        # Of a plan's windows only what plans are about, of which none is a duration: the most of all series.
        held = shared.windowed(own, {answer.wall.window})
        held |= shared.windowed(own, {NINETY_DAYS, *PLAN_WINDOWS} - {answer.wall.window}, durations=False)
        return walls.expected(answer.wall, PlainNumbers(held | now), account.things, own, answer.shown)
    if answer.asked is None:
        return (
            exposed(together(shared.windowed(own) | now, own.reference, own.rules))
            | own.service(account.things, account.kept, shared)
            | shared.course.shown(own.course)
        )
    level, window, period = answer.asked
    return dict(kpis(PlainNumbers(shared.windowed(own, {window, NINETY_DAYS}) | now), level, window, period))


def kpis(numbers: PlainNumbers, level: Level, window: str, period: str) -> Iterator[tuple[PlainSeries, Fraction]]:
    """All that the JSON API must say of a level in a window: values, previous values and trends."""
    for kpi in KPIS:
        if kpi.windows and window not in kpi.windows:
            continue
        if kpi.is_planned and period != "current":
            continue
        values = PlainAsked(numbers, kpi, level, window, period).values()
        before: Mapping[tuple[str, ...], Fraction] = {}
        if kpi.trend and period == "current":
            before = PlainAsked(numbers, kpi, level, window, "previous").values()
        for key, value in values.items():
            yield from _told_of(kpi, level, window, period, key, value, before.get(key))


def _told_of(
    kpi: Kpi, level: Level, window: str, period: str, key: tuple[str, ...], value: Fraction, previous: Fraction | None
) -> Iterator[tuple[PlainSeries, Fraction]]:
    labels = dict(zip((*level.labels, *kpi.by), key, strict=True))
    labels |= {"window": window} if kpi.windows else {}
    timed = bool(kpi.windows) and not kpi.is_planned
    yield series(kpi.record(level), labels | ({"period": period} if timed else {})), value
    if previous is not None:
        yield series(kpi.record(level), labels | {"period": "previous"}), previous
        if (change := trend(kpi, value, previous)) is not None:
            yield series(kpi.trend_record(level), labels), change
