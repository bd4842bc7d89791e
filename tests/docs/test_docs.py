"""The documentation says what is there: commands, settings and files that it names exist, and its commands run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import COMMANDS, find
from deploy.settings_page import rows
from producers.events.struct_source import FOLDER as STRUCTS

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "deploy/docs").rglob("*.md") if page.parent.name != "recipes"),
    ROOT / "deploy/RUNBOOK.md",
]
OF_GRAFANA = {"SALES_PROMETHEUS_URL", "SALES_DASHBOARDS"}
"""Read by Grafana's provisioning, not by us."""
LONG_RUNNING = re.compile(r"deploy/(up|check)|curl|docker|sales-pulse (topics create|audit$)")
NEEDS_MORE = re.compile(r"sales-pulse (dead-letters|bitrix24|import (\S+\.xlsx|clients\.csv|.*--format asterisk))")
"""Needs servers or a file: its options are read, and then it is asked for its help."""


def commands():
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.splitlines():
                command = line.partition(" #")[0].strip()
                if command and not command.startswith(("{", '"', "}")) and "sales-pulse" in command:
                    yield pytest.param(command, id=f"{page.name}: {command[:50]}")


@pytest.mark.parametrize("command", list(commands()))
def test_commands_are_understood(command, tmp_path):
    """Every command line is one that the program understands; those that need servers are asked for their help."""
    words = [word for word in shlex.split(command) if not re.match(r"SALES_\w+=", word)]
    arguments = words[words.index("sales-pulse") + 1 :]
    if LONG_RUNNING.search(command):
        arguments = [word for word in arguments if not word.startswith("-")] + ["--help"]
    elif NEEDS_MORE.search(command):
        arguments.append("--help")
    elif arguments == ["generate"]:
        arguments.append("--check")  # other tests read the files meanwhile
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_in_the_readme():
    """A command that nobody can find is not there."""
    text = (ROOT / "README.md").read_text()
    names = [name for name in COMMANDS if find(name)]
    missing = [name for name in names if not re.search(rf"\b{name}\b", text)]
    assert not missing


def test_settings_in_the_docs_exist():
    """Each SALES_ name that a page, compose file or manifest mentions is a setting."""
    known = {name for _, name, _, _ in rows()}
    for page in [*PAGES, ROOT / "docker-compose.yml", *(ROOT / "deploy/kubernetes").rglob("*.yaml")]:
        named = set(re.findall(r"\bSALES_[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))
        groups = {name for name in named if any(other.startswith(f"{name}_") for other in known)}
        assert named - known - groups - OF_GRAFANA == set(), page.name


def test_every_setting_says_what_it_is_for():
    """No setting without a description."""
    assert [name for _, name, _, text in rows() if not text] == []


def test_figures_are_those_that_were_measured():
    """A figure of the README, or of the short table on performance, stands where it was measured, to the digit."""
    page = (ROOT / "deploy/docs/performance.md").read_text()
    short, rest = re.split(r"^## Beside", page, maxsplit=1, flags=re.MULTILINE)
    fast = (ROOT / "README.md").read_text().partition("## How fast")[2].partition("\n## ")[0]
    told = [cell for line in fast.splitlines() if line.startswith("| ") for cell in line.split("|")[2:4]]
    told += [line.split("|")[2] for line in short.splitlines() if line.startswith("| ")]
    figures = {found for cell in told for found in re.findall(r"\d[\d,.]*\d", cell)} - {"200,000", "2,000,000"}
    assert len(figures) > 10
    missing = {figure for figure in figures if not re.search(rf"(?<![\d,.]){re.escape(figure)}(?![\d,.]*\d)", rest)}
    assert not missing, f"deploy/docs/performance.md does not say how these were measured: {missing}"


def test_files_that_name_an_event_type_are_those_of_the_page():
    """Whoever adds a type finds every file that has to name it, shown by one that is there."""
    page = (ROOT / "deploy/docs/contributing.md").read_text()
    told = page.partition("## To add an event type")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in told.splitlines() if re.match(r"\| \d+ \|", line)]
    listed = {found for row in rows for found in re.findall(r"`([^`]+)`", row)}
    assert {name for name in listed if not (ROOT / name).is_file()} == set()
    named = {
        str(path.relative_to(ROOT))
        for folder in ("producers/events", "streams", "metrics/catalogue", "grafana", "tests/laws", "tests/support")
        for path in (ROOT / folder).rglob("*.py")
        if not path.is_relative_to(ROOT / STRUCTS) and not path.name.startswith("bitrix24")
        if re.search(r"\bRatingGiven\b|\"(ratings?|rating\.given)\"", path.read_text())
    }
    assert named - listed == set(), "deploy/docs/contributing.md, 'To add an event type'"
    assert len(named) >= 10
