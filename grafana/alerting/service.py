"""Alerts about the service itself: what makes its numbers late, wrong or absent."""

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
        "Start it again. It exits with one clear line when Kafka or Redis cannot be reached: mend that first.",
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
        f"From {MOST_SERIES:,} series on Prometheus takes nothing of a scrape any more, and walls are empty.",
        "Far more managers, teams, pipelines, stages or categories have numbers than people work here: a source makes "
        "names up, or puts something else into such a field (a client, a comment).",
        f"Which name has most: `topk(5, count by (__name__) ({select('', job=EXPORTER_JOB)}))`; then how many "
        f"managers, teams and categories there are: `count(group by (manager) ({CALLS.name}))`, likewise by `team`, "
        f"and by `category` of `{COST.name}`. The gateway's page `/sources` says who sends.",
        "Let the source send what the field is for. What it sent leaves with its windows, at the end of next year at "
        "the latest, or at once when its entities are deleted or sent again with the right name. Until then raise "
        "`sample_limit` in prometheus.yml, if Prometheus has the memory.",
    )


def _names() -> Alert:
    return of_service(
        "NamesNearLimit",
        f"max by (label) ({s.NAMES.name}) > {_NEAR_NAMES} * max by (label) ({s.NAMES_LIMIT.name})",
        "5m",
        WARNING,
        "{{ $value | humanize }} values of {{ $labels.label }} have numbers",
        f"Beyond the limit (`{s.NAMES_LIMIT.name}`) Prometheus has those with the greatest counts, and `{OTHER}` "
        "for the rest. Wall, JSON API, history and explain show all of them.",
        "Many more names are sent than people, pipelines, stages or categories are usual: a source makes names up, or "
        "puts something else into the field. Or so many people work here.",
        f"How many are in `{OTHER}` already: `{s.NAMES_IN_OTHER.name}`. All managers with numbers: "
        "`GET /api/v1/kpis?level=manager`. The gateway's page `/sources` says who sends.",
        "Let the source send what the field is for, and send its entities again with the right name; or raise "
        "`SALES_MAX_MANAGERS` for exporter and audit, if so many people work here: a thousand are 900,000 series. Of "
        "the other labels the limit is fixed.",
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
        "Mend the source's webhook or token. Then let it send what was missed (`sales-pulse import`, or "
        "`sales-pulse bitrix24 reconcile`): late events correct the past.",
    )


