"""Settings of one worker process: read once at start, every field says what it is for."""

import socket
from pathlib import Path
from typing import Literal, Self

from pydantic import ByteSize, Field, model_validator

from metrics.settings import BusinessSettings, WebSettings
from producers.settings import KafkaSettings
from producers.topics import MAX_MESSAGE_BYTES, TopicSpec


class WorkerSettings(KafkaSettings, BusinessSettings, WebSettings):
    """Settings of `sales-pulse worker`. Times are in seconds."""

    worker_id: str = Field(default_factory=socket.gethostname, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Static membership: a restart takes its partitions back at once. Unique per worker."""
    data_dir: Path = Path(".local/worker")
    """Local state and the lock; one folder per worker."""
    worker_metrics_listen: str = Field(default="127.0.0.1:9809", pattern=r"^\S+:\d{1,5}$")
    """Host and port of /metrics, /healthz and /readyz."""
    store: Literal["memory", "rocksdb"] = "memory"
    """Where cold clients are kept: in memory (restored from the changelog), or on disk (restored from there)."""
    memory_limit: ByteSize | None = None
    """Memory, like `2GiB`, for a worker with `SALES_STORE=memory`: at four fifths of it the worker says so, and keeps
    clients on disk from its next start on; raised to twice what it held, it keeps them in memory again. By default half
    of what the machine or container has; 0: no limit."""
    standby_replicas: int = Field(default=0, ge=0, le=10)
    """Copies of each partition's state that other workers keep on disk, so that taking it over reads little."""
    flush_interval: float = Field(default=1.0, gt=0, le=60)
    """Longest time between two flushes of a partition that changes; five times as long in a backlog."""
    flush_records: int = Field(default=100_000, ge=1)
    """Events folded since the last flush that make the next one due at once."""
    view_interval: float = Field(default=0.05, gt=0, le=10)
    """Shortest time between two writes of the view; longer when writing costs more than a tenth of the time."""
    batch_records: int = Field(default=2_000, ge=1, le=100_000)
    """Most records folded in one go."""
    session_timeout: float = Field(default=6.0, ge=1, le=300)
    """Kafka gives the partitions of a worker that is silent for this long to others."""
    start_timeout: float = Field(default=60.0, gt=0)
    """How long to wait for Kafka at start."""
    stall_timeout: float = Field(default=60.0, gt=0)
    """/healthz fails when nothing was folded or committed for this long although there was something to do."""

    @model_validator(mode="after")
    def _standbys_need_a_disk(self) -> Self:
        if self.standby_replicas and self.store == "memory":
            raise ValueError(
                "SALES_STANDBY_REPLICAS keeps copies on disk: set SALES_STORE=rocksdb, or SALES_STANDBY_REPLICAS=0"
            )
        return self

    @property
    def cells_topic(self) -> str:
        """Changelog of the cells."""
        return f"{self.app_id}-cells-changelog"

    @property
    def clients_topic(self) -> str:
        """Changelog of the clients and of the partition record."""
        return f"{self.app_id}-clients-changelog"

    def changelogs(self, partitions: int) -> tuple[TopicSpec, TopicSpec]:
        """The two changelogs as topics, co-partitioned with the events (`partitions`: as many as they have)."""
        config = {
            "cleanup.policy": "compact",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "min.insync.replicas": str(max(1, self.replication - 1)),
            # Short segments let compaction bound what a restart has to read.
            "segment.ms": "600000",
            "segment.bytes": str(64 << 20),
            "min.cleanable.dirty.ratio": "0.3",
        }
        return (
            TopicSpec(self.cells_topic, partitions, self.replication, config),
            TopicSpec(self.clients_topic, partitions, self.replication, config),
        )
