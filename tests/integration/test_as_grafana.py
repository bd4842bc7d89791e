"""Dashboards over a running pipeline, asked as Grafana asks: numbers are of now, whatever the range and the screen."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from dotenv import dotenv_values

from grafana.shown import TITLES
from grafana.tables import measured
from metrics.catalogue import KPIS
from metrics.family import CALENDAR_WINDOWS
from metrics.kpi import Kpi, Level, Oldest, Sum
from tests.support.as_grafana import SCRAPE, GrafanaRequest, GrafanaScreen, Series, shows_numbers
from tests.support.grafana_queries import SELECTOR, documents, of_now

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PATIENCE = 420
RANGES, SCREENS = ("1h", "12h", "7d"), (1920, 1280)
SETTLED = 30
"""Seconds after the last event within which everything that is shown has followed."""
LATE = {"Rank", "of"}
"""Columns that are of the last recording, as their tables say."""


@dataclass
class GrafanaFloor:
    """A pipeline that has counted three days and takes no more events."""

    prometheus: str
    exporter: str
    said: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def kpis(self, level: str, window: str) -> dict[str, list[dict[str, Any]]]:
        """Id of a KPI → its values by the JSON API; asked once, as they stand still."""
        if (level, window) not in self.said:
            query = {"level": level, "window": window}
            found = httpx.get(f"{self.exporter}/api/v1/kpis", params=query, timeout=30).raise_for_status().json()
            self.said[level, window] = {one["id"]: one["values"] for one in found["kpis"]}
        return self.said[level, window]


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrafanaFloor]:
    folder = tmp_path_factory.mktemp("floor")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
    argv = ["up", "--backlog-days", "3", "--managers", "8", "--events-per-second", "2", "--without", "grafana,gateway"]
    with (folder / "up.log").open("wb") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *argv],
            cwd=folder, env=environment | {"PYTHONPATH": str(Path.cwd())}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        address = _ready(folder, stack)
        settings = dotenv_values(folder / ".local" / "stack.env")
        _recorded(address)
        _silence(stack.pid)
        time.sleep(SETTLED)
        yield GrafanaFloor(address, f"http://{settings['SALES_EXPORTER_LISTEN']}")
    finally:
        _silence(stack.pid, signal.SIGCONT)
        stack.send_signal(signal.SIGTERM)
        assert stack.wait(60) == 0


def _ready(folder: Path, stack: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and stack.poll() is None:
        if found := re.search(r"^Prometheus\s+(http://\S+)", (folder / "up.log").read_text(), re.MULTILINE):
            return found[1]
        time.sleep(1)
    raise AssertionError((folder / "up.log").read_text())


def _recorded(prometheus: str) -> None:
    """Until what is recorded seldom is there: before the day's first call only that says which teams there are."""
    calls = {"query": f'{TITLES["Calls"].record(Level.TEAM)}{{window="year"}}'}
    deadline = time.monotonic() + PATIENCE
    while not httpx.get(f"{prometheus}/api/v1/query", params=calls, timeout=30).json()["data"]["result"]:
        assert time.monotonic() < deadline
        time.sleep(2)


def _silence(pid: int, number: int = signal.SIGSTOP) -> None:
    for child in psutil.Process(pid).children(recursive=True):
        if "simulate" in child.cmdline():
            child.send_signal(number)


BOARDS = {uid: board for uid, board in of_now().items() if any(panel.get("targets") for panel in board["panels"])}
each = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


@each
def test_every_number_is_of_now(floor: GrafanaFloor, board: dict[str, Any]) -> None:
    """For three ranges and two screens: no query errs, and a number is what Prometheus says of this moment."""
    wrong: list[str] = []
    end, known = time.time(), {}
    for past, wide in product(RANGES, SCREENS):
        with GrafanaScreen(board, floor.prometheus, wide=wide, end=end, past=past, known=known) as screen:
            assert screen.without_values == []
            wrong += old_numbers(screen)
    assert "\n".join(wrong) == ""


def old_numbers(screen: GrafanaScreen) -> Iterator[str]:
    """What is shown and is not so now, or read from something that was worked out long before."""
    refresh = float((screen.board["refresh"] or "5s").removesuffix("s"))
    for panel in screen.panels():
        drawn = _drawn(panel)
        for target, asked in zip(panel["targets"], screen.asked(panel), strict=True):
            shown = screen.answer(asked)
            if target["refId"] in drawn:
                yield from undrawable(screen, asked)
            if not shows_numbers(panel) or target["refId"] in drawn or _heading(panel, target) in LATE:
                continue
            if asked.start is not None:
                now = screen.at(asked.expr, screen.end)
                yield from different(asked.where, shown, now, screen.end - refresh - SCRAPE)
            yield from stale(screen, asked.where, asked.expr, refresh)


def undrawable(screen: GrafanaScreen, asked: GrafanaRequest) -> Iterator[str]:
    """Sparklines that Grafana 12.2 may hang on: of a single point, or told from another value than 0 on."""
    for labels, values in screen.line(asked).items():
        if len(values) == 1 or min(values) != 0:
            yield f"{asked.where}: {dict(labels)} is a line of {len(values)} points from {min(values)} on"