def _view() -> tuple[Alert, ...]:
    return (
        of_service(
            "ViewStale", f"{s.VIEW_AGE.name} > 30 or {s.VIEW_UP.name} == 0", "30s", CRITICAL,
            "The exporter's view is stale",
            "A partition's owner has not reported for over 30 s, or Redis does not answer the exporter.",
            "Some numbers stand still; after a while the exporter withholds what it cannot vouch for.",
            "View age and partitions reporting; whether all workers run; whether Redis answers.",
            "Start the missing worker; mend Redis. Workers write the whole view again by themselves.",
            breaks=True,
        ),
        of_service(
            "NumbersOld", f"max({s.VIEW_CONTACT_AGE.name} > 5 or {s.KAFKA_CONTACT_AGE.name} > 5)", "", WARNING,
            "The numbers shown are {{ $value | humanizeDuration }} old",
            "A worker has not reported for so long, or Kafka has not answered it; both happen every second.",
            "Walls show the numbers of then, amber and with their age; who still waits is not known. After a minute of "
            "a silent worker the exporter withholds them.",
            "`/readyz` of the exporter says which partitions, and whether it is the worker or Kafka; KafkaUnreachable.",
            "As for KafkaUnreachable or WorkerDown.",
            breaks=True, every=WORKER_SCRAPE,
        ),
        of_service(
            "ViewIncomplete", f"max({s.VIEW_MISSING.name}) > 0", "5s", CRITICAL,
            "Redis lacks {{ $value }} hashes of the view",
            "Parts of the view that workers have written are not in Redis any more.",
            "The exporter withholds sales numbers that it cannot read as a whole, and asks for them; workers write "
            "them again by themselves, within seconds.",
            "`/readyz` of the exporter; RedisEvicts; who deletes our keys (`redis-cli monitor`); whether workers run.",
            "When it stays or comes back: a Redis for the view alone, with `maxmemory-policy noeviction`, and room.",
            breaks=True,
        ),
        of_service(
            "ViewLosesKeys", f"sum(increase({s.VIEW_LOST.name}[10m])) > 0", "", WARNING,
            "Redis lost {{ $value | humanize }} hashes of the view in ten minutes",
            "Workers found gone what they had written, and wrote it again.",
            "Numbers stay right. Each loss costs a restarted exporter seconds without numbers.",
            "`evicted_keys` and `expired_keys` of `INFO stats`; failovers; other users of that Redis.",
            "As for ViewIncomplete.",
        ),
        of_service(
            "RedisEvicts", f"max by (policy) ({s.VIEW_EVICTS.name}) > 0 or max by (policy) ({s.REDIS_EVICTS.name}) > 0",
            "1m", WARNING,
            "Redis evicts keys when it is full: {{ $labels.policy }}",
            "It has a memory limit and the eviction policy of a cache: what it evicts has to be written again.",
            "As soon as it is full numbers go missing again and again, and are withheld meanwhile.",
            "`CONFIG GET maxmemory*`; `INFO memory`.",
            "Set `maxmemory-policy noeviction`. When it is then full, RedisNotWritable says so; give it more memory.",
        ),
        of_service(
            "RedisNotWritable", f"{s.REDIS_UP.name} == 0", "30s", CRITICAL,
            "Worker {{ $labels.instance }} cannot write to Redis",
            "Redis has refused or not answered a worker's writes for half a minute.",
            "Events are folded and kept, but nobody sees them.",
            "Redis: memory, disk, network; the worker's log for the exact error.",
            "Mend Redis. Nothing is lost: workers write what they hold again.",
            breaks=True,
        ),
        of_service(
            "CollectionFailing", f"{s.SCRAPE_OK.name} == 0", "1m", CRITICAL,
            "The exporter fails to collect sales numbers", "The last collections have failed for a minute.",
            "The exporter answers, but without sales numbers.",
            "The exporter's log: it names what failed.",
            "Restart the exporter; if it stays, report the error with the log.",
            breaks=True,
        ),
        of_service(
            "MoneyWithoutRate", f"max by (currency) ({s.UNCONVERTED.name}) > 0", "10m", WARNING,
            "No rate converts {{ $labels.currency }}",
            "{{ $value }} events carry money in a currency without a rate; they are counted, their money is left out.",
            "Sums of money are too small by what is in that currency.",
            "Which currency: the alert's label. Which rates there are: `sales-pulse reference`.",
            "Set the rate (`sales-pulse reference apply`). It mends the past from its date on.",
        ),
    )  # fmt: skip


def _open_letters() -> str:
    """Open dead letters; new ones at least, where no worker may read their topic."""
    return (
        f"max by (reason, source) ({s.OPEN_DEAD_LETTERS.name}) > 0\n"
        f"or (sum by (reason) (increase({s.DEAD_LETTERS.name}[10m])) > 0\n"
        f"unless on () group({s.OPEN_DEAD_LETTERS.name}))"
    )


