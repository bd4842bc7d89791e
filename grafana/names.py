"""People, pipelines and stages by what they are called: an id means nothing to whoever looks at a wall."""

from grafana.promql import Matchers, summed
from metrics.catalogue import service
from metrics.family import Family
from metrics.reference import UNKNOWN

NOBODY = ({"type": "value", "options": {UNKNOWN: {"text": "nobody yet", "index": 0}}},)
"""What nobody has taken yet, in a column of teams."""


def named(expr: str) -> str:
    """Numbers of managers with what they are called: an id means nothing to people, and nobody is no person."""
    people = f'max by (manager, name) ({service.MANAGER_INFO.name}{{manager!="{UNKNOWN}"}})'
    return f"({expr}) * on (manager) group_left (name) {people}"


def by_pipeline(expr: str) -> str:
    """Numbers of pipelines with what those are called, as `name`."""
    return f"({expr}) * on (pipeline) group_left (name) max by (pipeline, name) ({service.PIPELINE_INFO.name})"


def by_stage(expr: str) -> str:
    """Numbers of stages by what they and their pipelines are called: labels `pipeline_name` and `name`, no others."""
    names = f"max by (pipeline, stage, pipeline_name, name) ({service.STAGE_INFO.name})"
    joined = f"({expr}) * on (pipeline, stage) group_left (pipeline_name, name) {names}"
    return f"sum by (pipeline_name, name) ({joined})"


def whose(family: Family, matchers: Matchers) -> str:
    """Numbers of people by name, and what nobody has taken yet."""
    each, nobody = (summed(family.all_labels, family, {**matchers, **who}) for who in ({}, {"manager": UNKNOWN}))
    return f'{named(each)} or label_replace({nobody}, "name", "nobody yet", "", "")'
