"""Names beside ids in answers: what people call the pipelines and stages that an answer's labels name."""

from collections.abc import Iterable, Mapping
from typing import Any

from metrics.reference import Reference

Names = dict[str, dict[str, str]]
"""Label → value → name."""


def names_in(reference: Reference, labels: Iterable[Mapping[str, str]]) -> Names:
    """What those values are called that have a name; a stage only where all pipelines here call it the same."""
    found: dict[str, dict[str, set[str]]] = {}
    for one in {tuple(sorted(each.items())) for each in labels}:
        own = dict(one)
        for label, name in reference.names_of(own).items():
            found.setdefault(label, {}).setdefault(own[label], set()).add(name)
    return {
        label: {value: name for value, names in sorted(values.items()) if len(names) == 1 for name in names}
        for label, values in found.items()
    }


def with_names(explained: dict[str, Any], reference: Reference) -> dict[str, Any]:
    """An explanation with `names` of what was asked for, and of each entity that has any."""
    known: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for entity in explained.get("entities", ()):
        labels = entity.get("labels") or {}
        key = tuple(labels.items())
        if key not in known:
            known[key] = reference.names_of(labels)
        if known[key]:
            entity["names"] = known[key]
    if names := reference.names_of(explained.get("labels", {})):
        explained["names"] = names
    return explained
