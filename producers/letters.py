"""Dead letters as all write and read them: the names of their headers, and how one is told from another."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

REASON, DETAIL = "reason", "detail"
TOPIC, PARTITION, OFFSET = "source_topic", "source_partition", "source_offset"
"""Where the refused record lay, by which its letter is known."""
TIMESTAMP = "source_timestamp"
"""The broker's, of the refused record, Unix ms; negative when it had none."""
SENDER = "event_source"
"""The CloudEvents source, where it could be read."""
APPLICATION = "refused_by"
"""Who refused it: two application ids each write a letter of the same record."""
CUT = "refused_size"
"""Bytes that the refused record had, when it was too large to be kept: the letter says only where it was."""
MARK = "closed"
"""On a mark: what became of the letter, `replayed` or `dismissed`."""
REPLAYED = "replayed"

Headers = Sequence[tuple[str, bytes | None]]


class Unusable(NamedTuple):
    """What a connector could not use: never a record, so that its own system and number say where it was.

    system: of the connector, as in `bitrix24`; number: of what was refused as it was then.
    """

    system: str
    number: int
    key: bytes
    value: bytes
    detail: str
    source: str

    @classmethod
    def of(cls, system: str, source: str, key: str, value: bytes, detail: str) -> "Unusable":
        """The same refused again for the same reason is the same letter."""
        told = b"\0".join((source.encode(), key.encode(), value, detail.encode()))
        number = int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) >> 1
        return cls(system, number, key.encode(), value, detail, source)

    def headers(self, now_ms: int) -> Headers:
        """The letter's headers."""
        said = {REASON: "invalid_data", DETAIL: self.detail, TIMESTAMP: str(now_ms), SENDER: self.source}
        return encoded(said | {APPLICATION: self.system} | at(self.system, 0, self.number))


def at(topic: str, partition: int, offset: int) -> dict[str, str]:
    """The headers that say where something lay."""
    return {TOPIC: topic, PARTITION: str(partition), OFFSET: str(offset)}


def closing(system: str, number: int) -> Headers:
    """The headers of a mark that closes a connector's letter: what it is about was published since."""
    return encoded({MARK: REPLAYED} | at(system, 0, number))


def encoded(said: dict[str, str]) -> list[tuple[str, bytes | None]]:
    """Headers as Kafka takes them."""
    return [(name, text.encode(errors="replace")) for name, text in said.items()]
