"""What is committed is what the catalogue gives, and nothing else."""

import ast
import json
import re
from pathlib import Path

import yaml

from deploy.commands.generate import collect
from grafana import alerting, provisioning
from grafana.channels import AlertSettings
from grafana.generate import FOLDERS, files
from grafana.look import Look
from grafana.panels import SCHEMA_VERSION
from metrics import reference_page
from metrics.catalogue import BY_NAME, KPIS

LAST_SCHEMA = 42
"""Of Grafana 12.1 and later, the last of its kind; older ones are brought up to it when a dashboard is opened."""
ROOT = Path(__file__).resolve().parents[3]


def test_committed_files_are_up_to_date() -> None:
    """Run `sales-pulse generate` after a change."""
    wanted = files() | reference_page.files()
    assert {path for path, content in wanted.items() if (ROOT / path).read_bytes() != content} == set()


def test_owned_folders_hold_nothing_else() -> None:
    """A dashboard that no source makes any more is gone; Kubernetes adds its list to ours."""
    found = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert found <= set(collect()[0])


def test_generating_twice_gives_the_same_bytes() -> None:
    """Else CI would fail at random."""
    assert files() == files()


def test_no_series_is_spelled_in_the_room() -> None:
    """A metric's name stands in the catalogue only."""
    names = re.compile("|".join(sorted({*BY_NAME, *(kpi.metric for kpi in KPIS)}, key=len, reverse=True)))
    for path in (ROOT / "grafana").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not names.search(node.value), f"{path}: {node.value}"


def test_runbook_has_one_heading_per_alert() -> None:
    """In the same order, and nothing else has a heading of that level."""
    headings = re.findall(r"^## (.+)$", (ROOT / "deploy" / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert headings == [alert.name for alert in alerting.alerts(Look())]


def test_alerts_tell_what_to_do() -> None:
    """Every rule has severity, scope, words, walls and runbook; all but a few wait."""
    rules = [rule for group in alerting.groups(Look()) for rule in group["rules"]]
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["labels"]["scope"] in {"sales", "service"}
        assert all(rule["annotations"][key] for key in ("summary", "description", "wall", "dashboard", "runbook_url"))
    # The expression of each of these holds a duration, or what was looked at twice, or a record that is lost already.
    at_once = {rule["alert"] for rule in rules if "for" not in rule}
    assert at_once == {
        "NumbersOld", "ViewLosesKeys", "DeadLetters", "KafkaUnreachable", "OpenTransaction", "SourceRefused",
        "Bitrix24Refused", "MissedClientNotCalledBack", "LeadUntouched", "WorkerOutgrown", "PrometheusCannotWrite",
        "NumbersDiffer",
    }  # fmt: skip


def test_the_runbook_panel_of_an_alert_is_about_it() -> None:
    """`viewPanel` counts as the dashboard does."""
    panels = {
        p["id"]: p["title"] for p in yaml.safe_load(files()["grafana/out/dashboards/sales-runbook.json"])["panels"]
    }
    for group in alerting.groups(Look()):
        for rule in group["rules"]:
            number = int(rule["annotations"]["runbook_url"].rpartition("=")[2])
            assert panels[number] == rule["alert"]


def test_look_follows_the_settings() -> None:
    """Targets, currency and zone of an installation reach alerts and quiet hours."""
    look = Look.of(AlertSettings(currency="EUR", call_target_seconds=30, timezone="Europe/Berlin"))
    made = files(look)
    assert b"> 90" in made["grafana/out/rules/alerts.yml"]
    assert b"Europe/Berlin" in made["deploy/alertmanager/alertmanager.yml"]
    assert b"currencyEUR" in made["grafana/out/dashboards/sales-floor.json"]
    assert b'"timezone": "Europe/Berlin"' in made["grafana/out/dashboards/sales-floor.json"]


def test_reference_has_a_row_for_every_number() -> None:
    """Families of sales and service, and KPIs."""
    page = reference_page.render()
    for name in (*BY_NAME, *(kpi.id for kpi in KPIS)):
        assert f"| `{name}`" in page


def test_provisioning_is_fixed() -> None:
    """Uid as the dashboards expect, no edits in the UI, and Prometheus finds its targets in files."""
    found = provisioning.grafana_files()
    source = found["deploy/grafana/provisioning/datasources/sales-pulse.yml"]["datasources"][0]
    provider = found["deploy/grafana/provisioning/dashboards/sales-pulse.yml"]["providers"][0]
    assert (source["uid"], source["editable"]) == ("sales-prometheus", False)
    assert provider["allowUiUpdates"] is False
    for scrape in provisioning.prometheus_config()["scrape_configs"]:
        assert f"deploy/prometheus/{scrape['file_sd_configs'][0]['files'][0]}" in provisioning.targets()


def test_compose_opens_grafana_on_the_wall() -> None:
    """The home dashboard is the wall, where the volume of what was generated for this installation puts it."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    said, volume = services["grafana"]["environment"], "walls:/etc/sales-pulse:ro"
    assert said["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{said['SALES_DASHBOARDS']}/sales-floor.json"
    assert {said["SALES_DASHBOARDS"], said["GF_PATHS_PROVISIONING"]} == {
        f"/etc/sales-pulse/{folder}" for folder in ("dashboards", "provisioning")
    }
    assert said["GF_DATE_FORMATS_DEFAULT_TIMEZONE"] == "${SALES_TIMEZONE:-UTC}"
    assert all(volume in services[name]["volumes"] for name in ("grafana", "prometheus", "alertmanager", "playlist"))
    assert services["walls"]["command"] == ["generate", "--to", services["walls"]["volumes"][0].partition(":")[2]]


def test_schema_is_checked_against_the_grafana_that_compose_ships() -> None:
    """Dashboards are type-checked by that version's types, and state no schema that it does not know yet."""
    shipped = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["image"]
    types = json.loads((ROOT / "tests" / "tools" / "grafana-types" / "package.json").read_text())["devDependencies"]
    assert shipped.partition(":-")[2].rstrip("}") == f"grafana/grafana:{types['@grafana/schema']}"
    assert SCHEMA_VERSION <= LAST_SCHEMA
