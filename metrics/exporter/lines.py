"""Rendered text, kept until it changes: one piece per exposed name, credit and slot, joined when somebody scrapes."""

from collections.abc import Iterable

from metrics.exporter.aggregates import Slot
from metrics.exporter.numbers import Shown


class Lines:
    """Pieces of text. A flat list per name, so that joining hundreds of thousands of pieces is one call."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = {slot: number for number, slot in enumerate(slots)}
        self._rows: dict[Shown, int] = {}
        self._pieces: dict[str, list[bytes]] = {}

    def put(self, name: str, shown: Shown, slot: Slot, text: bytes) -> None:
        """Replace one piece; empty text removes it."""
        row = self._rows.get(shown)
        if row is None:
            row = self._rows[shown] = len(self._rows)
        place = row * len(self._slots) + self._slots[slot]
        pieces = self._pieces.setdefault(name, [])
        if place >= len(pieces):
            if not text:
                return
            pieces += [b""] * (place + 1 - len(pieces))
        pieces[place] = text

    def joined(self, name: str) -> bytes:
        """All lines of a name."""
        return b"".join(self._pieces.get(name, ()))
