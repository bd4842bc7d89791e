"""Alerts about what watches: Prometheus, its disk, the ways to people; and the one that is always on."""

from grafana.alerting.alert import ALWAYS, CRITICAL, NONE, WARNING, Alert, of_service

WATCHDOG = "Watchdog"
PROMETHEUS_JOB, ALERTMANAGER_JOB = "prometheus", "alertmanager"
"""Names of their scrape jobs. In a cluster somebody else scrapes them, under other names: no alert reads these."""
_FULL = 0.8
"""Share of `--storage.tsdb.retention.size` from which on somebody is told: past all of it the oldest goes."""
_OPEN = 0.25
"""Share of it that the head and its log have, from which on the limit is too small: blocks get what these leave."""
_WEEK = 7 * 86_400
_WRITES = ("wal_writes", "compactions", "head_truncations", "checkpoint_creations")
"""What Prometheus does on its disk, and counts when it fails."""


def _delivery() -> Alert:
    def failed(name: str, by: str) -> str:
        return f"sum by ({by}) (increase({name}[10m])) > 0"

    return of_service(
        "AlertsNotDelivered",
        f"{failed('alertmanager_notifications_failed_total', 'integration')}\n"
        f"or {failed('prometheus_notifications_errors_total', 'alertmanager')}\n"
        "or sum(prometheus_notifications_alertmanagers_discovered) == 0",
        "5m",
        WARNING,
        "Alerts do not reach people{{ with $labels.integration }} by {{ . }}{{ end }}",
        "{{ with $labels.alertmanager }}Prometheus cannot send to {{ . }}.{{ else }}A message was not accepted, or "
        "Prometheus knows no Alertmanager.{{ end }}",
        "Alerts are seen on the walls only, or lack one channel.",
        "Alertmanager's log: it names receiver and reason (a wrong password or token, a chat of which the bot is not "
        "a member). Prometheus's page `/status`: which Alertmanagers it knows.",
        "Correct the channel (`SALES_ALERTS_…`, the file with its secret), run `sales-pulse generate --to` again into "
        "the folder of the configuration, and reload Alertmanager: it sends what still fires.",
        every="30s",
    )


def _prometheus() -> tuple[Alert, ...]:
    blocks, *others = (
        f"sum by (instance) (prometheus_tsdb_{name}_bytes)"
        for name in ("storage_blocks", "wal_storage_size", "head_chunks_storage_size")
    )
    not_yet = " + ".join(others)
    held, limit = f"{blocks} + {not_yet}", "(max by (instance) (prometheus_tsdb_retention_limit_bytes) > 0)"
    by_size = "max by (instance) (prometheus_tsdb_size_retentions_total) > 0"
    oldest = "min by (instance) (prometheus_tsdb_lowest_timestamp_seconds)"
    failed = (f"increase(prometheus_tsdb_{one}_failed_total[15m])" for one in _WRITES)
    fails = "\nor ".join(f"sum by (instance) ({one}) > 0" for one in failed)
    return (
        of_service(
            "PrometheusNearlyFull",
            f"({held})\n/ {limit} > {_FULL}",
            "1h", WARNING,
            "Prometheus {{ $labels.instance }} has used {{ $value | humanizePercentage }} of the disk it may have",
            "Beyond its limit it drops the oldest samples before their time.",
            "Dashboards will reach less far back. Numbers are right; history and *Past* are not affected.",
            "`prometheus_tsdb_storage_blocks_bytes`, and what grows: SeriesNearLimit, NamesNearLimit.",
            "Give it a larger disk and limit (compose: `PROMETHEUS_DISK`), or a shorter "
            "`--storage.tsdb.retention.time`.",
            every="1m",
        ),
        of_service(
            "PrometheusDiskTooSmall",
            f"({not_yet})\n/ {limit} > {_OPEN}\nor {by_size} and time() - {oldest} < {_WEEK}",
            "15m", WARNING,
            "The disk that Prometheus {{ $labels.instance }} may have is too small for what it scrapes",
            "What is not in blocks yet takes more than a quarter of it, or blocks were dropped and less than a week is "
            "left.",
            "Blocks get what the head and its log leave, and all of them may be dropped at its next start. Numbers are "
            "right; history and *Past* are not affected.",
            "`prometheus_tsdb_wal_storage_size_bytes`, `prometheus_tsdb_retention_limit_bytes`, and how far back "
            "`prometheus_tsdb_lowest_timestamp_seconds` is.",
            "Before you restart it, give it a larger limit (`PROMETHEUS_DISK` of `up` and compose, `retentionSize` of "
            "the Operator), and the disk space for it: 100 GB hold a month of 1,000 people.",
            every="1m",
        ),
        of_service(
            "PrometheusCannotWrite", fails, "", CRITICAL,
            "Prometheus {{ $labels.instance }} cannot write to its disk",
            "{{ $value | humanize }} writes failed in a quarter of an hour.",
            "What it scrapes is only in memory and lost at a restart; soon it accepts no more, and no alert fires.",
            "Its log; `df -h` of its disk, which is most often full.",
            "Free space, or give it a larger disk; then restart it. Days that it lost are in *Past*.",
            every="30s",
        ),
    )  # fmt: skip


def _watchdog() -> Alert:
    return Alert(
        WATCHDOG,
        "vector(1)",
        "",
        NONE,
        ALWAYS,
        "Alerts work",
        "Always on while Prometheus evaluates rules and reaches Alertmanager. It wakes nobody.",
        "sales-service",
        "Nothing is wrong: it shows that alerts work. `SALES_ALERTS_WATCHDOG` is called every minute; when the calls "
        "stop, the service behind that URL (healthchecks.io, Dead Man's Snitch, one of your own) alerts you.",
        "When that service alerts you: whether Prometheus and Alertmanager run, and reach the network.",
        "Start what is down. Silence it there while you work on the machine.",
        every="1m",
    )


def alerts() -> tuple[Alert, ...]:
    """All of them; the last is the one that is always on."""
    return (_delivery(), *_prometheus(), _watchdog())
