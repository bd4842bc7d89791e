"""The Redis view: names of its keys and form of its values, for the worker that writes and the exporter that reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec

from metrics.errors import ViewError

VERSION = 4
"""Of the layout below. A reader that meets another version says so and waits for a rewrite."""

BROKEN_HASHES = files("metrics").joinpath("broken_hashes.lua").read_text()
"""Script that compares a manifest with what is there: for the worker that heals, and the exporter that withholds."""

FENCE_DIGITS = 16
"""Of each value the first characters are its fence."""
_INT64 = range(-(1 << 63), 1 << 63)
_encode = msgspec.msgpack.Encoder().encode
_decode_plain_part = msgspec.msgpack.Decoder(dict[str, int]).decode
_decode_part = msgspec.msgpack.Decoder(dict[str, int | str]).decode
_decode_any = msgspec.msgpack.Decoder().decode


class Field(NamedTuple):
    """Which part of a cell: one partition's share of (manager, team as stated, "" when not stated).

    A part of very many measures is split: `piece` says which of them, "" for a whole part. No measure is in two.
    """

    partition: int
    manager: str
    team: str
    piece: str = ""


_decode_field = msgspec.msgpack.Decoder(Field).decode


TALK: Final = "talk"
MISS: Final = "miss"
LEAD: Final = "lead"
"""Channels of what is no client who waits for an answer now: a call under way, a miss and a lead that are open."""


class Waiting(NamedTuple):
    """One client who waits now. `start` in microseconds since the epoch; team "" when not stated."""

    channel: str
    manager: str
    team: str
    start: int


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of all Redis keys of one application id; the braces keep them in one cluster slot."""

    app_id: str

    def _key(self, name: str) -> str:
        return f"{{{self.app_id}}}:{name}"

    def cells(self, kind: str, bucket: int, partition: int) -> str:
        """Hash of one partition's parts of a bucket: one owner writes it.

        `kind`: m, h (bucket = UTC second of its start), d (day ordinal), o (0).
        """
        return self._key(f"cells:{kind}:{bucket}:{partition}")

    @property
    def all_cells(self) -> str:
        """Pattern of all cells keys, for SCAN."""
        return self._key("cells:*")

    def place(self, key: str) -> tuple[str, int, int] | None:
        """(kind, bucket, partition) of a cells key, or None for any other key, also one of another layout."""
        head, _, rest = key.partition("}:cells:")
        words = rest.split(":")
        if head != f"{{{self.app_id}" or len(words) != 3:  # kind, bucket, partition
            return None
        return words[0], int(words[1]), int(words[2])

    def bucket(self, key: str) -> tuple[str, int] | None:
        """(kind, bucket) of a cells key, or None for any other key."""
        place = self.place(key)
        return None if place is None else place[:2]

    def manifest(self, partition: int) -> str:
        """Hash: name of each hash of cells that the partition must have, `kind:bucket` → how many fields it has.

        -1 where parts of it were lost. How many hashes there are stands in the heartbeat (`hashes`).
        """
        return self._key(f"manifest:{partition}")

    def counted(self, key: str) -> tuple[str, str]:
        """(manifest, name in there) of a cells key; ("", "") of any other."""
        place = self.place(key)
        return ("", "") if place is None else (self.manifest(place[2]), f"{place[0]}:{place[1]}")

    def senders(self, what: str) -> str:
        """What gateways and workers note for senders to see; no part of the view."""
        return self._key(f"senders:{what}")

    def around(self, partition: int) -> tuple[str, str]:
        """What stands before and behind a name in a manifest, in the key of that hash."""
        return self._key("cells:"), f":{partition}"

    @property
    def asked(self) -> str:
        """String that an exporter changes to have everything written again."""
        return self._key("asked")

    @property
    def waiting(self) -> str:
        """Hash: partition → who waits now."""
        return self._key("waiting")

    @property
    def unanswered(self) -> str:
        """Hash: partition → clients whom nobody answered, leads that nobody touched, and calls under way."""
        return self._key("unanswered")

    @property
    def partitions(self) -> str:
        """Hash: partition → heartbeat of its owner."""
        return self._key("partitions")

    @property
    def reference(self) -> str:
        """Hash: record key → the winning reference record."""
        return self._key("reference")

    @property
    def reference_count(self) -> str:
        """Hash: `n`, how many records `reference` must have, written at one moment with them.

        Besides a field for each reference topic that there has been, its number and id; see `streams.view.reference`.
        """
        return self._key("reference-count")

    def reference_of(self, worker: str) -> str:
        """Hash with one field, the mark that a worker leaves with each write of reference records."""
        return self._key(f"reference-of:{worker}")

    @property
    def changes(self) -> str:
        """Stream of what changed: entry field `b` = msgpack [[hash key, [fields…]], …]."""
        return self._key("changes")

    @property
    def generation(self) -> str:
        """String; another value, or none, means that Redis lost what it held."""
        return self._key("generation")