def _heading(panel: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """What the column of a query is called."""
    made = [one["options"] for one in panel.get("transformations", ()) if one["id"] == "organize"]
    value = f"Value #{target['refId']}"
    return next((str(one["renameByName"][value]) for one in made if value in one.get("renameByName", {})), "")


def _drawn(panel: Mapping[str, Any]) -> set[str]:
    """References of the queries that a table draws as lines."""
    lines = [one["options"] for one in panel.get("transformations", ()) if one["id"] == "timeSeriesTable"]
    return {letter for options in lines for letter in options}


def different(where: str, shown: Series, now: Series, oldest: float) -> Iterator[str]:
    """Series whose last value is another than an instant query gives, or older than a refresh and a scrape."""
    for labels in shown.keys() | now.keys():
        if labels not in shown or labels not in now:
            yield f"{where}: {dict(labels)} is {'not shown' if labels in now else 'shown and no more'}"
        elif shown[labels][1] != pytest.approx(now[labels][1], rel=1e-9):
            yield f"{where}: {dict(labels)} shows {shown[labels][1]:g}, now {now[labels][1]:g}"
        elif shown[labels][0] < oldest:
            yield f"{where}: {dict(labels)} is {oldest - shown[labels][0]:.0f} s too old"


def stale(screen: GrafanaScreen, where: str, expr: str, refresh: float) -> Iterator[str]:
    """Selectors of a number whose newest sample is older than a refresh and a scrape (or one evaluation of a rule)."""
    for found in SELECTOR.finditer(expr):
        rest = expr[found.end() :].lstrip()
        if rest.startswith(("[", "offset")):
            continue
        name, matchers = found[1], found[2] or ""
        newest = screen.at(f"time() - max(timestamp({name}{matchers}))", screen.end)
        age = next((value for _, value in newest.values()), 0.0)
        if age > refresh + 2 * SCRAPE:
            yield f"{where}: {name}{matchers} is {age:.0f} s old"


@pytest.mark.parametrize("uid", ["sales-floor", "sales-response", "sales-plan", "sales-money"])
def test_tiles_show_what_the_api_says(floor: GrafanaFloor, uid: str) -> None:
    """Each tile of one KPI of the company has the values of the JSON API."""
    board, compared = documents()[uid], 0
    with GrafanaScreen(board, floor.prometheus, wide=1920, end=time.time()) as screen:
        for panel in screen.panels():
            kpi = _kpi_of(panel)
            if kpi is None or panel["type"] != "stat":
                continue
            asked = next(iter(screen.asked(panel)))
            found = [one for one in re.findall(r'window=~?"(\w+)"', asked.expr) if one in kpi.windows]
            said = _chosen(asked.expr, floor.kpis("company", found[0] if found else "day")[kpi.id])
            shown = sorted(value for _, value in screen.answer(asked).values())
            wanted = sorted(one["value"] for one in said) or _of_nothing(kpi)
            assert shown == pytest.approx(wanted, rel=1e-6, abs=1e-9), asked.where
            compared += 1
    assert compared or uid != "sales-floor"


ROWS = {row.name: row for is_brief in (False, True) for row in measured(KPIS, is_brief=is_brief)}
"""What a row of a table is called → the KPI, and the labels, that it is about."""


@pytest.mark.parametrize(("uid", "label"), [("sales-team", "team"), ("sales-manager", "manager")])
def test_rows_show_what_the_api_says(floor: GrafanaFloor, uid: str, label: str) -> None:
    """Each row of a table of KPIs has the value that the JSON API gives of the chosen team or manager.

    In every window: early in the day, or on a free one, today has next to nothing, but the week, month or year has.
    """
    board, compared = documents()[uid], 0
    with GrafanaScreen(board, floor.prometheus, wide=1920, end=time.time()) as screen:
        chosen = screen.chosen[label]
        for asked_window, panel in product(CALENDAR_WINDOWS, list(screen.panels())):
            screen.chosen["window"] = asked_window
            asked = next(iter(screen.asked(panel)))
            for labels, (_, value) in screen.answer(asked).items():
                row = ROWS.get(dict(labels).get("kpi", ""))
                if row is None or not value or isnan(value) or _moves(row.kpi) or panel["type"] != "table":
                    continue
                kpi, own = row.kpi, {label: chosen, **row.own}
                window = "month" if "sales_plan" in kpi.id else asked_window
                said = [
                    one["value"] for one in floor.kpis(label, window)[kpi.id] if own.items() <= one["labels"].items()
                ]
                days = 86400 if kpi.unit == "s" and value != pytest.approx(said[0], rel=1e-6) else 1
                assert value * days == pytest.approx(said[0], rel=1e-6), (row.name, chosen)
                compared += 1
    assert compared > 10


def _of_nothing(kpi: Kpi) -> list[float]:
    """What a tile shows where the API has no value yet: a sum of nothing is 0, a ratio is empty."""
    return [0.0] if isinstance(kpi.formula, Sum | Oldest) else []


def _chosen(expr: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The values of the labels that a query asks for."""
    return [one for one in said if all(f'{label}="{value}"' in expr for label, value in one["labels"].items())]


def _moves(kpi: Kpi) -> bool:
    """Whether it moves with the clock alone: whoever waits waits longer, a target is over, plans to date grow."""
    clocked = r"wait|growth|needed|forecast|missed_returned|callback_level|lead_level|unreturned|untouched"
    return bool(re.search(clocked, f"{kpi.id} {kpi.title}", re.IGNORECASE))


def _kpi_of(panel: Mapping[str, Any]) -> Kpi | None:
    """The KPI of a tile, where it is about one that stands still."""
    named = [kpi for kpi in TITLES.values() if f"**KPI {kpi.number}.** {kpi.help}" in panel.get("description", "")]
    if len(named) != 1 or _moves(named[0]) or "30 days" in panel["title"]:
        return None
    return named[0]
