"""Every error that streams/ raises on purpose; any of them stops the worker loudly.

StreamsError
├── StateError          what was restored cannot be used
│   └── RulesChanged    … because it was counted by other rules; replay under a new application id
├── RevokedError        partitions were taken away while they were opened; the next assignment follows
├── ClosingError        dead letters could not all be closed; those that were stay so
├── LedgerError         the file of the index is not ours, or cannot be opened; see `streams.ledger.schema`
├── SinkError           the view cannot be written now; folding goes on
└── WorkerError         the worker cannot start or go on
    ├── ChangelogError  Kafka does not take or give what a changelog holds now; it is tried again
    │   └── Fenced      … because the broker takes nothing more from this producer
    └── OwnershipLost   another worker owns the partition
"""

# ruff: noqa: N818 - the names say what happened


class StreamsError(Exception):
    """The root: one line of text for a person."""


class StateError(StreamsError):
    """A record of a changelog or of the local store cannot be read."""


class RulesChanged(StateError):
    """The state was counted by other rules; numbers of both kinds must not be mixed."""

    def __init__(self) -> None:
        super().__init__(
            "the stored numbers were counted by other rules (time zone, calendar, targets or ready stages): "
            "set them back, or choose a new SALES_APP_ID so that everything is counted again"
        )


class RevokedError(StreamsError):
    """Partitions were taken away while they were opened. Not a failure: the next assignment follows."""


class WorkerError(StreamsError):
    """The worker cannot start or go on; what to do is in the text."""


class ChangelogError(WorkerError):
    """A changelog could not be opened, read or written now. Of what was written nothing is in it, or all.

    Opening the changelog again decides which.
    """


class Fenced(ChangelogError):
    """The broker takes nothing more from this producer, and has aborted what it had open.

    Another owner has opened the changelog, or the transaction took longer than it may: the group knows which.
    """

    def __init__(self, partition: int, seconds: float) -> None:
        super().__init__(
            f"Kafka shut the changelog of partition {partition} to this worker: another one opened it, or a "
            f"transaction took longer than {seconds:g} s"
        )


class OwnershipLost(WorkerError):
    """Another worker owns the partition now; nothing of ours was written since."""

    def __init__(self, partition: int) -> None:
        super().__init__(
            f"partition {partition} has another owner now, so this worker was shut out and must start again "
            "(it was silent for longer than the session, or another one runs with the same SALES_WORKER_ID)"
        )
        self.partition = partition


class ClosingError(StreamsError):
    """Kafka failed while dead letters were closed. What was committed is closed, the rest is as it was."""


class SinkError(StreamsError):
    """The view cannot be written now; folding goes on, and it is written again later."""
