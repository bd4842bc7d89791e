"""How often Prometheus asks and works out: what is so now often, what is of days seldom, and no rule without news."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from grafana import alerting, rules
from grafana.alerting.service import CALENDAR_JOB, EXPORTER_JOB, WORKER_SCRAPE
from grafana.dashboards import dashboards
from grafana.generate import as_json
from grafana.look import Look
from grafana.provisioning import CALENDAR_PACE, LIVE_PACE, PARTS
from metrics.catalogue import BY_NAME, FAMILIES
from metrics.catalogue.deals import SIZE
from metrics.catalogue.service import WORKER_FAMILIES
from metrics.exporter.http.scrape import wanted
from metrics.family import SHORT_WINDOWS, Family, Source
from tests.support.grafana_queries import questions

SECONDS = {"s": 1, "m": 60}
SELECTOR = re.compile(r"\b([a-z]+:[a-z0-9_:]+|sales_[a-z0-9_]+)(?:\{([^}]*)\})?")
GROUPS: list[dict[str, Any]] = [group for file in rules.groups().values() for group in file]
ALERTS = alerting.groups(Look())


def seconds(pace: str) -> int:
    return int(pace[:-1]) * SECONDS[pace[-1]]


LIVE, CALENDAR, WORKER = seconds(LIVE_PACE[0]), seconds(CALENDAR_PACE[0]), seconds(WORKER_SCRAPE)
RECORDED: dict[str, int] = {}
for _group in GROUPS:
    for _rule in _group["rules"]:
        RECORDED[_rule["record"]] = min(seconds(_group["interval"]), RECORDED.get(_rule["record"], 3600))
EXPOSED = {name: family for family in FAMILIES for name in family.names}


def of_family(family: Family, matchers: str) -> int:
    """How often what a selector reads is scraped."""
    if family.source is Source.PLAN:
        return CALENDAR
    if family.source is not Source.CELLS:
        return LIVE
    chosen = re.search(r'window=~?"([^"]*)"', matchers)
    windows = chosen[1].split("|") if chosen else family.windows
    return LIVE if set(windows) & set(SHORT_WINDOWS) else CALENDAR


def of(expr: str) -> list[int]:
    """How often each input of an expression becomes another."""
    found = []
    for name, matchers in SELECTOR.findall(expr):
        if name in RECORDED:
            found.append(RECORDED[name])
        elif name in EXPOSED:
            found.append(of_family(EXPOSED[name], matchers))
        elif name in BY_NAME:
            found.append(WORKER if BY_NAME[name] in WORKER_FAMILIES else LIVE)
    return found


@pytest.mark.parametrize("group", [*GROUPS, *ALERTS], ids=lambda group: group["name"])
def test_no_rule_runs_more_often_than_what_it_reads_changes(group: dict[str, Any]) -> None:
    """Anything oftener writes the same again: samples and processor time for nothing."""
    for rule in group["rules"]:
        if paces := of(rule["expr"]):
            assert seconds(group["interval"]) >= min(paces), rule["expr"]


def test_the_jobs_share_everything() -> None:
    """Every window is in one of both; no job asks for what is unknown."""
    asked = [window for windows in PARTS.values() for window in windows]
    assert len(asked) == len(set(asked))
    assert set(PARTS) == {EXPORTER_JOB, CALENDAR_JOB}
    known = wanted(asked)
    assert known is not None
    assert {window for family in FAMILIES for window in family.windows} <= known


def readers() -> Iterator[tuple[str, str]]:
    """Who reads, and what."""
    for group in (*GROUPS, *ALERTS):
        yield from ((group["name"], rule["expr"]) for rule in group["rules"])
    for name, board in dashboards(Look()).items():
        yield from ((name, asked.expr) for asked in questions(json.loads(as_json(board)), {}))


def test_nobody_reads_what_is_not_shown() -> None:
    """Periods and windows that /metrics leaves out: a rule, alert or panel on them would stay empty."""
    seen = 0
    for who, expr in readers():
        for name, matchers in SELECTOR.findall(expr):
            family = EXPOSED.get(name)
            if family is None or family.source is not Source.CELLS:
                continue
            asked = dict(re.findall(r'(\w+)=~?"([^"]*)"', matchers))
            assert asked.get("period", family.periods[0]) in family.periods, (who, name, matchers)
            chosen = {one for one in asked.get("window", "").split("|") if one and one[0] != "$"}
            assert not chosen or chosen & {*family.windows_of(name)}, (who, name, matchers)
            seen += name == SIZE.bucket
    assert seen
