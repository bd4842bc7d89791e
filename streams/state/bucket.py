"""One bucket of cells: its parts by (manager, team), decoded while they change and bytes while they do not.

A part of more measures than fit a changelog record for sure is split into pieces, sixteen at a time, by the hash of the
measures' names. A piece is stored and shown as a part of its own.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from metrics.view import encode_part
from streams.fold.deltas import Deltas, Sums, Tally
from streams.fold.spread import digit
from streams.state.keeping import Kept

MOST: Final = 512
"""Measures of a part or piece; the longest names and sums that the contract allows make half a changelog record."""
_WAY_BITS: Final = 4

decode_part: Final = msgspec.msgpack.Decoder(dict[str, int], strict=False).decode

Part = dict[str, int]
"""Measure key → sum, never a zero."""


class Bucket:
    """The parts of one bucket by pair: decoded while they change, the payload of the last cut while they do not.

    split: the pieces of a pair, or of a piece, that has too many measures.
    uncut, unseen: what the changelog and the view have not been told, as payloads; None: not encoded yet, b"": gone.
    """

    __slots__ = ("kind", "parts", "split", "start", "uncut", "unseen")

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind
        self.start = start
        self.parts: dict[int, Part | bytes] = {}
        self.split: dict[int, list[int]] = {}
        self.uncut: dict[int, bytes | None] = {}
        self.unseen: dict[int, bytes | None] = {}

    def pour(self, tally: Tally, deltas: Deltas) -> int:
        """Add sums to parts; how many parts are new. One left as it was counts as changed all the same.

        A worker that was killed may have shown the part as it was in between, and nobody else would take that back.
        """
        parts, before, measures = self.parts, len(self.parts), deltas.specs.measures
        changed: dict[int, bytes | None] = dict.fromkeys(tally)
        for pair, sums in tally.items():
            part = parts.get(pair)
            if not isinstance(part, dict):
                if pair in self.split:
                    self._spread(pair, _spelled(sums, measures), deltas, changed)
                    continue
                part = parts[pair] = {} if part is None else decode_part(part)
            for spec, n in sums.items():
                for name in measures[spec]:
                    # Most are new: nothing is added to, or taken out.
                    if name not in part:
                        if n:
                            part[name] = n
                    elif total := part[name] + n:
                        part[name] = total
                    else:
                        del part[name]
            if len(part) > MOST:
                self._divide(pair, part, deltas, changed)
        self.uncut.update(changed)
        self.unseen.update(changed)
        return len(parts) - before

    def _divide(self, pair: int, part: Part, deltas: Deltas, changed: dict[int, bytes | None]) -> None:
        """Move the measures of a part into pieces."""
        del self.parts[pair]
        self.split[pair] = deltas.pieces(pair)
        self._spread(pair, part, deltas, changed)

    def _spread(self, top: int, sums: Mapping[str, int], deltas: Deltas, changed: dict[int, bytes | None]) -> None:
        """Add sums to the pieces of a part."""
        shares: dict[int, Part] = {}
        level = len(deltas.paths[top])
        for name, n in sums.items():
            shares.setdefault(self.split[top][digit(name, level, _WAY_BITS)], {})[name] = n
        for piece, share in shares.items():
            changed[piece] = None
            if piece in self.split:
                self._spread(piece, share, deltas, changed)
                continue
            held = self.parts.get(piece)
            part = self.parts[piece] = held if isinstance(held, dict) else {} if held is None else decode_part(held)
            for name, n in share.items():
                total = part.get(name, 0) + n
                if total:
                    part[name] = total
                else:
                    part.pop(name, None)
            if len(part) > MOST:
                self._divide(piece, part, deltas, changed)

    def encode(self, pair: int) -> bytes:
        """The payload of a part; b"" when nothing is in it."""
        part = self.parts.get(pair, b"")
        return part if isinstance(part, bytes) else encode_part(part) if part else b""

    def is_kept(self, kept: Kept, first_day: int) -> bool:
        """Whether its time has not passed."""
        if self.kind == "m":
            return self.start >= kept.minutes
        if self.kind == "h":
            return self.start >= kept.hours
        return self.kind == "o" or self.start >= first_day


def _spelled(sums: Sums, measures: list[tuple[str, ...]]) -> Part:
    """Sums by measure instead of by spec."""
    found: Part = {}
    for spec, n in sums.items():
        for name in measures[spec]:
            found[name] = found.get(name, 0) + n
    return found