def _worker() -> tuple[Alert, ...]:
    # A partition has one owner: of two that show it, one has it no more.
    lag = f"max by (partition) ({s.LAG.name})"
    buckets = f"sum by (le) (rate({s.LATENCY.bucket}[5m]))"
    return (
        of_service(
            "LagGrowing", f"{lag} > 1000 and max by (partition) (deriv({s.LAG.name}[5m])) > 0", "5m", WARNING,
            "Lag of partition {{ $labels.partition }} grows: {{ $value | humanize }} records",
            "More events arrive than are folded, for five minutes.",
            "Numbers fall behind events. They will be right, but late.",
            "Throughput by type, lag by partition: all partitions, or those of one worker?",
            "Start another worker. One hot partition: find the client that is sent too often.",
        ),
        of_service(
            "SlowToView", f"histogram_quantile(0.99, {buckets}) > 5", "5m", WARNING,
            "Events take {{ $value | humanizeDuration }} to be seen",
            "p99 of the time from a record's timestamp to the view is over 5 s.",
            "The wall is not live.",
            "Flush and write times on the wall Service health; load of Kafka and Redis.",
            "As for LagGrowing; slow flushes point at Kafka, slow writes at Redis.",
        ),
        of_service(
            "DeadLetters", _open_letters(), "", WARNING,
            "Dead letters are open: {{ $labels.reason }} from {{ $labels.source }}",
            "{{ $value | humanize }} records that could not be used were neither replayed nor dismissed.",
            "A source sends what the contract does not allow. Those events are missing from the numbers.",
            "`sales-pulse dead-letters list`: reason, source, and what to mend; `--json` for the records themselves.",
            "Mend the source, then `sales-pulse dead-letters replay`: it sends what can be used now, and says why it "
            "does not send the rest. `sales-pulse dead-letters dismiss` closes what nobody will mend.",
        ),
        of_service(
            "RecordsForwarded",
            # A source is there with its first record, and nobody sees that as an increase.
            f"sum by (source, reason) (increase({s.FORWARDED.name}[1h])) > 0\n"
            f"or sum by (source, reason) ({s.FORWARDED.name} unless {s.FORWARDED.name} offset 1h) > 0",
            "10m", WARNING,
            "{{ $labels.source }} sends to the wrong partition: {{ $labels.reason }}",
            "{{ $value | humanize }} records in an hour lay on another partition than their client's. They count, but "
            "later, and Kafka holds them twice. To set in that client: "
            '{{ if eq $labels.reason "no_key" }}a key, the client_id as plain text'
            '{{ else if eq $labels.reason "key_spelling" }}a key serializer that writes the client_id as plain text '
            "(StringSerializer, StringConverter), not as JSON"
            '{{ else if eq $labels.reason "other_key" }}the client_id as key, nothing else'
            "{{ else }}the partitioner: partitioner=murmur2_random (librdkafka), one that is murmur2 of the key in "
            "others{{ end }}.",
            "A sender's client does not put records where Kafka's default would. Nothing is lost. Where it sets no "
            "key, or spreads records whatever their key (kafka-go), response times of chats may be wrong: between "
            "partitions there is no order.",
            "Who and why: the alert's labels. Which setting of which client: `deploy/docs/senders.md`.",
            "Tell the team that owns the source which setting to change. What was sent needs no repair.",
        ),
        of_service(
            "WorkerOutgrown", f"{s.OUTGROWN.name} == 1", "", WARNING,
            "Worker {{ $labels.instance }} has come to four fifths of its memory limit",
            "From its next start on it keeps clients on disk. Until then it takes more.",
            "Numbers are right. What a worker remembers of clients grows for 800 days, about 100 bytes an event; a "
            "machine that runs out of memory kills it, or something else.",
            f"`{s.MEMORY_LIMIT.name}` and `process_resident_memory_bytes`; a backlog takes more while it lasts.",
            "When it suits, restart it: it goes on from disk, in its `SALES_DATA_DIR`, which must outlive it. Or raise "
            "`SALES_MEMORY_LIMIT`: from twice what it held on it stays in memory, or goes back there.",
        ),
        of_service(
            "RestoreStuck",
            f"sum by (instance) ({s.RESTORE_REMAINING.name}) > 0\n"
            f"and sum by (instance) (rate({s.RESTORE_RECORDS.name}[2m])) == 0",
            "2m", CRITICAL,
            "Worker {{ $labels.instance }} does not get on with restoring",
            "{{ $value | humanize }} changelog records are left, and none was restored for minutes.",
            "The worker has partitions but cannot serve them.",
            "The worker's log; whether the changelog topics can be read; disk space of `SALES_DATA_DIR`.",
            "Restart the worker. If its local store is broken, remove its data directory: it restores from Kafka.",
            breaks=True,
        ),
        of_service(
            "WorkerNotProgressing",
            f"sum by (instance) ({s.LAG.name}) > 0\nand sum by (instance) (rate({s.BATCHES.name}[2m])) == 0\n"
            f"unless sum by (instance) ({s.RESTORE_REMAINING.name}) > 0",
            "2m", CRITICAL,
            "Worker {{ $labels.instance }} folds nothing while events wait",
            "{{ $value | humanize }} records wait in its partitions, and it has folded none for minutes.",
            "One worker hangs. Its partitions stand still; the others go on.",
            "Its log and `/healthz`; time since the last commit, by partition.",
            "Restart that worker: it comes back to its committed offsets, nothing is lost or counted twice.",
            breaks=True,
        ),
    )  # fmt: skip


