"""Service health: whether the numbers can be trusted: ways in, lag, latency, dead letters, restore, view, Redis."""

from collections.abc import Sequence
from typing import Any

import grafana.panels as p
from grafana import on_call
from grafana.alerting.alert import SALES, SERVICE
from grafana.dashboards import base
from grafana.layout import Stack, folded, place
from grafana.links import definition
from grafana.look import Look
from grafana.promql import by, select
from grafana.tables import COLORED, TableColumn, table
from metrics.catalogue import gateway as g
from metrics.catalogue import service as s
from metrics.family import Family

_RATE = "$__rate_interval"
DEFINITIONS = [p.Link("Definition", definition()), p.Link("Runbook", f"/d/{base.RUNBOOK}")]
BROKEN = ((None, "red"), (1.0, "green"))


def dashboard(look: Look) -> dict[str, Any]:
    """One screen of 1920 × 1080: what fires, then what may be wrong; folded away, the details of each process."""
    up = [
        _stat("Scraped", "up", "min by (job) (up)", "{{job}}", about="1 while Prometheus reaches the process."),
        _gauge("Redis takes writes", s.REDIS_UP, BROKEN),
        _gauge("Collection succeeds", s.SCRAPE_OK, BROKEN),
        _stat(
            "Teams at work",
            "short",
            f'sum(max by (team) ({s.WORKING_NOW.name}{{team!=""}}))',
            "teams",
            about=_about(s.WORKING_NOW),
            steps=((None, "text"), (1.0, "green")),
        ),
        _gauge("View loaded", s.VIEW_UP, BROKEN),
    ]
    trouble = [
        _gauge("Lag", s.LAG, ((None, "green"), (1000, "orange"), (10_000, "red")), function="sum"),
        _stat(
            "Event to view, p99",
            "s",
            f"histogram_quantile(0.99, sum by (le) (rate({s.LATENCY.bucket}[{_RATE}]))) >= 0",
            "p99",
            about=_about(s.LATENCY),
            steps=((None, "green"), (2, "orange"), (5, "red")),
        ),
        _stat(
            "Open dead letters",
            "short",
            f"sum(max by (reason, source) ({s.OPEN_DEAD_LETTERS.name})) or vector(0)",
            "records",
            about=_about(s.OPEN_DEAD_LETTERS),
            steps=((None, "green"), (1, "red")),
        ),
        _gauge("View age", s.VIEW_AGE, ((None, "green"), (10, "orange"), (60, "red"))),
    ]
    placed = place(
        (6, [firing(), Stack(((3, trouble[:2]), (3, trouble[2:])))]),
        (3, up),
        (5, [
            _line("Lag by partition", s.LAG, f"max by (partition) ({s.LAG.name})", "partition {{partition}}"),
            _latency(s.LATENCY, "Event to view"),
            _rate("Events by source", s.SOURCE_EVENTS, "source"),
            _rate("Dead letters by reason", s.DEAD_LETTERS, "reason"),
        ]),
        (5, [
            _rate("Forwarded by source", s.FORWARDED, "source"),
            _line(
                "Open dead letters", s.OPEN_DEAD_LETTERS,
                f"(max by (reason, source) ({s.OPEN_DEAD_LETTERS.name}) > 0) or on () {_none('reason')}",
                "{{reason}} {{source}}",
            ),
            _line("Since Kafka answered", s.KAFKA_CONTACT_AGE, f"max by (instance) ({s.KAFKA_CONTACT_AGE.name})",
                  "{{instance}}"),
            _line("Open transactions", s.OPEN_TRANSACTION, f"max by (partition) ({s.OPEN_TRANSACTION.name})",
                  "partition {{partition}}"),
        ]),
        (5, [
            _rate("Gateway: events", g.EVENTS, "outcome"),
            _answers(),
            _latency(g.SECONDS, "Gateway: time to answer"),
            _waiting(),
        ]),
        folded("Ways in", (8, [
            _rate("Refused by workers", s.REFUSED, "source"),
            _rate("Refused by gateways", g.REFUSED, "source"),
            _rate("Fields ignored by gateways", g.UNKNOWN_FIELDS, "source"),
        ]), (8, [
            _rate("Clients by number, known or new", g.CLIENTS, "outcome"),
            _line("Gateways: waiting for Kafka", g.IN_FLIGHT, f"sum by (instance) ({g.IN_FLIGHT.name})",
                  "{{instance}}"),
            _line("Gateways: ready", g.READY, f"min by (instance) ({g.READY.name})", "{{instance}}"),
        ]), (8, [
            _rate("Bitrix24: hooks", g.BITRIX24_HOOKS, "outcome"),
            _rate("Bitrix24: events by type", g.BITRIX24_EVENTS, "type"),
            _rate("Bitrix24: attempts that failed", g.BITRIX24_FAILURES, "task"),
        ]), (8, [
            _rate("Bitrix24: entities left out", g.BITRIX24_REFUSED),
            _line("Bitrix24: since reconciled", g.BITRIX24_RECONCILED, _since(g.BITRIX24_RECONCILED), unit="s"),
            _rate("Imports: events", g.IMPORT_EVENTS, "source"),
        ]), (8, [
            _rate("Imports: lines", g.IMPORT_LINES, "outcome"),
            _rate("Imports: clients by number, known or new", g.IMPORT_CLIENTS, "outcome"),
            _line(
                "Imports: since the last one", g.IMPORT_AT,
                f"min by (source, format, mode) (time() - {g.IMPORT_AT.name})",
                "{{source}} {{format}} {{mode}}", unit="s",
            ),
        ])),
        folded("Exporter, ledger and its audit", (8, [
            _line("Collection", s.SCRAPE_SECONDS, f"max({s.SCRAPE_SECONDS.name})"),
            _line("Parts of cells held", s.VIEW_PARTS, f"max({s.VIEW_PARTS.name})"),
            _line("Partitions reporting", s.VIEW_PARTITIONS, f"min({s.VIEW_PARTITIONS.name})"),
            _rate("Unconverted money", s.UNCONVERTED, "currency"),
        ]), (8, [
            _line(
                "Audit: numbers that differ", s.AUDIT_DIFFERENCES,
                f"sum by (data) (max by (data, family) ({s.AUDIT_DIFFERENCES.name}))", "{{data}}",
            ),
            _line(
                "Audit: since it was proved", s.AUDIT_PROVED,
                f"time() - max by (data) ({s.AUDIT_PROVED.name})", "{{data}}", unit="s",
            ),
            _rate("Audit: numbers compared", s.AUDIT_COMPARED, "data"),
        ]), (8, [
            _line("Ledger answers", s.LEDGER_UP, f"max({s.LEDGER_UP.name})"),
            _line("Ledger: records to read", s.LEDGER_BEHIND, f"max({s.LEDGER_BEHIND.name})"),
            _rate("Audit: cores", s.AUDIT_SECONDS),
        ]), (8, [
            _line("SQL: tables are kept up", s.SQL_UP, f"max({s.SQL_UP.name})"),
            _line("SQL: tables behind the ledger", s.SQL_LAG, f"max({s.SQL_LAG.name})", unit="s"),
        ])),
        folded("Kafka to worker", (9, [
            _rate("Events by type", s.EVENTS, "type"),
            _rate("Duplicates", s.DUPLICATES),
            _rate("Stale versions", s.STALE),
            _rate("Batches", s.BATCHES),
        ])),
        folded("Worker to view", (9, [_latency(s.FLUSH_SECONDS, "Flush"),
             _latency(s.VIEW_SECONDS, "Write to Redis")]),
        (8, [
            _line(
                "Since the last commit", s.COMMIT_AGE, f"max by (partition) ({s.COMMIT_AGE.name})",
                "partition {{partition}}",
            ),
            _line(
                "Partition time", s.PARTITION_TIME, f"max by (partition) ({s.PARTITION_TIME.name}) * 1000",
                "partition {{partition}}",
            ),
            _line("Partitions by worker", s.ASSIGNED, f"sum by (instance) ({s.ASSIGNED.name})", "{{instance}}"),
        ]),
        (8, [
            _line(
                "Still to restore", s.RESTORE_REMAINING, f"max by (partition) ({s.RESTORE_REMAINING.name})",
                "partition {{partition}}",
            ),
            _rate("Restored", s.RESTORE_RECORDS),
            _line("Cells held in state", s.CELLS, f"sum by (instance) ({s.CELLS.name})", "{{instance}}"),
        ]),
        (8, [
            _line(
                "Kafka's disks: free", s.KAFKA_DISK, f'max by (broker) ({s.KAFKA_DISK.name}{{state="free"}})',
                "broker {{broker}}",
            ),
            _line(
                "Certificates: time left", s.CERTIFICATE, f"min by (job, what) ({s.CERTIFICATE.name} - time())",
                "{{job}} {{what}}", unit="s",
            ),
            _line(
                "Senders' tokens: time left", g.TOKEN_EXPIRY, f"min by (source) ({g.TOKEN_EXPIRY.name} - time())",
                "{{source}}", unit="s",
            ),
        ])),
    )  # fmt: skip
    return base.board(
        base.SERVICE, "Service health", "Whether the numbers can be trusted.", placed, look, tags=("service",),
        time_from="now-1h",
    )  # fmt: skip


