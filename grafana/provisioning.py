"""Provisioning of Grafana and Prometheus: data source, folders, dashboards, scraping; and the playlist of the wall.

Targets are not in prometheus.yml: it reads them from targets/*.json beside it, so that compose and the local stack use
the same file, each with its own addresses.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from grafana.alerting.service import CALENDAR_JOB, EXPORTER_JOB, MOST_SERIES, WORKER_JOB, WORKER_SCRAPE
from grafana.alerting.watching import ALERTMANAGER_JOB, PROMETHEUS_JOB
from grafana.alerting.ways_in import GATEWAY_JOB
from grafana.dashboards import PLAYLIST
from grafana.look import DATA_SOURCE, PAST_SOURCE, SQL_SOURCE, Look
from metrics.family import CALENDAR_WINDOWS, COURSE, LIVE, NINETY_DAYS, SHORT_WINDOWS

PROVISIONING = "deploy/grafana/provisioning"
DASHBOARDS_AT = "${SALES_DASHBOARDS}"
"""Where dashboards are: Grafana puts the variable of its own environment in."""
READER, READER_PASSWORD = "sales_reader", "$__file{/run/secrets/reader_password}"
"""Who reads the ledger's tables, and the file in Grafana's container that has the password."""
EMPTY = ("plugins", "alerting", "notifiers")
"""Folders that Grafana looks for at its start, and says are missing; of the last one older releases do."""
JOBS = {EXPORTER_JOB: "exporter:9808", WORKER_JOB: "worker:9809", GATEWAY_JOB: "gateway:8080"}
"""Scrape job → its address under compose."""
LIVE_PACE, CALENDAR_PACE = ("5s", "4s"), ("15s", "14s")
"""Interval and timeout of scrapes: of what is so now and of the running minutes, and of days and longer."""
PARTS: dict[str, tuple[str, ...]] = {
    EXPORTER_JOB: (LIVE, *SHORT_WINDOWS),
    CALENDAR_JOB: (*CALENDAR_WINDOWS, NINETY_DAYS, COURSE),
}
"""Job → what it asks the exporter for. Most series are of days and longer, and change less than those of minutes."""


def grafana_files(look: Look | None = None) -> dict[str, dict[str, Any]]:
    """Path from the repository's root → YAML content."""
    source = {
        "name": "Sales Pulse", "uid": DATA_SOURCE, "type": "prometheus", "access": "proxy",
        "url": "${SALES_PROMETHEUS_URL}", "isDefault": True, "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "5s", "prometheusType": "Prometheus"},
    }  # fmt: skip
    past = {
        **source, "name": "Past", "uid": PAST_SOURCE, "url": "${SALES_PAST_URL}", "isDefault": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "1d", "prometheusType": "Prometheus"},
    }  # fmt: skip
    provider = {
        "name": "sales-pulse", "orgId": 1, "folder": "Sales Pulse", "folderUid": "sales-pulse", "type": "file",
        "disableDeletion": True, "allowUiUpdates": False, "updateIntervalSeconds": 10,
        "options": {"path": DASHBOARDS_AT, "foldersFromFilesStructure": False},
    }  # fmt: skip
    return {
        f"{PROVISIONING}/datasources/sales-pulse.yml": {
            "apiVersion": 1,
            "prune": True,
            "datasources": [source, past, *_tables("" if look is None else look.postgres)],
        },
        f"{PROVISIONING}/dashboards/sales-pulse.yml": {"apiVersion": 1, "providers": [provider]},
        **{f"{PROVISIONING}/{folder}/sales-pulse.yml": {"apiVersion": 1} for folder in EMPTY},
    }


def _tables(address: str) -> list[dict[str, Any]]:
    """The ledger's tables as a data source, where there are some: read by the role that may do no more."""
    if not address:
        return []
    found = urlsplit(address)
    mode = dict(parse_qsl(found.query)).get("sslmode", "require")
    return [
        {
            "name": "Tables", "uid": SQL_SOURCE, "type": "grafana-postgresql-datasource", "access": "proxy",
            "url": found.netloc, "user": READER, "isDefault": False, "editable": False,
            "jsonData": {"database": found.path[1:], "sslmode": mode, "postgresVersion": 1500, "maxOpenConns": 5},
            "secureJsonData": {"password": READER_PASSWORD},
        }
    ]  # fmt: skip


def prometheus_config() -> dict[str, Any]:
    """prometheus.yml; all paths in it are beside it."""

    def found(job: str) -> list[dict[str, Any]]:
        return [{"files": [f"targets/{job}.json"], "refresh_interval": "5s"}]

    return {
        "global": {
            "scrape_interval": LIVE_PACE[0], "scrape_timeout": LIVE_PACE[1], "evaluation_interval": CALENDAR_PACE[0]
        },
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"file_sd_configs": found(ALERTMANAGER_JOB)}]},
        "scrape_configs": [
            *(
                {"job_name": job, "file_sd_configs": found(target), **pace(job), **identity(job)}
                | {"sample_limit": MOST_SERIES}
                for job, target in _jobs().items()
            ),
            *(
                {"job_name": job, "file_sd_configs": found(job), **pace(job)}
                for job in (PROMETHEUS_JOB, ALERTMANAGER_JOB)
            ),
        ],
    }  # fmt: skip


def _jobs() -> dict[str, str]:
    """Scrape job → the one whose targets it has."""
    return dict.fromkeys(PARTS, EXPORTER_JOB) | {job: job for job in JOBS}


def past_config() -> dict[str, Any]:
    """past.yml: the Prometheus of the past asks nobody; its blocks are put there."""
    return {"global": {"scrape_interval": "1d"}}


def pace(job: str) -> dict[str, Any]:
    """Interval and timeout, where they are others than those of all.

    A worker says when Kafka last answered, which an alert follows within ten seconds; what it says is short.
    """
    paces = {
        WORKER_JOB: (WORKER_SCRAPE, WORKER_SCRAPE),
        **dict.fromkeys((CALENDAR_JOB, PROMETHEUS_JOB, ALERTMANAGER_JOB), CALENDAR_PACE),
    }
    return dict(zip(("scrape_interval", "scrape_timeout"), paces[job], strict=True)) if job in paces else {}


def identity(job: str) -> dict[str, Any]:
    """The exporter is one, wherever it runs now: by its address each new start would be another one beside the last.

    It is one, too, however many jobs share what it shows: samples carry its job, whichever brought them.
    """
    if job not in PARTS:
        return {}
    found: dict[str, Any] = {
        "params": {"window": list(PARTS[job])},
        "relabel_configs": [{"target_label": "instance", "replacement": EXPORTER_JOB}],
    }
    if job != EXPORTER_JOB:
        found["metric_relabel_configs"] = [{"target_label": "job", "replacement": EXPORTER_JOB}]
    return found


def targets() -> dict[str, list[dict[str, Any]]]:
    """Target file → its content, for compose."""
    addresses = {**JOBS, ALERTMANAGER_JOB: "alertmanager:9093", PROMETHEUS_JOB: "localhost:9090"}
    return {
        f"deploy/prometheus/targets/{job}.json": [{"targets": [address], "labels": {}}]
        for job, address in addresses.items()
    }


def playlist(look: Look) -> str:
    """What the playlist job puts into Grafana: the walls in turn, half a minute each."""
    uids = [make(look)["uid"] for make in PLAYLIST]
    items = [
        {"type": "dashboard_by_uid", "value": uid, "order": order, "title": uid} for order, uid in enumerate(uids, 1)
    ]
    return json.dumps({"uid": "sales-wall", "name": "Sales Pulse wall", "interval": "30s", "items": items}, indent=2)
