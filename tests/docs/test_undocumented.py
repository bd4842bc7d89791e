"""Whatever a person may set, call, read or be woken by is on a page: this fails as soon as something is not."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from metrics.catalogue import FAMILIES, KPIS, SERVICE_FAMILIES

ROOT = Path(__file__).parents[2]
SOURCES = [path for room in ("producers", "streams", "metrics", "deploy") for path in (ROOT / room).rglob("*.py")]
CHANGELOG = ROOT / "deploy/docs/CHANGELOG.md"


def page(name: str) -> str:
    return (ROOT / name).read_text()


def test_every_setting_that_the_code_names_is_on_its_page():
    """Also those that are read past the settings classes."""
    named = {name for path in SOURCES for name in re.findall(r'"(SALES_[A-Z0-9_]*[A-Z0-9])"', path.read_text())}
    assert named
    assert {name for name in named if f"`{name}`" not in page("deploy/docs/SETTINGS.md")} == set()


def test_every_number_is_in_the_reference():
    """Families of sales and of the service, and KPIs."""
    text = page("metrics/REFERENCE.md")
    names = {family.name for family in (*FAMILIES, *SERVICE_FAMILIES)} | {kpi.metric for kpi in KPIS}
    assert {name for name in names if name not in text} == set()


def test_every_alert_is_in_the_runbook():
    """Under its own heading."""
    rules = [
        rule
        for path in (ROOT / "grafana/out/rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert len(rules) > 10
    headings = set(re.findall(r"^#+ (.+)$", page("deploy/RUNBOOK.md"), re.MULTILINE))
    assert {rule["alert"] for rule in rules} <= headings


def test_every_command_of_a_group_is_in_the_docs():
    """`bitrix24 backfill`, `topics create` and the like, not only their groups."""
    from deploy.cli import COMMANDS, build, find

    texts = page("README.md") + page("deploy/docs/operating.md")
    for name in (name for name in COMMANDS if find(name)):
        for group in build((name,)).registered_groups:
            for command in group.typer_instance.registered_commands if group.typer_instance else ():
                called = command.name or getattr(command.callback, "__name__", "")
                assert re.search(rf"\b{re.escape(called.replace('_', '-'))}\b", texts), f"{name} {called}"


@pytest.mark.parametrize("installed", [False, True], ids=["of the tags", "installed"])
def test_the_version_has_its_heading(installed):
    """A release has its own; between releases there is one that collects what comes."""
    from packaging.version import Version
    from setuptools_scm import get_version

    told = metadata.version("sales-pulse") if installed else get_version(ROOT, fallback_version="0.1")
    version = Version(told)
    headings = re.findall(r"^## (\S+)", CHANGELOG.read_text(), re.MULTILINE)
    assert ("Unreleased" if version.is_devrelease else version.public) in headings
    assert [Version(one) for one in headings[1:]] == sorted((Version(one) for one in headings[1:]), reverse=True)
