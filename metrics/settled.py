"""How an answer says what it is as of: the fence of each partition and the moment, in a header that audits read."""

from collections.abc import Mapping

import msgspec

HEADER = "sales-settled"


class Settled(msgspec.Struct, frozen=True):
    """fences: partition → offset of the last record folded. moment: Unix time in microseconds."""

    fences: Mapping[int, int]
    moment: int


def header(fences: Mapping[int, int], now: float) -> dict[str, str]:
    """The header of an answer rendered at a moment (Unix seconds)."""
    return {HEADER: msgspec.json.encode(Settled(fences, int(now * 1_000_000))).decode()}


def read(text: str) -> Settled:
    """Reverse of `header`. Raises msgspec's ValidationError."""
    return msgspec.json.decode(text, type=Settled)
