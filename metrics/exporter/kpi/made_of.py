"""What a KPI is made of: the explainable numbers in its formula, so that a person can ask for the entities of each."""

from itertools import product
from typing import Any

from metrics.catalogue import BY_EXPOSED
from metrics.catalogue.titles import title_of
from metrics.kpi import Formula, Minus, Oldest, PerManager, Plan, Product, Quantile, Ratio, Scaled, Sum, WorkingDays

Part = dict[str, Any]
"""`family` and `labels` as /api/v1/explain takes them; `window` where it is not that of the KPI, "" for none."""


def parts(formula: Formula) -> list[Part]:
    """Every number that goes into a formula, in reading order, each once."""
    found: list[Part] = []
    for part in _parts(formula):
        if part not in found:
            found.append(part)
    return found


def told(formula: Formula) -> list[Part]:
    """The same with what people call each: `title`, `title_ru`."""
    return [{**part, **_titled(BY_EXPOSED[part["family"]].name)} for part in parts(formula)]


def _titled(name: str) -> dict[str, str]:
    return {"title": title_of(name, "en"), "title_ru": title_of(name, "ru")}


def _parts(formula: Formula) -> list[Part]:
    match formula:
        case Sum():
            # Explain takes one value per label: several that count are several numbers.
            chosen = product(*([(label, value) for value in values] for label, values in formula.where.items()))
            fixed = {"window": formula.window} if formula.window or not formula.family.windows else {}
            return [{"family": formula.name, "labels": dict(labels), **fixed} for labels in chosen]
        case Quantile() | Oldest() | Plan() | WorkingDays():
            return [_leaf(formula)]
        case PerManager() | Scaled():
            return _parts(formula.of)
        case Ratio():
            return [*_parts(formula.over), *_parts(formula.under)]
        case Minus() | Product():
            return [*_parts(formula.left), *_parts(formula.right)]


def _leaf(formula: Quantile | Oldest | Plan | WorkingDays) -> Part:
    found = _named(formula)
    return found if formula.family.windows else {**found, "window": ""}


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
