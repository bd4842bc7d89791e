"""Alerts about the service itself: what makes its numbers late, wrong or absent."""

from grafana.alerting import view, worker
from grafana.alerting.alert import CRITICAL, WARNING, Alert, of_service
from grafana.promql import select
from metrics.catalogue import service as s
from metrics.catalogue.activities import CALLS
from metrics.catalogue.money import COST
from metrics.other import OTHER

EXPORTER_JOB, WORKER_JOB = "sales-exporter", "sales-worker"
"""Names of the scrape jobs in deploy/prometheus/prometheus.yml."""
CALENDAR_JOB = f"{EXPORTER_JOB}-calendar"
"""The job that scrapes what the exporter shows of days and longer. Its series carry the exporter's own job; only what
Prometheus says of the scrape itself (`up` and the like) has this name."""
WORKER_SCRAPE = "2s"
"""How often a worker is scraped, and asked about what it says of Kafka."""
MOST_SERIES = 2_000_000
"""Of one target: Prometheus takes nothing of a scrape that has more. A thousand managers have less than half of it."""
_FREE = 0.15
"""Share of a broker's disk under which somebody is told."""
_DAYS = 14
"""Likewise of a certificate: time to get another one."""
_NEAR = 0.75
"""Share of that from which on somebody is told."""
_NEAR_NAMES = 0.8
"""Likewise of names. The exporter looks through them from three quarters on."""


def _down(name: str, jobs: tuple[str, ...], what: str, effect: str) -> Alert:
    """jobs: the one that there has to be, and others that bring a part of what it shows, where they are set up."""
    up = select("up", job=jobs)
    down = f"{up} == 0" if len(jobs) == 1 else f"min by (instance) ({up}) == 0"
    return of_service(
        name,
        f"{down} or absent({select('up', job=jobs[0])})",
        "30s",
        CRITICAL,
        f"{what} cannot be reached",
        f"Prometheus has not reached it for half a minute. {effect}",
        f"The {what.lower()} is down, or Prometheus cannot reach it. {effect}",
        "Whether the process runs; its `/healthz` and `/readyz`; the last lines of its log. What Prometheus says of "
        "its scrapes: page *Targets*.",
        "Start it again. It exits with one clear line when Kafka or Redis cannot be reached: fix that first.",
        breaks=True,
    )


def _series() -> Alert:
    most = round(_NEAR * MOST_SERIES)
    return of_service(
        "SeriesNearLimit",
        f"max by (job) (scrape_samples_scraped) > {most}",
        "5m",
        WARNING,
        "{{ $labels.job }} shows {{ $value | humanize }} series",
        f"From {MOST_SERIES:,} series on, Prometheus rejects the whole scrape, and walls are empty.",
        "There are far more managers, teams, pipelines, stages or categories than a company has: a source invents "
        "names, or puts something else into such a field (a client, a comment).",
        f"Which name has the most: `topk(5, count by (__name__) ({select('', job=EXPORTER_JOB)}))`; then how many "
        f"managers, teams and categories there are: `count(group by (manager) ({CALLS.name}))`, likewise by `team`, "
        f"and by `category` of `{COST.name}`. The gateway's page `/sources` says who sends.",
        "Have the source send what the field is for. What it sent disappears with its windows, at the end of next year "
        "at the latest, or at once when its entities are deleted or sent again with the right name. Until then raise "
        "`sample_limit` in prometheus.yml, if Prometheus has the memory.",
    )


def _names() -> Alert:
    return of_service(
        "NamesNearLimit",
        f"max by (label) ({s.NAMES.name}) > {_NEAR_NAMES} * max by (label) ({s.NAMES_LIMIT.name})",
        "5m",
        WARNING,
        "{{ $value | humanize }} values of {{ $labels.label }} have numbers",
        f"Beyond the limit (`{s.NAMES_LIMIT.name}`) Prometheus has only those with the greatest counts, and "
        f"`{OTHER}` for the rest. Wall, JSON API, history and explain show all of them.",
        "Many more names are sent than is usual for people, pipelines, stages or categories: a source invents names, "
        "or puts something else into the field. Or that many people do work here.",
        f"How many are in `{OTHER}` already: `{s.NAMES_IN_OTHER.name}`. All managers with numbers: "
        "`GET /api/v1/kpis?level=manager`. The gateway's page `/sources` says who sends.",
        "Have the source send what the field is for, and send its entities again with the right name. If that many "
        "people do work here, raise `SALES_MAX_MANAGERS` for exporter and audit: a thousand people are 900,000 series. "
        "The limit of the other labels is fixed.",
    )


