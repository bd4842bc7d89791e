"""People by what they are called: an id means nothing to whoever looks at a wall."""

from grafana.promql import Matchers, summed
from metrics.catalogue import service
from metrics.family import Family
from metrics.reference import UNKNOWN


def named(expr: str) -> str:
    """Numbers of managers with what they are called: an id means nothing to people, and nobody is no person."""
    people = f'max by (manager, name) ({service.MANAGER_INFO.name}{{manager!="{UNKNOWN}"}})'
    return f"({expr}) * on (manager) group_left (name) {people}"


def whose(family: Family, matchers: Matchers) -> str:
    """Numbers of people by name, and what nobody has taken yet."""
    each, nobody = (summed(family.all_labels, family, {**matchers, **who}) for who in ({}, {"manager": UNKNOWN}))
    return f'{named(each)} or label_replace({nobody}, "name", "nobody yet", "", "")'
