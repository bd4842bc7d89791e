"""Grafana's own models of a dashboard, from the package that Grafana publishes: what it can read, Grafana can."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

with warnings.catch_warnings():
    # The package advises the second schema, which no released Grafana provisions from files by default.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()


def lost_in_the_schema(board: dict[str, Any]) -> list[str]:
    """Places in a dashboard that Grafana's models do not know or read otherwise; a wrong type raises."""
    return list(_lost(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board))), "dashboard"))


def _lost(mine: Any, written: Any, at: str) -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(written, dict):
        for key, value in mine.items():
            yield from _lost(value, written[key], f"{at}.{key}") if key in written else [f"{at}.{key}"]
    elif isinstance(mine, list) and isinstance(written, list) and len(mine) == len(written):
        for number, (one, other) in enumerate(zip(mine, written, strict=True)):
            yield from _lost(one, other, f"{at}[{number}]")
    elif mine != written:
        yield f"{at}: {mine!r} is read as {written!r}"