def parse_name(name: str) -> tuple[str, int]:
    """(kind, bucket) of a name in a manifest."""
    kind, _, bucket = name.partition(":")
    return kind, int(bucket)


class Unanswered(NamedTuple):
    """A client whom nobody called back (MISS) or an untouched lead (LEAD), or a call under way (TALK).

    entity: the call or lead. `start` in microseconds since the epoch; team "" when not stated.
    """

    kind: str
    client: str
    entity: str
    manager: str
    team: str
    start: int


def field(partition: int, manager: str, team: str, piece: str = "") -> bytes:
    """Name of a part inside a cells hash."""
    return _encode((partition, manager, team, piece) if piece else (partition, manager, team))


@lru_cache(maxsize=1 << 16)
def parse_field(raw: bytes) -> Field:
    """Reverse of `field`. Raises ViewError."""
    try:
        return _decode_field(raw)
    except msgspec.MsgspecError as error:
        raise ViewError(f"a field of the view cannot be read ({error}): {raw[:64]!r}") from error


def fenced(fence: int, payload: bytes) -> bytes:
    """Put the fence (offset of the last record folded; -1 before any) before a payload; text order is its order."""
    return b"%0*x%b" % (FENCE_DIGITS, fence + 1, payload)


def split(value: bytes) -> tuple[int, bytes]:
    """(fence, payload) of a stored value. Raises ViewError."""
    try:
        return int(value[:FENCE_DIGITS], 16) - 1, value[FENCE_DIGITS:]
    except ValueError as error:
        raise ViewError(f"a value of the view has no fence: {value[:64]!r}") from error


def encode_part(part: Mapping[str, int]) -> bytes:
    """Payload of a part: {measure key: integer}; integers beyond 64 bits travel as text."""
    try:
        return _encode(part)
    except OverflowError:
        return _encode({name: n if n in _INT64 else str(n) for name, n in part.items()})


def decode_part(payload: bytes) -> dict[str, int]:
    """Reverse of `encode_part`. Raises ViewError."""
    try:
        return _decode_plain_part(payload)
    except msgspec.MsgspecError:
        pass  # an integer beyond 64 bits, or damaged
    try:
        return {name: int(n) for name, n in _decode_part(payload).items()}
    except (msgspec.MsgspecError, ValueError) as error:
        raise ViewError(f"a part of the view cannot be read ({error})") from error


def encode_waiting(waiting: list[Waiting]) -> bytes:
    """Payload of the waiting hash: all who wait in one partition."""
    return _encode(waiting)


def decode_waiting(payload: bytes) -> list[Waiting]:
    """Reverse of `encode_waiting`. Raises ViewError."""
    return [Waiting(*row) for row in decode_any(payload)]


def encode_unanswered(found: list[Unanswered]) -> bytes:
    """Payload of the unanswered hash: all that is open in one partition."""
    return _encode(found)


def decode_unanswered(payload: bytes) -> list[Unanswered]:
    """Reverse of `encode_unanswered`. Raises ViewError."""
    return [Unanswered(*row) for row in decode_any(payload)]


def encode_any(value: object) -> bytes:
    """Payload of heartbeats, reference records and change lists."""
    return _encode(value)


def decode_any(payload: bytes) -> Any:
    """Reverse of `encode_any`. Raises ViewError."""
    try:
        return _decode_any(payload)
    except msgspec.MsgspecError as error:
        raise ViewError(f"a value of the view cannot be read ({error})") from error
