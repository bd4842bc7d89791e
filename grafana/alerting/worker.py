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
            "Start another worker. If only one partition lags, find the client whose events are sent too often.",
        ),
        of_service(
            "SlowToView", f"histogram_quantile(0.99, {buckets}) > 5", "5m", WARNING,
            "Events take {{ $value | humanizeDuration }} to reach the view",
            "p99 of the time from a record's timestamp to the view is over 5 s.",
            "The wall is not live.",
            "Flush and write times on the wall Service health; load of Kafka and Redis.",
            "As for LagGrowing. Slow flushes point at Kafka, slow writes at Redis.",
        ),
        of_service(
            "BrokerClockAhead", f"sum by (instance) (increase({s.CLOCK_AHEAD.name}[10m])) > 0", "5m", WARNING,
            "A broker's clock is ahead of that of worker {{ $labels.instance }}",
            "{{ $value | humanize }} batches in ten minutes carry a broker's time that is over a minute ahead.",
            "Up to 26 hours ahead, numbers stay right. Beyond that, short windows are empty until two hours after the "
            "clock is right again, and hours of the last days are lost, which `previous` of day and week needs. "
            "Events with a time in the future are accepted.",
            "`date -u` on brokers and workers. If all workers report it, a broker is wrong; if only one does, that "
            "worker's clock is behind.",
            "Synchronize that machine with a time server. Lost hours come back only if the log is written again: "
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
        "{{ $value | humanize }} unusable records have been neither replayed nor dismissed.",
        "A source sends what the contract does not allow. Those events are missing from the numbers.",
        "`sales-pulse dead-letters list`: reason, source, and what to fix; `--json` for the records themselves.",
        "Fix the source, then run `sales-pulse dead-letters replay`: it sends what is usable now, and says why it "
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
        "{{ $value | humanize }} records in an hour were on another partition than their client's. They count, but "
        "later, and Kafka holds them twice. Set in that client: "
        '{{ if eq $labels.reason "no_key" }}a key, the client_id as plain text'
        '{{ else if eq $labels.reason "key_spelling" }}a key serializer that writes the client_id as plain text '
        "(StringSerializer, StringConverter), not as JSON"
        '{{ else if eq $labels.reason "other_key" }}the client_id as key, nothing else'
        "{{ else }}the partitioner: partitioner=murmur2_random (librdkafka), one that is murmur2 of the key in "
        "others{{ end }}.",
        "A sender's client does not put records where Kafka's default would. Nothing is lost. If it sets no key, or "
        "spreads records regardless of their key (kafka-go), response times of chats may be wrong: there is no order "
        "between partitions.",
        "The alert's labels say who and why; `deploy/docs/senders.md` says which setting of which client.",
        "Tell the team that owns the source which setting to change. Events already sent need no repair.",
    )  # fmt: skip


def _processes() -> tuple[Alert, ...]:
    return (
        of_service(
            "WorkerOutgrown", f"{s.OUTGROWN.name} == 1", "", WARNING,
            "Worker {{ $labels.instance }} has reached four fifths of its memory limit",
            "If it keeps clients in memory, restart it when convenient: from its next start on they are on disk. If "
            "they already are, it needs more memory, or another worker to share its partitions.",
            "Numbers are right. What a worker remembers of clients grows for 800 days, about 100 bytes an event; on "
            "disk it only grows with its partitions and with a backlog. A machine that runs out of memory kills it, or "
            "something else.",
            f"`{s.MEMORY_LIMIT.name}` and `process_resident_memory_bytes`; a backlog needs more while it lasts. The "
            "worker's log says at its start whether clients are `in memory` or `on disk`.",
            "In memory: restart it when convenient. It then keeps clients on disk in its `SALES_DATA_DIR`, which must "
            "outlive it. Or raise `SALES_MEMORY_LIMIT` to at least twice what it held: then it stays in memory, or "
            "goes back there.\n\nOn disk: raise the memory limit of its container or unit, or start another worker.",
        ),
        of_service(
            "RestoreStuck",
            f"sum by (instance) ({s.RESTORE_REMAINING.name}) > 0\n"
            f"and sum by (instance) (rate({s.RESTORE_RECORDS.name}[2m])) == 0",
            "2m", CRITICAL,
            "Worker {{ $labels.instance }} is stuck restoring",
            "{{ $value | humanize }} changelog records are left, and none has been restored for minutes.",
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
            "Worker {{ $labels.instance }} makes no progress while events wait",
            "{{ $value | humanize }} records are waiting in its partitions, and it has folded none for minutes.",
            "One worker hangs. Its partitions stand still; the others continue.",
            "Its log and `/healthz`; time since the last commit, by partition.",
            "Restart that worker: it resumes from its committed offsets; nothing is lost or counted twice.",
            breaks=True,
        ),
    )  # fmt: skip
