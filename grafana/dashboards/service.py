"""Service health: whether the numbers can be trusted: ways in, lag, latency, dead letters, restore, view, Redis."""

from typing import Any

import grafana.panels as p
from grafana import on_call
from grafana.alerting.alert import SALES, SERVICE
from grafana.dashboards import base
from grafana.dashboards.service_panels import (
    BROKEN,
    RATE,
    about_family,
    answers,
    each,
    gauge,
    latency,
    line,
    none_yet,
    one,
    rate,
    since,
    stat,
    waiting,
)  # fmt: skip
from grafana.layout import Band, Stack, folded, place
from grafana.look import Look
from grafana.promql import by, select
from grafana.tables import COLORED, TableColumn, table
from metrics.catalogue import gateway as g
from metrics.catalogue import service as s
from metrics.reference import UNKNOWN


def dashboard(look: Look) -> dict[str, Any]:
    """One screen of 1920 × 1080: what fires, then what may be wrong; folded away, the details of each process."""
    placed = place(
        *_at_a_glance(),
        *_flow(),
        folded("Ways in", *_gateways(), *_bitrix24(), *_imports()),
        folded("Exporter, ledger and its audit", *_exporter(), *_ledger()),
        folded("Kafka to worker", (9, [
            rate("Events by type", s.EVENTS, "type"),
            rate("Duplicates", s.DUPLICATES),
            rate("Stale versions", s.STALE),
            rate("Batches", s.BATCHES),
        ])),
        folded("Worker to view", (9, [latency(s.FLUSH_SECONDS, "Flush"), latency(s.VIEW_SECONDS, "Write to Redis")]),
               *_partitions(), *_running_out()),
    )  # fmt: skip
    return base.board(
        base.SERVICE, "Service health", "Whether the numbers can be trusted.", placed, look, tags=("service",),
        time_from="now-1h", refresh=p.QUICKLY,
    )  # fmt: skip


def _at_a_glance() -> list[Band]:
    trouble = [
        gauge("Lag", s.LAG, ((None, "green"), (1000, "orange"), (10_000, "red")), function="sum"),
        stat(
            "Event to view, p99",
            "s",
            f"histogram_quantile(0.99, sum by (le) (rate({s.LATENCY.bucket}[{RATE}]))) >= 0",
            "p99",
            about=about_family(s.LATENCY),
            steps=((None, "green"), (2, "orange"), (5, "red")),
        ),
        stat(
            "Open dead letters",
            "short",
            f"sum(max by (reason, source) ({s.OPEN_DEAD_LETTERS.name})) or vector(0)",
            "records",
            about=about_family(s.OPEN_DEAD_LETTERS),
            steps=((None, "green"), (1, "red")),
        ),
        gauge("View age", s.VIEW_AGE, ((None, "green"), (10, "orange"), (60, "red"))),
    ]
    up = [
        stat(
            "Scraped",
            "up",
            'label_replace(min by (job) (up), "job", "$1", "job", "sales-(.*)")',
            "{{job}}",
            about="1 while Prometheus reaches the process.",
        ),
        gauge("Redis takes writes", s.REDIS_UP, BROKEN),
        gauge("Collected", s.SCRAPE_OK, BROKEN),
        stat(
            "At work",
            "short",
            f'sum(max by (team) ({s.WORKING_NOW.name}{{team!~"|{UNKNOWN}"}}))',
            "teams",
            about=about_family(s.WORKING_NOW),
            steps=((None, "text"), (1.0, "green")),
        ),
        gauge("View up", s.VIEW_UP, BROKEN),
    ]
    return [(6, [_firing(), Stack(((3, trouble[:2]), (3, trouble[2:])))]), (3, [(up[0], 7), *up[1:]])]


def _flow() -> list[Band]:
    """An event's way: through the workers, and before it through the gateways."""
    return [
        (5, [
            each("Lag by partition", s.LAG, "partition"),
            latency(s.LATENCY, "Event to view"),
            rate("Events by source", s.SOURCE_EVENTS, "source"),
            rate("Dead letters by reason", s.DEAD_LETTERS, "reason"),
        ]),
        (5, [
            rate("Forwarded by source", s.FORWARDED, "source"),
            line(
                "Open dead letters", s.OPEN_DEAD_LETTERS,
                f"(max by (reason, source) ({s.OPEN_DEAD_LETTERS.name}) > 0) or on () {none_yet('reason')}",
                "{{reason}} {{source}}",
            ),
            each("Since Kafka answered", s.KAFKA_CONTACT_AGE, "instance"),
            each("Open transactions", s.OPEN_TRANSACTION, "partition"),
        ]),
        (5, [
            rate("Gateway: events", g.EVENTS, "outcome"),
            answers(),
            latency(g.SECONDS, "Gateway: time to answer"),
            waiting(),
        ]),
    ]  # fmt: skip


def _gateways() -> list[Band]:
    return [
        (8, [
            rate("Refused by workers", s.REFUSED, "source"),
            rate("Refused by gateways", g.REFUSED, "source"),
            rate("Fields ignored by gateways", g.UNKNOWN_FIELDS, "source"),
        ]),
        (8, [
            rate("Clients by number, known or new", g.CLIENTS, "outcome"),
            each("Gateways: waiting for Kafka", g.IN_FLIGHT, "instance", "sum"),
            each("Gateways: ready", g.READY, "instance", "min"),
        ]),
    ]  # fmt: skip


