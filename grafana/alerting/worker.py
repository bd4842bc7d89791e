"""Alerts about workers: events that wait, records that cannot be used or lie wrong, processes that get no further."""

from grafana.alerting.alert import CRITICAL, WARNING, Alert, of_service
from metrics.catalogue import service as s


def alerts() -> tuple[Alert, ...]:
    """All of them."""
    return *_late(), _letters(), _forwarded(), *_processes()


def _late() -> tuple[Alert, ...]:
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
            "BrokerClockAhead", f"sum by (instance) (increase({s.CLOCK_AHEAD.name}[10m])) > 0", "5m", WARNING,
            "A broker's clock is ahead of that of worker {{ $labels.instance }}",
            "{{ $value | humanize }} batches in ten minutes bear a broker's time that is over a minute ahead.",
            "Numbers are right as long as it is no more than 26 hours. Beyond that short windows are empty until two "
            "hours after it is right again, and of the last days hours are gone, which `previous` of day and week "
            "needs. Events that say a time which is not yet are taken.",
            "`date -u` on brokers and workers. All workers say so: a broker is wrong; one alone: the worker itself.",
            "Have that machine follow a time server. Hours that are gone come back where the log is written again: "
            "`sales-pulse backup`, and `restore` into a new cluster.",
        ),
    )  # fmt: skip


def _open_letters() -> str:
    """Open dead letters; new ones at least, where no worker may read their topic."""
    return (
        f"max by (reason, source) ({s.OPEN_DEAD_LETTERS.name}) > 0\n"
        f"or (sum by (reason) (increase({s.DEAD_LETTERS.name}[10m])) > 0\n"
        f"unless on () group({s.OPEN_DEAD_LETTERS.name}))"
    )


def _letters() -> Alert:
    return of_service(
        "DeadLetters", _open_letters(), "", WARNING,
        "Dead letters are open: {{ $labels.reason }} from {{ $labels.source }}",
        "{{ $value | humanize }} records that could not be used were neither replayed nor dismissed.",
        "A source sends what the contract does not allow. Those events are missing from the numbers.",
        "`sales-pulse dead-letters list`: reason, source, and what to fix; `--json` for the records themselves.",
        "Fix the source, then `sales-pulse dead-letters replay`: it sends what can be used now, and says why it "
        "does not send the rest. `sales-pulse dead-letters dismiss` closes what nobody will fix.",
    )  # fmt: skip


def _forwarded() -> Alert:
    return of_service(
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
    )  # fmt: skip


def _processes() -> tuple[Alert, ...]:
    return (
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