_WHICH = ("alertname", "severity", "team", "channel", "source", "reason", "partition", "instance", "currency")
"""Labels by which one alert differs from another of its name."""


def firing(scope: str = "") -> p.Panel:
    """What fires now and since when, worst and oldest first. scope: of sales or the service only."""
    chosen = {"scope": scope or (SALES, SERVICE)}
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
        TableColumn("Alert", width=190, link=p.Link("Runbook", on_call.runbook())),
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


def _stat(title: str, unit: str, expr: str, legend: str, *, about: str, steps: Any = BROKEN) -> p.Panel:
    return p.panel(
        "stat", title, [p.number(expr, legend)], about=about, unit="bool_yes_no" if unit in {"up", "bool"} else unit,
        links=DEFINITIONS, thresholds=steps,
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background",
            "graphMode": "none", "textMode": "auto", "justifyMode": "center", "orientation": "auto",
        },
    )  # fmt: skip


def _gauge(
    title: str, family: Family, steps: Any, legend: str = "", by_: tuple[str, ...] = (), function: str = ""
) -> p.Panel:
    function = function or ("max" if family.unit == "s" else "min")
    expr = f"{function}{by(by_)}({family.name})"
    return _stat(title, family.unit, expr, legend or title, about=_about(family), steps=steps)


