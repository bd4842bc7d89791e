"""As of which record of each partition the board is: known when everything announced up to there was fetched.

A worker announces what it wrote, and writes its heartbeat after that. So who reads heartbeats, then fetches everything
announced, has all parts as of the heartbeats' fences, unless one of them was rewritten meanwhile: that is seen by
its own fence. Nothing has to stand still for it.
"""

from collections.abc import Mapping

from metrics import view


class Fences:
    """The greatest fence of any value that was taken over, by partition."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def saw(self, partition: int, fence: int) -> None:
        """A value of a partition was taken over."""
        if fence > self._newest.get(partition, -1):
            self._newest[partition] = fence

    def settled(self, heartbeats: Mapping[bytes, bytes]) -> dict[int, int] | None:
        """The fences that the board is as of; None when it is not as of one for each partition.

        heartbeats: as they lie in Redis, read before the last changes that were taken over.
        """
        found: dict[int, int] = {}
        for name, value in heartbeats.items():
            fence, payload = view.split(value)
            beat = view.decode_any(payload)
            if self._newest.get(int(name), -1) > fence or not (beat.get("whole", True) and beat.get("intact", True)):
                return None
            found[int(name)] = fence
        return found if found and self._newest.keys() <= found.keys() else None