def _silent_source() -> Alert:
    def sent(span: str, more: str = "") -> str:
        return f"sum by (source) (increase({s.SOURCE_EVENTS.name}[{span}]{more}))"

    usual = f"({sent('6h')} > 30 or {sent('30m', ' offset 1w')} > 5)"
    open_now = f'{s.WORKING_NOW.name}{{team=""}} == 1'
    return of_service(
        "SourceSilent",
        f"({usual}\nunless on (source) {sent('30m')} > 0)\nand on () ({open_now})",
        "5m",
        WARNING,
        "No events from {{ $labels.source }} for half an hour",
        "The source usually sends at this time: more than 30 events in six hours, or at this time a week ago.",
        "A CRM, telephone exchange or chat has stopped sending. What it reports is missing from every number.",
        "Events by source on the wall Service health; the gateway's log for refused requests of that source.",
        "Fix the source's webhook or token. Then have it send what was missed (`sales-pulse import`, or "
        "`sales-pulse bitrix24 reconcile`): late events correct the past.",
    )


def _kafka() -> tuple[Alert, ...]:
    def disk(state: str) -> str:
        return f'max by (broker, folder) ({s.KAFKA_DISK.name}{{state="{state}"}})'

    return (
        of_service(
            "KafkaDiskNearlyFull", f"{disk('free')} / {disk('total')} < {_FREE}", "10m", WARNING,
            "Broker {{ $labels.broker }} has {{ $value | humanizePercentage }} of its disk left",
            "A broker whose disk is full shuts down and accepts nothing.",
            "Nothing is wrong yet. The topic of events grows; it keeps events for as long as its retention says.",
            "`df -h` of its folder, which the alert names; whether something else fills that disk.",
            "Add disk space. Or keep events for less time (`retention.ms` of the topic); numbers can then be rebuilt "
            "for that time only, so make a backup first (`sales-pulse backup`).",
            every="1m",
        ),
        of_service(
            "KafkaUnreachable", f"{s.KAFKA_CONTACT_AGE.name} > 10", "", CRITICAL,
            "Kafka has not answered worker {{ $labels.instance }} for {{ $value | humanizeDuration }}",
            "No answer about at least one of its partitions for over 10 s; it is asked every second.",
            "Nothing new is counted: numbers are those of the last contact, and who is waiting is unknown.",
            "Whether brokers run and are not frozen; the network in between; for a single partition, whether it has a "
            "leader (`kafka-topics.sh --describe`). The worker's `/readyz` says for how long.",
            "Fix Kafka. Workers continue by themselves and nothing is lost; restarting them does not help.",
            breaks=True,
        ),
        of_service(
            "OpenTransaction", f"max by (partition) ({s.OPEN_TRANSACTION.name}) > 30", "", WARNING,
            "Partition {{ $labels.partition }} has been blocked by an open transaction for "
            "{{ $value | humanizeDuration }}",
            "A producer began a transaction on the events topic and neither commits nor aborts it. Nothing behind its "
            "first record can be read.",
            "Numbers of the partition's clients stand still, whatever arrives. Readers of committed records wait for "
            "every open transaction; workers' own last 10 s at most.",
            "Whose it is: `kafka-transactions.sh --bootstrap-server … find-hanging --topic …`, or `describe-producers "
            "--topic … --partition …`; usually an outbox relay or a Kafka Connect task that hangs.",
            "Restart that producer: with the same `transactional.id` it aborts what it left open. Otherwise run `kafka-"
            "transactions.sh abort`, or wait until its `transaction.timeout.ms` is over. Keep that below a minute.",
        ),
    )  # fmt: skip


def _certificate() -> Alert:
    return of_service(
        "CertificateRunsOut",
        f"min by (job, what) ({s.CERTIFICATE.name} - time()) < {_DAYS} * 86400",
        "1h",
        WARNING,
        "A certificate of {{ $labels.job }} ({{ $labels.what }}) expires in {{ $value | humanizeDuration }}",
        "From then on connections with it fail: people at the wall, Prometheus, or our process at Kafka or Redis.",
        f"Less than {_DAYS} days are left, or it has already expired (a time below 0).",
        "Which one: web is presented to readers (`SALES_WEB_CONFIG`); kafka-client is presented to Kafka, "
        "kafka-authority verifies Kafka (`SALES_KAFKA_SSL_CERTFILE`, `SALES_KAFKA_SSL_CAFILE`); redis likewise "
        "(`SALES_REDIS_URL`).",
        "Put the new one into the same file. For web it takes effect within a second; for the others restart the "
        "processes, one after the other.",
        every="1m",
    )


def alerts() -> tuple[Alert, ...]:
    """All alerts about worker, exporter and what they need."""
    return (
        _down("ExporterDown", (EXPORTER_JOB, CALENDAR_JOB), "Exporter", "Walls and alerts see no sales numbers."),
        _down("WorkerDown", (WORKER_JOB,), "Worker", "Its partitions stand still until it or another worker is back."),
        *view.alerts(WORKER_SCRAPE),
        *worker.alerts(),
        *_kafka(),
        _certificate(),
        _series(),
        _names(),
        _silent_source(),
    )