def _about(family: Family) -> str:
    return f"`{family.name}`: {family.help}"


def _line(title: str, family: Family, expr: str, legend: str = "", unit: str = "") -> p.Panel:
    return _lines(title, [p.Query(expr, legend or title)], _about(family), unit or family.unit)


def _lines(title: str, queries: list[p.Query], about: str, unit: str, overrides: Sequence[p.Override] = ()) -> p.Panel:
    return p.panel(
        "timeseries", title, queries, about=about, unit=unit, links=DEFINITIONS, overrides=overrides,
        custom={"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"},
        defaults={"color": {"mode": "palette-classic"}, "min": 0} if unit != "dateTimeAsIso" else {},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )  # fmt: skip


def _answers() -> p.Panel:
    """Requests by the first digit of their status: the alert names the status itself."""
    kind = f'label_replace(rate({g.REQUESTS.name}[{_RATE}]), "kind", "${{1}}xx", "status", "(.).*")'
    expr = f"sum by (kind) ({kind}) or on () {_none('kind')}"
    return _line("Gateway: requests", g.REQUESTS, expr, "{{kind}}", "cps")


def _waiting() -> p.Panel:
    """Changes of the portal that wait, and since when the oldest does; 0 where no portal is connected."""
    queries = [
        p.Query(f"max({g.BITRIX24_WAITING.name}) or vector(0)", "waiting"),
        p.Query(f"({_since(g.BITRIX24_OLDEST)}) or vector(0)", "oldest for"),
    ]
    about = f"{_about(g.BITRIX24_WAITING)}\n\n{_about(g.BITRIX24_OLDEST)}"
    oldest = p.override("oldest for", unit="s", custom__axisPlacement="right")
    return _lines("Bitrix24: changes to fetch", queries, about, "short", [oldest])


def _since(moment: Family) -> str:
    """Seconds since a moment that is 0 where there is none."""
    return f"time() - (max({moment.name}) > 0)"


def _none(label: str) -> str:
    return f'label_replace(vector(0), "{label}", "none", "", "")'


def _rate(title: str, family: Family, label: str = "") -> p.Panel:
    labels = (label,) if label else ()
    if family is s.UNCONVERTED:
        return _line(title, family, f"max{by(labels)}({family.name})", f"{{{{{label}}}}}")
    expr = f"sum{by(labels)}(rate({family.name}[{_RATE}]))"
    # What never happened has no series yet.
    expr += f" or on () {_none(label)}" if label else " or vector(0)"
    return _line(title, family, expr, f"{{{{{label}}}}}" if label else title, "cps")


def _latency(family: Family, title: str) -> p.Panel:
    buckets = f"sum by (le) (rate({select(family.bucket)}[{_RATE}]))"
    queries = [p.Query(f"histogram_quantile({q}, {buckets})", f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)]
    return _lines(title, queries, _about(family), "s")
