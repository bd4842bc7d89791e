"""The partition's own record among its clients: how far the log is folded, by which rules, and of which log."""

import msgspec

from streams.errors import RulesChanged, StateError

KEY = b"p"
"""Of the record in changelog and local store; no page of a client has it."""
VERSION = 8
"""Of the encoded state. A worker that restores another version says so and counts the log again."""


class Own(msgspec.Struct, array_like=True, frozen=True):
    """`fence`: offset of the last record folded; `time`: partition time (us); `log`: the topic's id, "" if unknown.

    `until`: where the log ended when counting it began; until that is reached the numbers are of a part of it.
    `swept`: of which month (its first local day) of the horizon what is forgotten was last freed, 0 if unknown.
    `forwarded`: greatest offset of the copies folded, by the partition that they were forwarded from.
    `live`: when (us) the first event happened that came at once, 0 before any.
    `sweeping`: of which month the sweep under way is, 0 if none is; `place`: the last page that it has looked at.
    `stamp`: the broker's time (us) of the last record, 0 if unknown; `gone`: see `streams.state.keeping`.
    `changelogs`: ids of the topics that all of the state was written to, of cells and of clients, "" if unknown.
    """

    version: int
    rules: str
    fence: int
    time: int
    log: str = ""
    until: int = 0
    swept: int = 0
    forwarded: dict[int, int] = {}
    live: int = 0
    sweeping: int = 0
    place: bytes = b""
    stamp: int = 0
    gone: tuple[int, int] = (0, 0)
    changelogs: tuple[str, str] = ("", "")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Own).decode


def write_own(own: Own) -> bytes:
    """The record as it is stored."""
    return _encode(own)


def read_own(value: bytes, rules: str) -> Own:
    """The inverse. Raises StateError for what cannot be read or is of another version, RulesChanged."""
    try:
        own = _decode(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"the record of the partition cannot be read: {error}") from error
    if own.version != VERSION:
        raise StateError(f"the state has version {own.version}, this worker reads version {VERSION}")
    if own.rules != rules:
        raise RulesChanged
    return own
