"""What the service says of itself: the own series of exporter and worker, each declared once."""

from metrics.family import Family, Source


def _own(name: str, text: str, *labels: str, unit: str = "short", counter: bool = False) -> Family:
    return Family(
        name,
        text,
        labels=labels,
        source=Source.SERVICE,
        windows=(),
        unit=unit,
        counter=counter,
        credited=False,
    )


UNCONVERTED = _own(
    "sales_unconverted_events",
    "Events with money in a currency that no rate converts; they are counted, their money is left out until a rate "
    "comes, which lowers this.",
    "currency",
)
VIEW_AGE = _own(
    "sales_view_age_seconds",
    "Time since the owner of the most silent partition last reported to the view.",
    unit="s",
)
VIEW_UP = _own("sales_view_up", "1 while Redis answers and the view is loaded.", unit="bool")
VIEW_PARTITIONS = _own("sales_view_partitions", "Partitions whose owners report to the view.")
VIEW_PARTS = _own("sales_view_parts", "Parts of cells that the exporter holds.")
VIEW_MISSING = _own(
    "sales_view_missing_hashes",
    "Hashes of the view that Redis should have and does not, or not whole. While the exporter needs them it withholds "
    "sales numbers, and workers write them again.",
)
VIEW_EVICTS = _own(
    "sales_view_redis_evicts", "1 when Redis evicts keys once its memory is full, so that numbers go missing.", "policy"
)
VIEW_CONTACT_AGE = _own(
    "sales_view_contact_age_seconds",
    "Time since Kafka last answered the owner of a partition, of the one for which that is longest ago: so old are the "
    "numbers.",
    unit="s",
)
SCRAPE_SECONDS = _own(
    "sales_exporter_collect_seconds",
    "Time that the last collection of sales numbers took.",
    unit="s",
)
SCRAPE_OK = _own(
    "sales_exporter_collect_success", "1 when the last collection of sales numbers succeeded.", unit="bool"
)
WORKING_NOW = _own(
    "sales_working_now",
    "1 in working time by the calendar, else 0: of each team shown (unknown among them), and with team empty of the "
    "company. Alerts about sales are silent outside it.",
    "team",
    unit="bool",
)
UNRETURNED_LEFT = _own(
    "sales_unreturned_left_seconds",
    "Working time left until the target of the open miss that has least, by team; below 0 after it. Misses from before "
    "the first event that came live are left out: of an imported past nobody is told.",
    "team",
    unit="s",
)
UNTOUCHED_LEFT = _own(
    "sales_untouched_left_seconds",
    "The same of open leads that nobody has touched.",
    "team",
    unit="s",
)
BUILD = _own("sales_build_info", "Always 1; the version of Sales Pulse that shows these numbers.", "version")
MANAGER_INFO = _own(
    "sales_manager_info",
    "Always 1; what a manager is called, and the roster's team: one line for everybody who is active in the roster "
    "or has numbers. `name` is unique: where two people share one, both carry their id with it. To join: "
    "`* on (manager) group_left (name) sales_manager_info`.",
    "manager",
    "team",
    "name",
)
NAMES = _own(
    "sales_exporter_names",
    "Values of a label that senders fill freely (manager, category, pipeline, stage) which have numbers.",
    "label",
)
NAMES_IN_OTHER = _own(
    "sales_exporter_names_in_other", "Those of them that are not shown by themselves: they sum to `other`.", "label"
)
NAMES_LIMIT = _own("sales_exporter_names_limit", "How many of them are shown by themselves.", "label")

PIPELINE_INFO = _own(
    "sales_pipeline_info",
    "Always 1; what a pipeline is called: one line for every pipeline that has a name or numbers. `name` is unique, "
    "and the id of what has none. To join: `* on (pipeline) group_left (name) sales_pipeline_info`.",
    "pipeline",
    "name",
)
STAGE_INFO = _own(
    "sales_stage_info",
    "The same of stages. `name` is unique within the pipeline. To join: "
    "`* on (pipeline, stage) group_left (pipeline_name, name) sales_stage_info`.",
    "pipeline",
    "stage",
    "pipeline_name",
    "name",
)

