"""Links that say only what their page knows: a label whose variable is absent, or may be "All", is left out.

An address with `.*`, "All" or the name of a variable in it asks for what there is not.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_PARAMETER = re.compile(r"&(?P<name>\w+)=\$(?P<open>\{)?(?P<variable>[a-z]\w*)(?(open)\})")
"""A parameter that is filled from a variable of the page; Grafana's own begin with two underscores."""
_ASKS = "/api/"
SERIES = 16
"""Panel of the reference that is about series; those before it are about the KPIs of each number."""


def definition(number: int = SERIES) -> str:
    """Where a KPI is defined, or without its number a series."""
    return f"/d/sales-reference?viewPanel={number}"


def developed(kpi: str) -> str:
    """Where the course of a KPI over years is shown. kpi: its id."""
    return f"/d/sales-dynamics?var-kpi={kpi}"


def singles(variables: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Variables that always stand for one value."""
    return frozenset(one["name"] for one in variables if not (one.get("includeAll") or one.get("multi")))


def answerable(url: str, known: frozenset[str]) -> str:
    """An address of the API without what the page cannot say; what is left is escaped as addresses want it."""
    if _ASKS not in url:
        return url
    return _PARAMETER.sub(
        lambda found: f"&{found['name']}=${{{found['variable']}:percentencode}}" if found["variable"] in known else "",
        url,
    )


def settle(panel: dict[str, Any], known: frozenset[str]) -> None:
    """Make every link of a panel answerable, in place: its own, those of its values, and those of single series."""
    field = panel.get("fieldConfig", {})
    lists = [panel.get("links"), field.get("defaults", {}).get("links")]
    lists += [
        one["value"]
        for override in field.get("overrides", ())
        for one in override["properties"]
        if one["id"] == "links"
    ]
    for link in (link for links in lists for link in links or ()):
        link["url"] = answerable(link["url"], known)
