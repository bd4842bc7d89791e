"""Which names /metrics shows, from all that is held as of one moment; the rest of each label sums to `other`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction

from metrics.catalogue import FAMILIES
from metrics.family import Kind, Source
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series

OTHER = "other"
_MANAGER, _CATEGORY = "manager", "category"
_FREE = (_CATEGORY, "pipeline", "stage")
_COUNTING = {
    family.name
    for family in FAMILIES
    if family.kind is Kind.COUNT and family.source in (Source.CELLS, Source.OPEN)
} - {"sales_rating_score_sum"}  # fmt: skip


def together(
    held: Mapping[PlainSeries, Fraction], reference: PlainReference, rules: PlainRules
) -> dict[PlainSeries, Fraction]:
    """The series held, with `other` for the names that are not shown."""
    names = {label: _names(held, label, reference, rules) for label in (_MANAGER, *_FREE)}
    found: defaultdict[PlainSeries, Fraction] = defaultdict(Fraction)
    for one, value in held.items():
        labels = {label: names.get(label, {}).get(text, text) for label, text in one.labels}
        if labels.get("level") == _MANAGER and labels[_MANAGER] == OTHER:
            continue  # he has no plan
        into = series(one.name, labels)
        if one.name.endswith("_oldest_seconds"):
            found[into] = max(found[into], value)
        else:
            found[into] += value
    return dict(found)


def _names(
    held: Mapping[PlainSeries, Fraction], label: str, reference: PlainReference, rules: PlainRules
) -> Mapping[str, str]:
    """Every value of a label → how it is shown; what is called `other` itself has an underscore more."""
    present, counts = set[str](), Counter[str]()
    for one, value in held.items():
        labels = dict(one.labels)
        name = labels.get(label, "")
        if name and (value or labels.get("level") == _MANAGER):
            present.add(name)
            is_now = labels.get("window", "year") == "year" and labels.get("period", "current") == "current"
            if is_now and (label == _CATEGORY or one.name in _COUNTING):
                counts[name] += value  # type: ignore[assignment]  # exact, not whole
    if label == _MANAGER:
        order = sorted(present, key=lambda n: (n != "unknown", not reference.knows(n), -counts[n], n))
        return dict(_told(order, rules.most_managers, is_told=True))
    order = sorted(present, key=lambda n: (-abs(counts[n]), n))
    return dict(_told(order, rules.most_values, is_told=len(order) > rules.most_values))


def _told(order: list[str], most: int, *, is_told: bool) -> Iterator[tuple[str, str]]:
    """is_told: whether what is called `other` has to be told from the rest."""
    for name in order[:most]:
        yield name, f"{name}_" if is_told and name.rstrip("_") == OTHER else name
    for name in order[most:]:
        yield name, OTHER
