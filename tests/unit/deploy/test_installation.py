"""What an installation shows is made with its settings: nothing of the defaults is left in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.cli import build
from deploy.installation import LIST, files, look, written
from grafana.alerting.sales import PATIENCE, SLOW
from grafana.dashboards import dashboards
from grafana.look import Look
from metrics.settings import PublicSettings

OTHER = {
    "SALES_CURRENCY": "EUR",
    "SALES_CALL_TARGET_SECONDS": "7",
    "SALES_CHAT_TARGET_SECONDS": "333",
    "SALES_TIMEZONE": "Asia/Tokyo",
    "SALES_PUBLIC_URL": "https://numbers.example/sales/",
    "SALES_GRAFANA_URL": "https://graphs.example",
}


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Look:
    for name, value in OTHER.items():
        monkeypatch.setenv(name, value)
    return look()


def scalars(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every text and number of a document, and where it stands."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from scalars(inner, f"{path}.{key}")
        case list():
            for index, inner in enumerate(value):
                yield from scalars(inner, f"{path}[{index}]")
        case _:
            yield path, value


def test_no_literal_is_left(other: Look) -> None:
    """Neither currency, zone nor address of the defaults stands in anything that people or programs read."""
    literal = re.compile(r"RUB|₽|\brouble|127\.0\.0\.1:(?:3000|9808)|localhost:(?:3000|9808)|\bUTC\b")
    left = [
        f"{path}: {line.strip()[:150]}"
        for path, content in files(other).items()
        if not path.startswith("prometheus/")
        for line in content.decode().splitlines()
        if literal.search(line)
    ]
    assert left == []


def test_currency_and_addresses_are_those_of_the_settings(other: Look) -> None:
    """Money is in euros; links of walls lead to the exporter's public address, those of alerts to Grafana's."""
    made = files(other)
    boards = {path: json.loads(content) for path, content in made.items() if re.match(r"dashboards/.*\.json", path)}
    units = {value for board in boards.values() for path, value in scalars(board) if path.endswith(".unit")}
    assert "currencyEUR" in units
    assert not {unit for unit in units if str(unit).startswith("currency")} - {"currencyEUR"}
    constants = [v for board in boards.values() for v in board["templating"]["list"] if v["name"] == "exporter"]
    assert constants
    assert {one["query"] for one in constants} == {"https://numbers.example/sales"}
    rules = [rule for group in yaml.safe_load(made["rules/alerts.yml"])["groups"] for rule in group["rules"]]
    for rule in rules:
        for name in ("dashboard", "runbook_url"):
            assert rule["annotations"][name].startswith("https://graphs.example/d/"), rule["alert"]
    quiet = yaml.safe_load(made["alertmanager/alertmanager.yml"])["time_intervals"][0]["time_intervals"]
    assert {one["location"] for one in quiet} == {"Asia/Tokyo"}


def _steps(field: Any) -> Iterator[float]:
    """The values at which colours turn, of all and of single fields, wherever they stand."""
    if isinstance(field, dict):
        yield from (step["value"] for step in field.get("steps", ()) if step["value"] is not None)
        field = list(field.values())
    for one in field if isinstance(field, list) else ():
        yield from _steps(one)


def test_targets_are_those_of_the_settings(other: Look) -> None:
    """Thresholds of seconds and limits of alerts follow the targets; none stands at a default."""
    made, defaults = files(other), Look().targets
    ours = {value for target in defaults.values() for value in (target, PATIENCE * target, SLOW * target)}
    theirs = {value for target in other.targets.values() for value in (target, PATIENCE * target, SLOW * target)}
    stood: set[float] = set()
    for path, content in made.items():
        if re.match(r"dashboards/.*\.json", path):
            for panel in json.loads(content)["panels"]:
                field = panel.get("fieldConfig", {})
                if field.get("defaults", {}).get("unit") == "s" and "response" in json.dumps(panel["targets"]):
                    stood |= set(_steps(field))
    assert set(other.targets.values()) <= stood
    assert not ours & stood
    waits = [rule for group in yaml.safe_load(made["rules/alerts.yml"])["groups"] for rule in group["rules"]]
    limits = {
        float(value)
        for rule in waits
        if re.search("Waiting|SlowResponses", rule["alert"])
        for value in re.findall(r"> (\d+)\b", rule["expr"])
    }
    assert limits <= theirs
    assert not limits & (ours - theirs)


def test_a_file_of_settings_may_be_named(tmp_path: Path) -> None:
    """As a cluster has one: read instead of `.env`."""
    file = tmp_path / "settings.env"
    file.write_text("SALES_CURRENCY=GBP\nSALES_KAFKA_SERVERS=kafka:9093\n")
    assert look(file).currency == "GBP"


@pytest.mark.parametrize(
    "address", ["graphs.example", "ftp://graphs.example", "https://a.example/?x=1", 'https://a.example"', "https://a b"]
)
def test_an_address_that_cannot_be_put_in_front_of_a_path_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="grafana_url"):
        PublicSettings(grafana_url=address)


def test_only_what_was_generated_is_replaced(tmp_path: Path) -> None:
    """A file of somebody else stays; one that is no longer generated goes."""
    (tmp_path / "mine.txt").write_text("mine")
    count = written(tmp_path, Look())
    gone = tmp_path / "dashboards" / "gone.json"
    gone.write_text("{}")
    listed = tmp_path / LIST
    listed.write_text(listed.read_text() + "dashboards/gone.json\n")
    assert written(tmp_path, Look()) == count
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not gone.exists()
    assert len(list((tmp_path / "dashboards").glob("*.json"))) == len(dashboards(Look()))


def test_what_kubernetes_applies_finds_what_it_names(tmp_path: Path) -> None:
    """Every resource and file that the kustomizations name is there."""
    written(tmp_path, Look())
    for folder in (tmp_path / "kubernetes", tmp_path):
        said = yaml.safe_load((folder / "kustomization.yaml").read_text())
        for name in said.get("resources", []):
            assert (folder / name).exists(), name
        for made in said.get("configMapGenerator", []):
            assert all((folder / name).is_file() for name in made["files"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--settings", "x.env"], "--to"),
        (["--check", "--to", "x"], "--check"),
        (["--to", "{tmp}/x", "--settings", "{tmp}/none.env"], "none.env"),
    ],
)
def test_misuse_is_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    given = ["generate", *(one.format(tmp=tmp_path) for one in arguments)]
    result = CliRunner().invoke(build(given), given)
    assert result.exit_code != 0
    assert said in f"{result.output}{result.exception}"