def _bitrix24() -> list[Band]:
    return [
        (8, [
            rate("Bitrix24: hooks", g.BITRIX24_HOOKS, "outcome"),
            rate("Bitrix24: events by type", g.BITRIX24_EVENTS, "type"),
            rate("Bitrix24: attempts that failed", g.BITRIX24_FAILURES, "task"),
        ]),
        (8, [
            rate("Bitrix24: entities left out", g.BITRIX24_REFUSED),
            line("Bitrix24: since reconciled", g.BITRIX24_RECONCILED, since(g.BITRIX24_RECONCILED), unit="s"),
            rate("Imports: events", g.IMPORT_EVENTS, "source"),
        ]),
    ]  # fmt: skip


def _imports() -> list[Band]:
    return [
        (8, [
            rate("Imports: lines", g.IMPORT_LINES, "outcome"),
            rate("Imports: clients by number, known or new", g.IMPORT_CLIENTS, "outcome"),
            line(
                "Imports: since the last one", g.IMPORT_AT,
                f"min by (source, format, mode) (time() - {g.IMPORT_AT.name})",
                "{{source}} {{format}} {{mode}}", unit="s",
            ),
        ]),
    ]  # fmt: skip


def _exporter() -> list[Band]:
    return [
        (8, [
            one("Collection", s.SCRAPE_SECONDS),
            one("Parts of cells held", s.VIEW_PARTS),
            one("Partitions reporting", s.VIEW_PARTITIONS, "min"),
            each("Unconverted money", s.UNCONVERTED, "currency"),
        ]),
    ]  # fmt: skip


def _ledger() -> list[Band]:
    return [
        (8, [
            line(
                "Audit: numbers that differ", s.AUDIT_DIFFERENCES,
                f"sum by (data) (max by (data, family) ({s.AUDIT_DIFFERENCES.name}))", "{{data}}",
            ),
            line(
                "Audit: since it was proved", s.AUDIT_PROVED,
                f"time() - max by (data) ({s.AUDIT_PROVED.name})", "{{data}}", unit="s",
            ),
            rate("Audit: numbers compared", s.AUDIT_COMPARED, "data"),
        ]),
        (8, [
            one("Ledger answers", s.LEDGER_UP),
            one("Ledger: records to read", s.LEDGER_BEHIND),
            rate("Audit: cores", s.AUDIT_SECONDS),
        ]),
        (8, [
            one("SQL: tables are kept up", s.SQL_UP),
            one("SQL: tables behind the ledger", s.SQL_LAG, unit="s"),
        ]),
    ]  # fmt: skip


def _partitions() -> list[Band]:
    return [
        (8, [
            each("Since the last commit", s.COMMIT_AGE, "partition"),
            line(
                "Partition time", s.PARTITION_TIME, f"max by (partition) ({s.PARTITION_TIME.name}) * 1000",
                "partition {{partition}}",
            ),
            each("Partitions by worker", s.ASSIGNED, "instance", "sum"),
        ]),
        (8, [
            each("Still to restore", s.RESTORE_REMAINING, "partition"),
            rate("Restored", s.RESTORE_RECORDS),
            each("Cells held in state", s.CELLS, "instance", "sum"),
        ]),
    ]  # fmt: skip


def _running_out() -> list[Band]:
    return [
        (8, [
            each("Kafka's disks: free", s.KAFKA_DISK, "broker", of='{0}{{state="free"}}'),
            line(
                "Certificates: time left", s.CERTIFICATE, f"min by (job, what) ({s.CERTIFICATE.name} - time())",
                "{{job}} {{what}}", unit="s",
            ),
            each("Senders' tokens: time left", g.TOKEN_EXPIRY, "source", "min", "{0} - time()", "s"),
        ]),
    ]  # fmt: skip


_WHICH = ("alertname", "severity", "team", "channel", "source", "reason", "partition", "instance", "currency")
"""Labels by which one alert differs from another of its name."""


def _firing() -> p.Panel:
    """What fires now and since when, worst and oldest first."""
    chosen = {"scope": (SALES, SERVICE)}
    labels = by(_WHICH)
    since = f"(time() - max{labels}({select('ALERTS_FOR_STATE', chosen)}))"
    fires = f"max{labels}({select('ALERTS', chosen, alertstate='firing')})"
    active = on_call.with_runbook(f"{since} and {fires}")
    nothing = 'label_replace(vector(0), "alertname", "None fires", "", "")'
    severity = {
        "critical": {"text": "critical", "color": "red", "index": 0},
        "warning": {"text": "warning", "color": "orange", "index": 1},
    }
    columns = [
        TableColumn("Alert", width=270, link=p.Link("Runbook", on_call.runbook())),
        TableColumn("Severity", width=80, cell=COLORED, mappings=({"type": "value", "options": severity},)),
        TableColumn("For", f"{active} or on () {nothing}", "dtdurations", 0, width=120),
        TableColumn("Team", least=110),
        TableColumn("Channel", width=80),
    ]
    headings = {
        "panel": "",
        "alertname": "Alert",
        "severity": "Severity",
        **{label: label.capitalize() for label in _WHICH[2:]},
    }
    return table(
        "Alerts that fire", headings, columns, sort="For", links=[p.Link("Runbook", f"/d/{base.RUNBOOK}")],
        about="Alerts of Prometheus that fire now, with what they are about and for how long.",
    )  # fmt: skip
