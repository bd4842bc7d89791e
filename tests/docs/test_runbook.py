"""What the runbook says to type exists as it says: commands and their options, queries, series, settings, alerts."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from deploy import settings_page
from deploy.cli import build
from grafana import alerting
from grafana.look import Look
from metrics.catalogue import FAMILIES, SERVICE_FAMILIES
from tests.support.monitoring import binary

ROOT = Path(__file__).parents[2]
ALERTS = alerting.alerts(Look())
OTHERS = {
    "kafka-topics.sh": {"--describe"},
    "kafka-transactions.sh": {"--bootstrap-server", "find-hanging", "abort", "--topic", "--partition"},
    "describe-producers": {"--topic", "--partition"},
    "redis-cli": {"monitor"},
    "df": {"-h"},
    "date": {"-u"},
}
"""Programs of others → the words after their name that they know; the real Kafka is asked in the slow test below."""
ASKED_OF_REDIS = ("CONFIG GET", "INFO ")
"""How commands of Redis begin."""
PROGRAMS = {*OTHERS, "sales-pulse"}
NEEDS = {
    "sales-pulse reference apply", "sales-pulse reference apply --dry-run", "sales-pulse import",
    "sales-pulse backup", "sales-pulse generate --to",
}  # fmt: skip
"""Needs a file or folder of the reader's behind it."""


def spans() -> Iterator[tuple[str, str]]:
    """(alert, text) of everything between backticks that somebody may type or look for."""
    for alert in ALERTS:
        for words in (alert.means, alert.look, alert.do):
            for code in re.findall(r"`([^`]+)`", words):
                yield alert.name, code


def commands() -> list[tuple[str, str]]:
    return [(name, code) for name, code in spans() if code.split()[0] in PROGRAMS]


@cache
def names() -> frozenset[str]:
    """Series, as they are recorded or shown, by every ending that Prometheus gives them."""
    return frozenset(name for family in (*FAMILIES, *SERVICE_FAMILIES) for name in (family.name, *family.names))


@pytest.mark.parametrize(("alert", "command"), [one for one in commands() if one[1].startswith("sales-pulse")])
def test_our_commands_exist_with_their_options(alert: str, command: str) -> None:
    """And take what is written behind them."""
    _, *words = shlex.split(command)
    found = get_command(build(tuple(words[:1])))
    while words and not words[0].startswith("-") and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]  # type: ignore[attr-defined]
    assert not getattr(found, "commands", {}), f"{alert}: `{command}` shows its help and does nothing"
    known = {option for one in found.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known, f"{alert}: {command}"
    assert not words or words[0].startswith("-") or found.name != "root", f"{alert}: {command}"
    asked = [one for one in found.params if one.required and one.param_type_name == "argument"]
    behind = [word for word in words if not word.startswith("-")]
    assert len(behind) >= len(asked) or command in NEEDS, f"{alert}: `{command}` lacks {[one.name for one in asked]}"


@pytest.mark.parametrize(("alert", "command"), [one for one in commands() if not one[1].startswith("sales-pulse")])
def test_commands_of_others_are_known(alert: str, command: str) -> None:
    program, *words = command.replace("…", "").split()
    assert set(words) <= OTHERS[program], f"{alert}: {command}"


def test_everything_between_backticks_is_of_a_known_kind() -> None:
    """What is neither typed, asked, set nor called is a slip: nobody could follow it."""
    settings = {name for _, name, *_ in settings_page.rows()}
    headings = {alert.name for alert in ALERTS}
    compose = (ROOT / "docker-compose.yml").read_text()
    sources = "".join(path.read_text() for room in ("producers", "streams") for path in (ROOT / room).rglob("*.py"))
    foreign = re.compile(
        r"(prometheus|alertmanager|process|scrape|node)_\w+|[\w-]+\.(ya?ml|sh|md)|deploy/[\w./-]+|--[\w.-]+|on-disk"
        r"|maxmemory(-policy( noeviction)?)?|retentionSize"
        r"|(evicted|expired)_keys|(transaction(al)?|retention)\.[\w.]+|[a-z_]+|-\d+|Retry-After"
    )
    unknown = [
        (name, code)
        for name, code in spans()
        if not (
            code.split()[0] in PROGRAMS
            or code.split("=")[0].rstrip("…") in {*settings, *names(), *headings}
            or any(one.startswith(code.rstrip("…")) for one in settings if code.endswith("…"))
            or code.startswith(ASKED_OF_REDIS)
            or re.fullmatch(r"((GET|POST) )?/[\w/?=-]*", code)
            or foreign.fullmatch(code)
            or f"{{{code}:-" in compose
            or (" " in code and f'"{code}"' in sources)
            or is_query(code)
        )
    ]
    assert unknown == []


def is_query(code: str) -> bool:
    """Whether Prometheus's own tool takes it, as a query with a function or a selector."""
    if not re.search(r"[({]", code):
        return False
    rule = f"groups: [{{name: g, rules: [{{record: r, expr: {json.dumps(code)}}}]}}]"
    argv = [binary("promtool"), "check", "rules", "/dev/stdin"]
    return subprocess.run(argv, input=rule, text=True, capture_output=True, check=False).returncode == 0


def test_series_that_the_runbook_names_exist() -> None:
    """A series of ours in words, queries or messages is one of the catalogue or of the rules."""
    from tests.support.recorded import records

    known = {*names(), *records(), *("sales_alert", "sales_pulse")}
    for alert in ALERTS:
        for name in re.findall(r"\bsales_\w+\b", f"{alert.means} {alert.look} {alert.do}"):
            assert name in known, f"{alert.name}: {name}"


def test_alerts_that_the_runbook_names_exist() -> None:
    """`As for X` leads somewhere."""
    headings = {alert.name for alert in ALERTS}
    for alert in ALERTS:
        for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", f"{alert.look} {alert.do}"):
            if name not in {"GitHub", "PagerDuty", "StringSerializer", "StringConverter", "ScrapeConfig"}:
                assert name in headings, f"{alert.name}: {name}"