def _kafka() -> tuple[Alert, ...]:
    def disk(state: str) -> str:
        return f'max by (broker, folder) ({s.KAFKA_DISK.name}{{state="{state}"}})'

    return (
        of_service(
            "KafkaDiskNearlyFull", f"{disk('free')} / {disk('total')} < {_FREE}", "10m", WARNING,
            "Broker {{ $labels.broker }} has {{ $value | humanizePercentage }} of its disk left",
            "A broker whose disk is full shuts down, and nothing is taken any more.",
            "Nothing yet. The topic of events grows, and keeps them for as long as its retention says.",
            "`df -h` of its folder, which the alert names; whether something else fills that disk.",
            "A larger disk. Or keep events for less time (`retention.ms` of the topic): numbers can then be rebuilt "
            "for that time only, so take a backup first (`sales-pulse backup`).",
            every="1m",
        ),
        of_service(
            "KafkaUnreachable", f"{s.KAFKA_CONTACT_AGE.name} > 10", "", CRITICAL,
            "Kafka has not answered worker {{ $labels.instance }} for {{ $value | humanizeDuration }}",
            "No answer about at least one of its partitions for over 10 s; it is asked every second.",
            "Nothing new is counted: numbers are those of the last contact, and who waits cannot be told.",
            "Whether brokers run, and are not frozen; the network between; for one partition: whether it has a leader "
            "(`kafka-topics.sh --describe`). The worker's `/readyz` says for how long.",
            "Mend Kafka. Workers go on by themselves, nothing is lost; restarting them does not help.",
            breaks=True,
        ),
        of_service(
            "OpenTransaction", f"max by (partition) ({s.OPEN_TRANSACTION.name}) > 30", "", WARNING,
            "Partition {{ $labels.partition }} is held back by an open transaction for {{ $value | humanizeDuration }}",
            "A producer began a transaction on the events topic and neither commits nor aborts it. Nothing behind its "
            "first record may be read.",
            "Numbers of the partition's clients stand still, whatever arrives. Readers of committed records wait for "
            "every open transaction; workers' own last 10 s at most.",
            "Whose it is: `kafka-transactions.sh --bootstrap-server … find-hanging --topic …`, or `describe-producers "
            "--topic … --partition …`; usually an outbox relay or a Kafka Connect task that hangs.",
            "Restart that producer: with the same `transactional.id` it aborts what it left open. Else `kafka-"
            "transactions.sh abort`, or wait until its `transaction.timeout.ms` is over. Keep that below a minute.",
        ),
    )  # fmt: skip


def _certificate() -> Alert:
    return of_service(
        "CertificateRunsOut",
        f"min by (job, what) ({s.CERTIFICATE.name} - time()) < {_DAYS} * 86400",
        "1h",
        WARNING,
        "A certificate of {{ $labels.job }} ({{ $labels.what }}) runs out in {{ $value | humanizeDuration }}",
        "From then on nobody gets in by it: people at the wall, Prometheus, or our process at Kafka or Redis.",
        f"Less than {_DAYS} days are left, or it has run out already (a time below 0).",
        "Which: web is what readers are shown (`SALES_WEB_CONFIG`); kafka-client is shown to Kafka, kafka-authority "
        "tells Kafka from others (`SALES_KAFKA_SSL_CERTFILE`, `SALES_KAFKA_SSL_CAFILE`); redis likewise "
        "(`SALES_REDIS_URL`).",
        "Put the new one into the same file. That of web is taken within a second; for the others restart the process, "
        "one after the other.",
        every="1m",
    )


def alerts() -> tuple[Alert, ...]:
    """All alerts about worker, exporter and what they need."""
    return (
        _down("ExporterDown", (EXPORTER_JOB, CALENDAR_JOB), "Exporter", "Walls and alerts see no sales numbers."),
        _down("WorkerDown", (WORKER_JOB,), "Worker", "Its partitions stand still until it or another worker is back."),
        *_view(),
        *_worker(),
        *_kafka(),
        _certificate(),
        _series(),
        _names(),
        _silent_source(),
    )
