"""What pipelines and their stages are called, as lines of info series: walls join them to numbers, which carry ids."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from metrics import measure
from metrics.catalogue import BY_CODE
from metrics.catalogue.service import PIPELINE_INFO, STAGE_INFO
from metrics.exporter.exposition.lines import Column
from metrics.exporter.exposition.text import header, plain_lines
from metrics.exporter.held.items import Items
from metrics.exporter.held.places import Values
from metrics.family import Family
from metrics.reference import Reference, distinct

_PIPELINE, _STAGE = "pipeline", "stage"
_HEADS = {family: header(family.name, family.help).encode() for family in (PIPELINE_INFO, STAGE_INFO)}


class SeenPipelines(NamedTuple):
    """Pipelines and stages, each under its pipeline, that any number was ever about."""

    pipelines: set[str]
    stages: set[tuple[str, str]]


class Pipelines:
    """The lines, rendered again only when a name changes or a pipeline or stage is new. Each is there once."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._looked = self._version = 0
        self._seen = SeenPipelines(set(), set())
        self._pieces: list[bytes | Column] = []

    def pieces(self, reference: Reference, items: Items, values: Values) -> Iterator[bytes | Column]:
        """Headings and lines; nothing when nothing is known. What sums to `other` is there as that."""
        if self._look(items, values) or reference is not self._reference:
            self._reference, self._pieces = reference, []
            for family, rows in lines(reference, self._seen, values.told_apart).items():
                column = Column()
                for row, labels in enumerate(rows):
                    column.put(row, plain_lines(family, [(labels, 1.0)]).encode())
                if column.filled:
                    self._pieces += [_HEADS[family], column]
        yield from self._pieces

    def _look(self, items: Items, values: Values) -> bool:
        """Take note of what is new among the measures, or shown otherwise; say whether anything is."""
        before = len(self._seen.pipelines) + len(self._seen.stages)
        if is_moved := values.version != self._version:
            self._version, self._looked, self._seen = values.version, 0, SeenPipelines(set(), set())
        look(self._seen, items, self._looked, values.alias)
        self._looked = len(items.all)
        return is_moved or len(self._seen.pipelines) + len(self._seen.stages) > before


def look(seen: SeenPipelines, items: Items, begin: int = 0, alias: Mapping[int, int] | None = None) -> None:
    """Add what the measures from number `begin` on are about, as they are shown."""
    for number in range(begin, len(items.all)):
        code, *values = measure.parts(items.all[(alias or {}).get(number, number)].measure)
        family = BY_CODE.get(code)
        if family is None or _PIPELINE not in family.labels:
            continue
        labels = dict(zip(family.labels, values, strict=False))
        seen.pipelines.add(labels[_PIPELINE])
        if _STAGE in labels:
            seen.stages.add((labels[_PIPELINE], labels[_STAGE]))


def lines(
    reference: Reference, seen: SeenPipelines, shown: Callable[[str, str], str] = lambda _, value: value
) -> dict[Family, list[tuple[str, ...]]]:
    """Label values of each line. What has no name is called as its id, so that a join leaves nothing out.

    shown: how a value of a label is shown that is no rest.
    """
    called = {shown(_PIPELINE, one): name for one, name in reference.pipelines.items()}
    pipelines = distinct(dict.fromkeys(seen.pipelines, "") | called)
    by_pipeline: dict[str, dict[str, str]] = {}
    for pipeline, stage in seen.stages:
        by_pipeline.setdefault(pipeline, {})[stage] = ""
    for (pipeline, stage), name in reference.stages.items():
        by_pipeline.setdefault(shown(_PIPELINE, pipeline), {})[shown(_STAGE, stage)] = name
    stages: list[tuple[str, ...]] = [
        (pipeline, stage, pipelines[pipeline], name)
        for pipeline, named in sorted(by_pipeline.items())
        for stage, name in sorted(distinct(named).items())
    ]
    return {PIPELINE_INFO: sorted(pipelines.items()), STAGE_INFO: stages}
