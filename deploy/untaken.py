"""What clients have not taken of their answers, on all connections together: so much, and then somebody has to go.

A client that does not read is waited for, as it may only be slow. Each costs what it holds: with enough of them a
process would have no memory left. Whoever has taken nothing for longest is cut off, and with him as many as it needs.
"""

from typing import Protocol

import structlog

log = structlog.get_logger(__name__)
MOST_BYTES = 64 << 20
_SPARED = 8
"""Of the most, this share never costs anybody his connection, however large the answer of another is."""


class Holder(Protocol):
    """A connection."""

    def cut_off(self) -> None:
        """Close it without another word."""


class Untaken:
    """Bytes by connection, in the order in which their clients last took something."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.closed = 0
        """Connections that were cut off so far."""
        self._bytes: dict[Holder, int] = {}
        self._sum = 0

    def note(self, one: Holder, held: int, *, took: bool) -> None:
        """Say what a connection holds. took: its client has just taken something."""
        before = self._bytes.get(one, 0)
        if took or not held:
            self.forget(one)
            before = 0
        if held:
            self._bytes[one] = held
            self._sum += held - before
            self._bound(held)

    def forget(self, one: Holder) -> None:
        """It holds nothing any more."""
        self._sum -= self._bytes.pop(one, 0)

    def longest(self, most: int) -> list[Holder]:
        """Those whose clients have taken nothing for longest."""
        return list(self._bytes)[:most]

    def _bound(self, newest: int) -> None:
        while self._sum > self.most and self._sum - newest > self.most // _SPARED:
            one = next(iter(self._bytes))
            self.forget(one)
            one.cut_off()
            self.closed += 1
            log.warning("closed a connection whose client does not read its answer", so_far=self.closed)
