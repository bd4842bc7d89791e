"""The law of history: each period's point is what the plain definition says at its end, now that all is known.

Asked again after more has come in, also late and about the past, it is what the plain definition then says.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalogue import CELL_FAMILIES, KPIS
from metrics.exporter.held.unanswered import OWN
from metrics.exporter.kpi import history
from metrics.family import CALENDAR_WINDOWS, Family, Kind
from metrics.kpi import Kpi, Level
from metrics.view import Field
from metrics.windows import period_end
from streams.plain.kpis import PlainAsked, PlainNumbers
from streams.plain.listed import still_listed
from streams.plain.quantiles import quantile
from streams.plain.series import PlainSeries
from tests.laws.mixtures import ANCHORS, ZONES, Json
from tests.laws.test_shown_now import NEAR, clock, floor_of, near_events, references
from tests.laws.test_streamed import LAW
from tests.support.boards import parts_of
from tests.support.floors import Floor

_WINDOWED = [kpi for kpi in KPIS if kpi.windows]
_SERIES = [name for family in CELL_FAMILIES for name in family.names]
_MONEY = [family.name for family in CELL_FAMILIES if family.kind is Kind.MONEY]
_BUCKETS = {family.name: family for family in CELL_FAMILIES if family.kind is Kind.HISTOGRAM}
_HELD = {name: name.replace("sales_team_", "sales_", 1) for family in _BUCKETS.values() for name in family.team_names}
"""What is shown by team → the same of people, which history and the plain definition have."""
_FLOATS = 1e-9
_BACK = 45
_ASKED, _OF_MONEY = 8, 3
"""Of all that has a past, and of what rates convert: seldom does an amount lie on a day on which its rate changes."""

Told = dict[tuple[str, ...], float]


def _equal(exact: dict[tuple[str, ...], Fraction], found: Told) -> bool:
    """What is 0 is as good as absent; KPIs are divided in floats."""
    return all(
        abs(float(exact.get(key, 0)) - found.get(key, 0.0)) <= _FLOATS * max(1.0, abs(found.get(key, 0.0)))
        for key in exact.keys() | found.keys()
    )


def _asked(floor: Floor, told: history.History, question: history.Question, now: float) -> dict[date, Told]:
    today = floor.board.local(now).date()
    periods = history.span(question, today - timedelta(days=_BACK), today, today)
    for _ in told.making(question, periods, now):
        pass
    points = told.points(question, periods, now)
    assert [date.fromisoformat(point["from"]) for point in points] == periods
    return {
        date.fromisoformat(point["from"]): {tuple(one["labels"].values()): one["value"] for one in point["values"]}
        for point in points
    }


class _Plain:
    """The plain definition's numbers at the end of any local day, or now."""

    def __init__(self, floor: Floor, now: float) -> None:
        self._floor, self._now = floor, now
        self._known: dict[date, dict[PlainSeries, Fraction]] = {}

    def series(self, step: str, first: date) -> dict[PlainSeries, Fraction]:
        """All series as of the end of the period of a step that begins on a day; of the running one as of now."""
        today = self._floor.board.local(self._now).date()
        end = min(period_end(step, first), today + timedelta(days=1))
        if end not in self._known:
            at = self._now if end > today else self._end(end)
            self._known[end] = self._floor.plain(at, self._now)
        return self._known[end]

    def _end(self, day: date) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=self._floor.board.zone).timestamp() - 2e-6

    def kpi(self, kpi: Kpi, level: Level, step: str, first: date) -> dict[tuple[str, ...], Fraction]:
        return PlainAsked(PlainNumbers(self.series(step, first)), kpi, level, step, "current").values()

    def family(self, question: history.Question, first: date) -> dict[tuple[str, ...], Fraction]:
        name, labels = _HELD.get(question.series, question.series), question.labels
        if name in _BUCKETS:
            return self._percentiles(_BUCKETS[name], question, first)
        return self._summed(name, labels, question.step, first)

    def _summed(self, name: str, names: tuple[str, ...], step: str, first: date) -> dict[tuple[str, ...], Fraction]:
        found: dict[tuple[str, ...], Fraction] = {}
        for one, value in self.series(step, first).items():
            labels = dict(one.labels)
            if one.name == name and labels["window"] == step and labels["period"] == "current":
                key = tuple(labels[label] for label in names)
                found[key] = found.get(key, Fraction()) + value
        return found

    def _percentiles(self, family: Family, question: history.Question, first: date) -> dict[tuple[str, ...], Fraction]:
        below = self._summed(f"{family.name}_bucket", (*question.labels[:-1], "le"), question.step, first)
        return {
            (*key, q): Fraction(quantile(float(q), family.bounds, [below[*key, le] for le in family.le]))
            for *key, last in below
            if last == "+Inf" and below[*key, last]
            for q in ("0.5", "0.9", "0.95")
        }


@settings(LAW, max_examples=100)
@given(
    near_events(40), references, st.sampled_from(ZONES),
    st.sampled_from(ANCHORS[:NEAR]), st.integers(-600, 90_000), st.integers(0, 1), st.sampled_from([1, 3]),
    st.sampled_from(Level), st.sampled_from(CALENDAR_WINDOWS), st.integers(0, 40), st.randoms(use_true_random=False),
)  # fmt: skip
def test_history_is_plain(
    events: list[Json], records: list[Json], zone: str, anchor: datetime, minutes: int, calendar: int, partitions: int,
    level: Level, step: str, known: int, random: Random,
) -> None:  # fmt: skip
    """Every KPI and family by a step and level; asked first when some of it was known, then when all is."""
    now = clock(events, anchor + timedelta(minutes=minutes))
    questions = [
        *(history.question(kpi.id, None, level, "", step) for kpi in _WINDOWED if step in kpi.windows),
        *(history.question(None, name, level, "", step) for name in _SERIES),
    ]
    money = [history.question(None, name, level, "", step) for name in _MONEY]
    questions = [*random.sample(questions, _ASKED), *random.sample(money, _OF_MONEY)]
    before = floor_of(events[: max(1, known)], records, zone, calendar, partitions)
    floor = floor_of(events, records, zone, calendar, partitions)
    board = before.board
    told = history.History(board)
    for question in questions:
        _asked(before, told, question, now)
        # What is at rest by family answers as what is not.
        list(board.settling() if random.random() < 0.3 else ())
    # The rest comes in, as updates of the view.
    for bucket in floor.board._parts.buckets() | board._parts.buckets():
        gone: dict[Field, dict[str, int]] = {field: {} for field in parts_of(board, bucket) if field.partition != OWN}
        board.put(bucket, gone | parts_of(floor.board, bucket))
    for number, partition in enumerate(floor.plain_partitions):
        board.put_unanswered(number, still_listed(list(partition.open_things()), partition.time, floor.rules))
    plain = _Plain(floor, now)
    for question in questions:
        kpi = next((kpi for kpi in _WINDOWED if kpi.id == question.kpi), None)
        list(board.settling() if random.random() < 0.3 else ())
        for first, found in _asked(before, told, question, now).items():
            exact = plain.kpi(kpi, level, step, first) if kpi else plain.family(question, first)
            assert _equal(exact, found), (question, first, exact, found)
