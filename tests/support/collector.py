"""All families as prometheus_client's metrics: what the exporter's own, faster text is held against."""

from collections.abc import Iterator, Mapping
from itertools import accumulate, repeat
from operator import add

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.catalogue import FAMILIES, service
from metrics.catalogue.course import COURSE_FAMILIES
from metrics.exporter.board import Board
from metrics.exporter.exposition import text
from metrics.exporter.exposition.course import CourseRow
from metrics.exporter.exposition.people import Person, people
from metrics.exporter.exposition.pipelines import SeenPipelines, lines, look
from metrics.exporter.held.items import Item
from metrics.exporter.held.numbers import Histogram, Shown, block, merged, quantile
from metrics.exporter.held.open import open_block
from metrics.exporter.held.parts import Credit
from metrics.exporter.held.view import Row
from metrics.family import QUANTILES, Family, Kind
from metrics.reference import Reference
from metrics.windows import local_day, windows

Own = tuple[str, ...]
"""Values of a family's own labels, or of those of time."""


def resolve(sums: Mapping[Credit, Mapping[int, int]], reference: Reference) -> dict[Shown, list[Credit]]:
    """Credits by how they are shown: a manager's stated and unstated shares of one team become one."""
    shown: dict[Shown, list[Credit]] = {}
    for credit in sums:
        shown.setdefault((credit[0], reference.team_of(*credit)), []).append(credit)
    return shown


def rows(board: Board, now: float) -> Iterator[Row]:
    """Numbers of every credit in every window."""
    for slot, sums in board.sums(now).items():
        for shown, credits_ in sorted(resolve(sums, board.reference).items()):
            if numbers := block(board.named(merged(sums, credits_)), board.reference.rates):
                yield Row(shown, slot, numbers)


def team_rows(board: Board, now: float) -> Iterator[Row]:
    """Numbers that are shown by team, added up from its people's in every bucket of a window."""
    for window in windows(int(now), board.zone):
        sums: dict[Shown, dict[Item, int]] = {}
        for bucket in filter(lambda one: window.holds(*one), board._parts.buckets()):
            for credit, deltas in board._parts.of(bucket):
                mine = sums.setdefault(("", board.reference.team_of(*credit)), {})
                for item, value in board.named(dict(deltas)).items():
                    mine[item] = mine.get(item, 0) + value
        for shown, items in sorted(sums.items()):
            numbers = block(items, board.reference.rates)
            mine_only = {family: found for family, found in numbers.items() if family.team_names}
            if mine_only:
                yield Row(shown, (window.name, window.period), mine_only)


def open_rows(board: Board, now: float) -> Iterator[Row]:
    """What is open now."""
    today, sums = local_day(int(now), board.zone), board._aggregates.open
    for shown, credits_ in sorted(resolve(sums, board.reference).items()):
        if numbers := open_block(board.named(merged(sums, credits_)), board.reference.rates, today):
            yield Row(shown, None, numbers)


def course_rows(board: Board, now: float) -> dict[Family, list[CourseRow]]:
    """Sums by hour and by day."""
    return board._course.rows(board.local(now).date(), board.reference)


def everybody(board: Board, now: float) -> list[Person]:
    """Everybody whom `sales_manager_info` names."""
    board.refresh(now)
    return list(people(board.reference, board._credited(now)))


def pipelines(board: Board) -> dict[Family, list[tuple[str, ...]]]:
    """What `sales_pipeline_info` and `sales_stage_info` name."""
    seen = SeenPipelines(set(), set())
    look(seen, board._parts.items)
    return lines(board.reference, seen)


class SalesCollector(Collector):
    """One board at a moment (Unix seconds)."""

    def __init__(self, board: Board, now: float) -> None:
        self._board = board
        self._now = now

    def describe(self) -> Iterator[Metric]:
        """Names, help and labels, from the catalogue alone."""
        return iter(_empty().values())

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample."""
        metrics = _empty()
        board, now = self._board, self._now
        for row in [*rows(board, now), *team_rows(board, now), *open_rows(board, now), *board.waiting_rows(now)]:
            _add(metrics, row)
        for family, labels, value in board.plan_samples(now):
            metrics[family.name].add_metric(labels, value)
        for family, found in course_rows(board, now).items():
            for labels, value in found:
                metrics[family.name].add_metric(labels, value)
        for person in everybody(board, now):
            metrics[service.MANAGER_INFO.name].add_metric(person, 1.0)
        for family, named in pipelines(board).items():
            for labels in named:
                metrics[family.name].add_metric(labels, 1.0)
        return (metric for metric in metrics.values() if metric.samples)


def _empty() -> dict[str, GaugeMetricFamily]:
    own = (service.MANAGER_INFO, service.PIPELINE_INFO, service.STAGE_INFO, *COURSE_FAMILIES)
    found = {family.name: _gauge(family, family.name) for family in own}
    for family, name in text.exposed(FAMILIES):
        found[name] = _gauge(family, name)
    return found


def _gauge(family: Family, name: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, family.help, labels=family.labels_of(name))


def _add(metrics: dict[str, GaugeMetricFamily], row: Row) -> None:
    time = row.slot or ()
    for family, numbers in row.block.items():
        name = family.name if row.shown[0] else family.bucket
        if row.slot is not None and not (row.slot[0] in family.windows_of(name) and row.slot[1] in family.periods):
            continue
        told = {own: number for own, number in numbers.items() if isinstance(number, Histogram)}
        if not row.shown[0]:
            _add_team(metrics, family, row.shown[1], told, time)
        elif family.kind is Kind.HISTOGRAM:
            _add_person(metrics, family, row.shown, told, time)
        for own, number in numbers.items() - told.items():
            metrics[family.name].add_metric((*row.shown, *own, *time), number)


def _add_team(
    metrics: dict[str, GaugeMetricFamily], family: Family, team: str, told: Mapping[Own, Histogram], time: Own
) -> None:
    if family.kind is Kind.SIZES:
        bins = zip(*(one.bins for one in told.values()), strict=True)
        told = {(): Histogram(tuple(map(sum, bins)), 0)} if told else {}
    for own, number in told.items():
        labels = (team, *own, *time)
        for le, running in zip(family.le, accumulate(number.bins), strict=True):
            metrics[family.bucket].add_metric((*labels, le), running)
        if family.kind is Kind.HISTOGRAM:
            metrics[family.team_sum].add_metric(labels, number.sum)
            metrics[family.team_count].add_metric(labels, number.count)


def _add_person(
    metrics: dict[str, GaugeMetricFamily], family: Family, shown: Shown, told: Mapping[Own, Histogram], time: Own
) -> None:
    bins: dict[Own, list[int]] = {}
    for own, number in told.items():
        metrics[family.sum].add_metric((*shown, *own, *time), number.sum)
        metrics[family.count].add_metric((*shown, *own, *time), number.count)
        kept = own[: len(family.keeps)]
        bins[kept] = list(map(add, bins.get(kept, repeat(0)), number.bins))
    for kept, counts in bins.items():
        for q in QUANTILES:
            value = quantile(q, list(accumulate(counts)), family.bounds)
            metrics[family.name].add_metric((*shown, *kept, *time, str(q)), value)
