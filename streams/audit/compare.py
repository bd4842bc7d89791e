"""Two accounts of the same thing, compared number by number."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import NamedTuple

from metrics.measure import parts as measure_parts
from metrics.view import Unanswered, Waiting
from streams.audit.answers import AuditAnswer
from streams.audit.report import Difference
from streams.audit.shown_parts import PartName
from streams.plain.calls import LISTED
from streams.plain.kept import PlainHeard, is_kept
from streams.plain.parts import Cell, Parts
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries

_FLOATS = 1e-9


class Differing(NamedTuple):
    """One measure of one cell of which two accounts say different things; None where one says nothing."""

    cell: Cell
    measure: str
    shown: int | None
    log: int | None


def cells(
    partition: int,
    time: int,
    heard: PlainHeard,
    rules: PlainRules,
    log: Parts,
    shown: Mapping[PartName, Mapping[str, int]],
) -> tuple[int, list[Differing]]:
    """How many numbers of one partition's parts were compared, and those that differ.

    Only what is kept at the partition's time (us) is compared.
    """
    held: dict[Cell, Mapping[str, int]] = {
        (kind, bucket, manager, team): part
        for (kind, bucket, of, manager, team), part in shown.items()
        if of == partition and is_kept(kind, bucket, time, heard, rules)
    }
    compared, found_out = 0, []
    for cell in sorted(log.keys() | held.keys()):
        expected, found = log.get(cell, {}), held.get(cell, {})
        for measure in sorted(expected.keys() | found.keys()):
            compared += 1
            if expected.get(measure, 0) != found.get(measure, 0):
                found_out.append(Differing(cell, measure, found.get(measure), expected.get(measure)))
    return compared, found_out


def in_words(partition: int, one: Differing) -> Difference:
    """A difference for people."""
    where = f"partition {partition}, {_cell(one.cell)}, {' '.join(measure_parts(one.measure))}"
    shown, log = ("" if number is None else str(number) for number in (one.shown, one.log))
    return Difference(where, shown, log)


def _cell(cell: Cell) -> str:
    kind, bucket, manager, team = cell
    when = "open now"
    if kind == "d":
        when = f"day {date.fromordinal(bucket)}"
    elif kind in ("h", "m"):
        when = f"{'hour' if kind == 'h' else 'minute'} {datetime.fromtimestamp(bucket, UTC):%Y-%m-%dT%H:%MZ}"
    return f"{when}, manager {manager}, team {team or '(not stated)'}"


def waiting(partition: int, time: int, log: list[Waiting], shown: list[Waiting]) -> Iterator[Difference]:
    """Differences in who waits; calls that are no longer listed are left out on both sides."""
    expected = Counter(one for one in log if not _is_over(one, time))
    found = Counter(one for one in shown if not _is_over(one, time))
    for one in sorted((expected - found) + (found - expected)):
        yield Difference(
            f"partition {partition}, waiting {' '.join(map(str, one))}", str(found[one]), str(expected[one])
        )


def unanswered(partition: int, log: list[Unanswered], shown: list[Unanswered]) -> Iterator[Difference]:
    """Differences in what is open: misses, leads, and calls under way."""
    expected, found = Counter(log), Counter(shown)
    for one in sorted((expected - found) + (found - expected)):
        name = f"partition {partition}, open {' '.join(map(str, one))}"
        yield Difference(name, str(found[one]), str(expected[one]))


def _is_over(one: Waiting, time: int) -> bool:
    return one.channel == "call" and one.start + LISTED <= time


def answers(answer: AuditAnswer, log: Mapping[PlainSeries, Fraction]) -> Iterator[Difference]:
    """Differences in what an answer shows; what is absent counts as 0. KPIs are divided in floats."""
    slack = _FLOATS if answer.divides else 0.0
    for one in sorted(log.keys() | answer.shown.keys()):
        exact, found = log.get(one, Fraction()), answer.shown.get(one, 0.0)
        if abs(float(exact) - found) <= slack * max(1.0, abs(found)):
            continue
        labels = ",".join(f'{name}="{value}"' for name, value in one.labels)
        yield Difference(f"{answer.name} {one.name}{{{labels}}}", repr(found), str(exact))


def fences(answer: AuditAnswer, view: Mapping[int, int]) -> Iterator[Difference]:
    """Partitions of which an answer is older than the view was when it was asked for."""
    for partition, fence in view.items():
        shown = answer.fences.get(partition, -1)
        if shown < fence:
            yield Difference(f"{answer.name} last record of partition {partition}", str(shown), str(fence))