LEDGER_UP = _own("sales_ledger_up", "1 while the ledger answers the exporter.", unit="bool")
LEDGER_BEHIND = _own("sales_ledger_behind_records", "Records of the log that are not in the ledger's index yet.")
AUDIT_DIFFERENCES = _own(
    "sales_audit_differences",
    "Numbers in the view that are not what the log adds up to, by sort of data (days, hours, minutes, open, waiting, "
    "unanswered) and family: found by the ledger's standing audit, and confirmed. Of each sort there is one without a "
    "family, which is 0.",
    "data",
    "family",
)
AUDIT_PROVED = _own(
    "sales_audit_proved_timestamp_seconds",
    "When all of it was last found equal to the log, Unix seconds: `shown` is the current state and the last 31 "
    "days, `days` the day of which that is longest ago.",
    "data",
    unit="dateTimeAsIso",
)
AUDIT_COMPARED = _own(
    "sales_audit_compared_total", "Numbers that the standing audit has compared.", "data", counter=True
)
AUDIT_SECONDS = _own("sales_audit_seconds_total", "Time of a core spent on it.", unit="s", counter=True)
SQL_UP = _own(
    "sales_sql_up",
    "1 while the ledger keeps its tables in PostgreSQL up; absent where it keeps none (`SALES_LEDGER_POSTGRES`).",
    unit="bool",
)
SQL_LAG = _own("sales_sql_lag_seconds", "Time by which those tables are behind the ledger's index.", unit="s")

EXPORTER_FAMILIES = (
    UNCONVERTED,
    VIEW_AGE,
    VIEW_UP,
    VIEW_PARTITIONS,
    VIEW_PARTS,
    VIEW_MISSING,
    VIEW_EVICTS,
    VIEW_CONTACT_AGE,
    SCRAPE_SECONDS,
    SCRAPE_OK,
    WORKING_NOW,
    UNRETURNED_LEFT,
    UNTOUCHED_LEFT,
    BUILD,
    MANAGER_INFO,
    PIPELINE_INFO,
    STAGE_INFO,
    NAMES,
    NAMES_IN_OTHER,
    NAMES_LIMIT,
    LEDGER_UP,
    LEDGER_BEHIND,
    AUDIT_DIFFERENCES,
    AUDIT_PROVED,
    AUDIT_COMPARED,
    AUDIT_SECONDS,
    SQL_UP,
    SQL_LAG,
)

