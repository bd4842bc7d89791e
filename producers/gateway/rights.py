"""Which sender may send what: its own source, and the types that its rights name."""

from fnmatch import fnmatchcase

from producers.events.registry import ALL_TYPES, EVENT_TYPES
from producers.gateway.auth import ANYBODY
from producers.gateway.reading.body import Problem, SentRecord
from producers.gateway.settings import GatewaySettings

FORBIDDEN = "forbidden"
"""The reason of what the contract allows, and the sender's rights do not."""


class Rights:
    """By source; one that is not named may send events, and no reference data."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._types = {
            source: frozenset(kind for kind in ALL_TYPES if any(fnmatchcase(kind, pattern) for pattern in patterns))
            for source, patterns in settings.gateway_rights
        }
        self._others = frozenset(EVENT_TYPES)

    def judge(self, sender: str, record: SentRecord) -> Problem | None:
        """What is wrong with a record of this sender, if anything."""
        if sender == ANYBODY:
            return None
        if record.source != sender:
            return Problem(record.place, FORBIDDEN, "source", f"source: you send for {sender} only; send that")
        if record.type not in self._types.get(sender, self._others):
            return Problem(
                record.place,
                FORBIDDEN,
                "type",
                f"type: {sender} may not send {record.type}; have SALES_GATEWAY_RIGHTS name it",
            )
        return None
