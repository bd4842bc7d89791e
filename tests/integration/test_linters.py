"""Programs of others find nothing wrong: Grafana's types, Grafana's dashboard linter, Cloudflare's pint."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.support.grafana_queries import DASHBOARDS, documents, panels
from tests.support.lint_tools import dashboard_linter, pint, types_folder
from tests.support.monitoring import RULES
from tests.support.synthetic import filled_prometheus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
CONFIG = Path(__file__).resolve().parents[1] / "rules"
Board = dict[str, Any]


def first(board: Board, kind: str) -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["type"] == kind)


WRONG: dict[str, Callable[[Board], object]] = {
    "a key of the board": lambda b: b.update(nonsense=1),
    "a key of a panel": lambda b: first(b, "stat").update(nonsense=1),
    "a type of panel": lambda b: first(b, "stat").update(type="graph"),
    "a place on the grid": lambda b: first(b, "stat")["gridPos"].update(x="1"),
    "an option": lambda b: first(b, "stat")["options"].update(nonsense=1),
    "a value of an option": lambda b: first(b, "stat")["options"].update(colorMode="rainbow"),
    "a field setting": lambda b: first(b, "stat")["fieldConfig"]["defaults"].update(nonsense=1),
    "a setting of lines": lambda b: first(b, "timeseries")["fieldConfig"]["defaults"]["custom"].update(nonsense=1),
    "a style of lines": lambda b: first(b, "timeseries")["fieldConfig"]["defaults"]["custom"].update(drawStyle="pie"),
    "thresholds": lambda b: first(b, "stat")["fieldConfig"]["defaults"]["thresholds"].update(mode="abs"),
    "a heat map": lambda b: first(b, "heatmap")["options"].update(calculate="no"),
    "a query": lambda b: first(b, "stat")["targets"][0].pop("refId"),
    "a variable": lambda b: b["templating"]["list"][1].update(hide=7),
    "a link": lambda b: first(b, "stat")["links"][0].pop("type"),
}
"""What is wrong → how a good dashboard is made so; each must be found, else the check would prove nothing."""


def compiled(boards: dict[str, Board]) -> str:
    """What the compiler says of dashboards as literals of Grafana's types."""
    folder = types_folder()
    for name, board in boards.items():
        code = f'import type {{ Board }} from "./board";\nexport const board: Board = {json.dumps(board)};\n'
        (folder / f"sales-{name}.ts").write_text(code)
    argv = [str(folder / "node_modules" / ".bin" / "tsc"), "-p", ".", "--pretty", "false"]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=600, check=False).stdout


def test_dashboards_are_of_grafanas_types() -> None:
    """Every key is known to the Grafana that compose starts, and every value is one that it takes."""
    assert compiled(documents()) == ""


def test_the_compiler_finds_what_is_wrong() -> None:
    boards = {}
    for name, spoil in WRONG.items():
        boards[name.replace(" ", "-")] = board = deepcopy(documents()["sales-response"])
        spoil(board)
    assert set(re.findall(r"^sales-([\w-]+)\.ts", compiled(boards), re.MULTILINE)) == set(boards)


@pytest.mark.parametrize("board", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_grafanas_linter_finds_nothing(board: Path) -> None:
    """Neither errors nor warnings, but for what dashboard-lint.yml excepts with its reason."""
    argv = [
        str(dashboard_linter()),
        "lint",
        "--strict",
        "--verbose",
        "-c",
        str(CONFIG / "dashboard-lint.yml"),
        str(board),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pint_finds_nothing(tmp_path: Path) -> None:
    """With the series at hand: names, vector matching, what each rule costs, and whether anything is missing."""
    program = pint()
    with filled_prometheus(tmp_path / "etc") as url:
        argv = [str(program), "--no-color", "--config", str(CONFIG / "pint.hcl"), "lint", "--min-severity", "info",
                "--fail-on", "info", str(RULES)]  # fmt: skip
        environment = {**os.environ, "PROMETHEUS": url}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=environment)
    print(done.stdout + done.stderr)
    assert done.returncode == 0
