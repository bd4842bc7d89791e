"""Every error that producers/ raises on purpose, so that callers can tell what may be tried again.

ProducersError
├── Refused                 an event breaks the contract; sending it again never helps
├── PublisherError          an event did not reach Kafka
│   ├── EventRefused        … because it breaks the contract (carries the Refused)
│   ├── EventTooLarge       … because it is over the size that consumers take
│   ├── KafkaUnavailable    … because no broker answered in time; trying again later helps
│   ├── KafkaRejected       … because the broker said no (rights, missing topic); an operator must act
│   └── PublisherClosed     … because the publisher is not started, or already closed
├── TopicsError             topics cannot be created or looked at
└── RightsError             users cannot be made, or not be given their rights
"""

# ruff: noqa: N818 - the names say what happened, and people read them in `except` lines


class ProducersError(Exception):
    """The root: one line of text for a person."""


class Refused(ProducersError):
    """A record breaks the contract.

    `reason` is one of `producers.events.REASONS`, `detail` one line that says which field and what to do.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class PublisherError(ProducersError):
    """An event did not reach Kafka."""


class EventRefused(PublisherError):
    """The event breaks the contract; `refused` says how. Nothing was sent."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class EventTooLarge(PublisherError):
    """The record would be over 256 KiB; consumers would refuse it. Nothing was sent."""


class KafkaUnavailable(PublisherError):
    """No broker answered within the time allowed; the event may or may not have arrived."""


class KafkaRejected(PublisherError):
    """The broker answered no: missing rights, a missing topic, a fenced producer."""


class PublisherClosed(PublisherError):
    """The publisher was not started, or is closed."""


class TopicsError(ProducersError):
    """Topics cannot be created or looked at."""


class RightsError(ProducersError):
    """Users cannot be made, or not be given their rights."""
