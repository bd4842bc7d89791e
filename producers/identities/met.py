"""How many clients were known already when they were met: each call is counted once, however often it is looked at."""

_MOST = 100_000
"""Calls that are remembered: of older ones no log has another line."""


class Met:
    """`known` were claimed by somebody before, `claimed` were not.

    While it is `paused` what is met is remembered and not counted: that was done before a restart.
    """

    def __init__(self) -> None:
        self.known = self.claimed = 0
        self.paused = False
        self._calls: dict[str, None] = {}

    def take(self, call: str, *, is_known: bool) -> None:
        """Count the client of a call."""
        if call in self._calls:
            return
        self._calls[call] = None
        if len(self._calls) > _MOST:
            del self._calls[next(iter(self._calls))]
        if not self.paused:
            self.known += is_known
            self.claimed += not is_known