EVENTS = _own("sales_worker_events_total", "Events folded.", "type", counter=True)
SOURCE_EVENTS = _own("sales_worker_source_events_total", "Events folded, by source.", "source", counter=True)
DUPLICATES = _own("sales_worker_duplicates_total", "Events seen before.", counter=True)
STALE = _own("sales_worker_stale_total", "Events with a version not greater than the one held.", counter=True)
DEAD_LETTERS = _own("sales_worker_dead_letters_total", "Records that could not be used.", "reason", counter=True)
REFUSED = _own(
    "sales_worker_refused_total",
    "Records that became dead letters, by the CloudEvents source that sent them (empty where it cannot be read).",
    "source",
    counter=True,
)
FORWARDED = _own(
    "sales_worker_forwarded_total",
    "Records that lay on another partition than their client's, by source and what its sender has to set right: "
    "no_key, key_spelling, other_key, other_partitioner. Each counts where its copy is folded.",
    "source",
    "reason",
    counter=True,
)
OPEN_DEAD_LETTERS = _own(
    "sales_worker_open_dead_letters",
    "Dead letters that were neither replayed nor dismissed, by reason and the CloudEvents source that sent the record "
    "(empty where it cannot be read). Every worker counts all of them: take the greatest, not the sum.",
    "reason",
    "source",
)
BATCHES = _own("sales_worker_batches_total", "Batches folded.", counter=True)
LAG = _own("sales_worker_lag_records", "Records of a partition that wait to be folded.", "partition")
COMMIT_AGE = _own(
    "sales_worker_commit_age_seconds", "Time since a partition was last committed.", "partition", unit="s"
)
LATENCY = _own(
    "sales_worker_latency_seconds",
    "Time from a record's timestamp to its being in the view (histogram).",
    unit="s",
)
CLOCK_AHEAD = _own(
    "sales_worker_clock_ahead_total",
    "Batches whose last record a broker dated more than a minute ahead of this worker's clock.",
    counter=True,
)
FLUSH_SECONDS = _own("sales_worker_flush_seconds", "Time that a flush took (histogram).", unit="s")
VIEW_SECONDS = _own("sales_worker_view_seconds", "Time that a write to the view took (histogram).", unit="s")
RESTORE_RECORDS = _own("sales_worker_restore_records_total", "Changelog records restored.", counter=True)
RESTORE_REMAINING = _own("sales_worker_restore_remaining_records", "Changelog records still to restore.", "partition")
STANDBY_LAG = _own(
    "sales_worker_standby_lag_records",
    "Changelog records that this worker's standby copy of a partition does not have yet.",
    "partition",
)
ASSIGNED = _own("sales_worker_assigned_partitions", "Partitions that this worker folds.")
REDIS_UP = _own("sales_worker_redis_up", "1 while Redis takes what the worker writes.", unit="bool")
PARTITION_TIME = _own(
    "sales_worker_partition_time_seconds",
    "Greatest business time folded of a partition, Unix seconds.",
    "partition",
    unit="dateTimeAsIso",
)
CELLS = _own("sales_worker_cells", "Cells held in state.", "partition")
FENCE = _own("sales_worker_partition_fence_offset", "Offset of the last event folded of a partition.", "partition")
READY = _own("sales_worker_partition_ready", "1 when a partition is restored and folds.", "partition", unit="bool")
SKIPPED = _own("sales_worker_skipped_total", "Records that were folded before a restart.", counter=True)
BATCH_EVENTS = _own("sales_worker_batch_events", "Size of a batch (histogram).")
FOLD_SECONDS = _own("sales_worker_fold_seconds_total", "Time spent folding.", unit="s", counter=True)
CUT_SECONDS = _own("sales_worker_cut_seconds_total", "Time spent encoding what a flush writes.", unit="s", counter=True)
CHANGELOG_RECORDS = _own("sales_worker_changelog_records_total", "Changelog records written.", counter=True)
VIEW_PARTS_WRITTEN = _own("sales_worker_view_parts_total", "Parts of cells written to the view.", counter=True)
VIEW_FAILURES = _own("sales_worker_view_failures_total", "Writes to the view that failed.", counter=True)
VIEW_LOST = _own(
    "sales_worker_view_lost_total",
    "Hashes of the view that were gone or not whole in Redis although they had been written; they are written again.",
    counter=True,
)
REDIS_EVICTS = _own(
    "sales_worker_redis_evicts",
    "1 when Redis evicts keys once its memory is full, so that the view has holes.",
    "policy",
)
RESTORES = _own("sales_worker_restores_total", "Partitions restored, by where from.", "source", counter=True)
RESTORE_SECONDS = _own("sales_worker_restore_seconds_total", "Time spent restoring.", unit="s", counter=True)
REBALANCES = _own("sales_worker_rebalances_total", "Changes of the assignment.", counter=True)
KAFKA_CONTACT_AGE = _own(
    "sales_worker_kafka_contact_age_seconds",
    "Time since Kafka last answered this worker, about the partition of which that is longest ago.",
    unit="s",
)
KAFKA_DISK = _own(
    "sales_worker_kafka_disk_bytes",
    "Disk of a broker's folder, all of it (state total) and what is free, as brokers say it to who may describe the "
    "cluster.",
    "broker",
    "folder",
    "state",
    unit="bytes",
)
CERTIFICATE = _own(
    "sales_certificate_expiry_timestamp_seconds",
    "When a certificate runs out: the one shown to readers (web), the one shown to Kafka or Redis (…-client), the one "
    "that those are known by (…-authority, where the file holds a single one).",
    "what",
)
MEMORY_LIMIT = _own(
    "sales_worker_memory_limit_bytes",
    "Resident memory that this worker may take: `SALES_MEMORY_LIMIT` while it keeps clients in memory (0: no limit), all "
    "that the machine or container has where they lie on disk.",
    unit="bytes",
)
OUTGROWN = _own(
    "sales_worker_memory_outgrown",
    "1 once this worker has come to four fifths of its memory limit: from its next start on clients lie on disk. Where "
    "they do already, 1 as long as it is near the limit.",
    unit="bool",
)
OPEN_TRANSACTION = _own(
    "sales_worker_open_transaction_seconds",
    "How long an open transaction has held a partition back: its last stable offset is below its high watermark and "
    "has not moved.",
    "partition",
    unit="s",
)

WORKER_FAMILIES = (
    EVENTS,
    SOURCE_EVENTS,
    DUPLICATES,
    STALE,
    DEAD_LETTERS,
    REFUSED,
    FORWARDED,
    OPEN_DEAD_LETTERS,
    BATCHES,
    LAG,
    COMMIT_AGE,
    LATENCY,
    CLOCK_AHEAD,
    FLUSH_SECONDS,
    VIEW_SECONDS,
    RESTORE_RECORDS,
    RESTORE_REMAINING,
    STANDBY_LAG,
    ASSIGNED,
    REDIS_UP,
    PARTITION_TIME,
    CELLS,
    FENCE,
    READY,
    SKIPPED,
    BATCH_EVENTS,
    FOLD_SECONDS,
    CUT_SECONDS,
    CHANGELOG_RECORDS,
    VIEW_PARTS_WRITTEN,
    VIEW_FAILURES,
    VIEW_LOST,
    REDIS_EVICTS,
    RESTORES,
    RESTORE_SECONDS,
    REBALANCES,
    KAFKA_CONTACT_AGE,
    KAFKA_DISK,
    CERTIFICATE,
    MEMORY_LIMIT,
    OUTGROWN,
    OPEN_TRANSACTION,
)
