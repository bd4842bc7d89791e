"""Alerts about the view: what Redis holds of the numbers, and what the exporter makes of it."""

from grafana.alerting.alert import CRITICAL, WARNING, Alert, of_service
from metrics.catalogue import service as s


def alerts(every: str) -> tuple[Alert, ...]:
    """All of them. every: how often what depends on the second is asked."""
    return *_age(every), *_losses(), *_redis(), *_shown()


def _age(every: str) -> tuple[Alert, ...]:
    return (
        of_service(
            "ViewStale", f"{s.VIEW_AGE.name} > 30 or {s.VIEW_UP.name} == 0", "30s", CRITICAL,
            "The exporter's view is stale",
            "A partition's owner has not reported for over 30 s, or Redis does not answer the exporter.",
            "Some numbers stand still; after a while the exporter withholds those that it cannot vouch for.",
            "View age and partitions reporting; whether all workers run; whether Redis answers.",
            "Start the missing worker; fix Redis. Workers write the whole view again by themselves.",
            breaks=True,
        ),
        of_service(
            "NumbersOld", f"max({s.VIEW_CONTACT_AGE.name} > 5 or {s.KAFKA_CONTACT_AGE.name} > 5)", "", WARNING,
            "The numbers shown are {{ $value | humanizeDuration }} old",
            "A worker has not reported for that long, or Kafka has not answered it; both should happen every second.",
            "Walls show old numbers in amber, with their age; who is still waiting is unknown. Once a worker has been "
            "silent for a minute, the exporter withholds them.",
            "`/readyz` of the exporter: which partitions, and whether it is the worker or Kafka; KafkaUnreachable.",
            "As for KafkaUnreachable or WorkerDown.",
            breaks=True, every=every,
        ),
    )  # fmt: skip


def _losses() -> tuple[Alert, ...]:
    return (
        of_service(
            "ViewIncomplete", f"max({s.VIEW_MISSING.name}) > 0", "5s", CRITICAL,
            "Redis lacks {{ $value }} hashes of the view",
            "Parts of the view that workers have written are no longer in Redis.",
            "The exporter withholds sales numbers that are incomplete, and asks for them; workers write them again by "
            "themselves, within seconds.",
            "`/readyz` of the exporter; RedisEvicts; who deletes our keys (`redis-cli monitor`); whether workers run.",
            "If it stays or comes back, give the view a Redis of its own, with `maxmemory-policy noeviction` and "
            "enough memory.",
            breaks=True,
        ),
        of_service(
            "ViewLosesKeys", f"sum(increase({s.VIEW_LOST.name}[10m])) > 0", "", WARNING,
            "Redis lost {{ $value | humanize }} hashes of the view in ten minutes",
            "Workers found data missing that they had written, and wrote it again.",
            "Numbers stay right. Each loss costs an exporter that restarts seconds without numbers.",
            "`evicted_keys` and `expired_keys` of `INFO stats`; failovers; other users of that Redis.",
            "As for ViewIncomplete.",
        ),
    )  # fmt: skip


def _redis() -> tuple[Alert, ...]:
    return (
        of_service(
            "RedisEvicts", f"max by (policy) ({s.VIEW_EVICTS.name}) > 0 or max by (policy) ({s.REDIS_EVICTS.name}) > 0",
            "1m", WARNING,
            "Redis evicts keys when it is full: {{ $labels.policy }}",
            "It has a memory limit and the eviction policy of a cache: whatever it evicts has to be written again.",
            "Once it is full, numbers go missing again and again, and are withheld meanwhile.",
            "`CONFIG GET maxmemory*`; `INFO memory`.",
            "Set `maxmemory-policy noeviction`. If it is full then, RedisNotWritable fires; give it more memory.",
        ),
        of_service(
            "RedisNotWritable", f"{s.REDIS_UP.name} == 0", "30s", CRITICAL,
            "Worker {{ $labels.instance }} cannot write to Redis",
            "Redis has refused or not answered a worker's writes for half a minute.",
            "Events are folded and kept, but nobody sees them.",
            "Redis: memory, disk, network; the worker's log for the exact error.",
            "Fix Redis. Nothing is lost: workers write everything that they hold again.",
            breaks=True,
        ),
    )  # fmt: skip


def _shown() -> tuple[Alert, ...]:
    return (
        of_service(
            "CollectionFailing", f"{s.SCRAPE_OK.name} == 0", "1m", CRITICAL,
            "The exporter fails to collect sales numbers", "The last collections have failed for a minute.",
            "The exporter answers, but without sales numbers.",
            "The exporter's log: it names what failed.",
            "Restart the exporter; if the alert stays, report the error with the log.",
            breaks=True,
        ),
        of_service(
            "MoneyWithoutRate", f"max by (currency) ({s.UNCONVERTED.name}) > 0", "10m", WARNING,
            "There is no rate to convert {{ $labels.currency }}",
            "{{ $value }} events carry money in a currency without a rate; they are counted, their money is left out.",
            "Sums of money lack the amounts in that currency.",
            "The alert's label names the currency. The rates are in the file that was applied last; "
            "`sales-pulse reference apply --dry-run` shows how it differs from the rates in force.",
            "Set the rate (`sales-pulse reference apply`). It corrects the past from its date on.",
        ),
    )  # fmt: skip
