"""A dead letter as it lies in its topic: the refused record, and what its headers say of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.letters import letter
from streams.letters.letter import LetterPlace
from streams.plain.kafka import PositionedRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record: as it came, and the headers that say why and from where.

    partition, offset: where the letter lies; timestamp: when it was written, Unix ms; closed: what became of it, "" as
    long as it is open.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    closed: str = ""

    @classmethod
    def of(cls, partition: int, record: PositionedRecord) -> "DeadLetter":
        """A record of the dead letters' topic."""
        headers = tuple((name, value) for name, value in record.headers)
        return cls(partition, record.offset, record.timestamp, record.key, record.value, headers)

    def _header(self, name: str) -> str:
        return letter.text(self.headers, name)

    @property
    def reason(self) -> str:
        """One of the contract's reasons."""
        return self._header(letter.REASON)

    @property
    def detail(self) -> str:
        """One line for the person who has to put it right."""
        return self._header(letter.DETAIL)

    @property
    def source(self) -> str:
        """Where it was: topic/partition/offset."""
        return "/".join(self._header(name) for name in (letter.TOPIC, letter.PARTITION, letter.OFFSET))

    @property
    def place(self) -> LetterPlace | None:
        """The same, None when the headers do not say so."""
        return letter.place_of(self.headers)

    @property
    def first(self) -> LetterPlace | None:
        """Where the record lay that was refused first: another one when this is its replay."""
        return letter.parse(self._header(letter.REPLAY_OF)) or self.place

    @property
    def sender(self) -> str:
        """The CloudEvents source, "" where it could not be read."""
        return self._header(letter.SENDER)

    @property
    def size(self) -> int | None:
        """Bytes of a record that was too large to be kept; None when the letter holds it."""
        return letter.number(self._header(letter.CUT))

    @property
    def time(self) -> int:
        """When the broker took the record, Unix ms; where nobody knows, when the letter was written."""
        said = letter.number(self._header(letter.TIMESTAMP), _LATEST_MS)
        # Without a broker's time what stands there is the sender's.
        return said if said is not None and self.reason != "no_broker_time" else min(self.timestamp, _LATEST_MS)

    def as_json(self) -> dict[str, Any]:
        """For machines and for `--json`; key and value as text, with what is not UTF-8 escaped."""
        return {
            "offset": f"{self.partition}/{self.offset}",
            "time": datetime.fromtimestamp(self.time / 1000, UTC).isoformat(timespec="milliseconds"),
            "reason": self.reason,
            "detail": self.detail,
            "source": self.source,
            "event_source": self.sender,
            "state": self.closed or "open",
            "replay_of": self._header(letter.REPLAY_OF) or None,
            "key": _text(self.key),
            "value": _text(self.value),
        }

    def packed(self) -> bytes:
        """As bytes, for `unpacked`."""
        return _encoder.encode((self.partition, self.offset, self.timestamp, self.key, self.value, self.headers))

    @classmethod
    def unpacked(cls, raw: bytes, closed: str = "") -> "DeadLetter":
        """The inverse of `packed`."""
        return cls(*_decoder.decode(raw), closed)


_LATEST_MS = 253_370_764_800_000
"""The year 9999: later ones are no dates."""
_Packed = tuple[int, int, int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]
_encoder = msgspec.msgpack.Encoder()
_decoder: "msgspec.msgpack.Decoder[_Packed]" = msgspec.msgpack.Decoder(_Packed)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")
