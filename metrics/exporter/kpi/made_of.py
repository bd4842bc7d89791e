"""What a KPI is made of: the explainable numbers in its formula, so that a person can ask for the entities of each."""

from itertools import chain, product
from typing import Any

from metrics.catalogue import BY_EXPOSED
from metrics.catalogue.titles import title_of
from metrics.kpi import Formula, Leaf, Oldest, Plan, Quantile, Sum, WorkingDays, leaves

Part = dict[str, Any]
"""`family` and `labels` as /api/v1/explain takes them; `window` where it is not that of the KPI, "" for none."""


def parts(formula: Formula) -> list[Part]:
    """Every number that goes into a formula, in reading order, each once."""
    found: list[Part] = []
    for part in chain.from_iterable(map(_parts, leaves(formula))):
        if part not in found:
            found.append(part)
    return found


def told(formula: Formula) -> list[Part]:
    """The same with what people call each: `title`, `title_ru`."""
    return [{**part, **_titled(BY_EXPOSED[part["family"]].name)} for part in parts(formula)]


def _titled(name: str) -> dict[str, str]:
    return {"title": title_of(name, "en"), "title_ru": title_of(name, "ru")}


def _parts(leaf: Leaf) -> list[Part]:
    if isinstance(leaf, Sum):
        # Explain takes one value per label: several that count are several numbers.
        chosen = product(*([(label, value) for value in values] for label, values in leaf.where.items()))
        fixed = {"window": leaf.window} if leaf.window or not leaf.family.windows else {}
        return [{"family": leaf.name, "labels": dict(labels), **fixed} for labels in chosen]
    found = _named(leaf)
    return [found if leaf.family.windows else {**found, "window": ""}]


def _named(formula: Quantile | Oldest | Plan | WorkingDays) -> Part:
    match formula:
        case Quantile():
            return {"family": formula.family.name, "labels": {"quantile": str(formula.q)}}
        case Oldest():
            return {"family": formula.family.name, "labels": {}}
        case Plan():
            return {"family": formula.family.name, "labels": {"measure": formula.measure}}
        case WorkingDays():
            return {"family": formula.family.name, "labels": {"state": formula.state}}
