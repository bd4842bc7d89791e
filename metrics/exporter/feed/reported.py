"""What workers report of themselves, and what follows from it for the numbers that they write."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics import view
from metrics.exporter.feed.whole import count_of, rewound


class Reported:
    """`heartbeats`: what the owner of each partition reported last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.heartbeats: dict[int, dict[str, Any]] = {}
        self.read_as: dict[int, int] = {}
        """Partitions that were there when the board was loaded, and when the view had last gone back until then."""
        self._fences: dict[int, int] = {}

    def unread(self) -> str:
        """What workers say was not there when the board was loaded; "" when it was."""
        now = rewound(self.heartbeats)
        if now.keys() - self.read_as.keys():
            return "partitions that had not reported yet"
        is_older = any(moment > self.read_as[number] for number, moment in now.items())
        return "its last writes: another server took over" if is_older else ""

    def begins_again(self, raw: Mapping[bytes, bytes]) -> bool:
        """Whether the view of a partition was taken away and begun again at a lesser offset, since the last call.

        As of its log that was recreated, or lost its end; what a board has of before would never be settled. raw:
        heartbeats as they lie in Redis.
        """
        now = {int(number): view.split(beat)[0] for number, beat in raw.items()}
        begins = any(fence < self._fences.get(number, -1) for number, fence in now.items())
        self._fences |= now
        return begins

    def age(self, *, contact: bool = False) -> float | None:
        """Seconds since the owner of the most silent partition reported; None before the first report.

        contact: or since Kafka last answered an owner, where that is longer ago.
        """
        beats = self.heartbeats.values()
        moments = [min(beat["at"], beat.get("contact", beat["at"]) if contact else beat["at"]) for beat in beats]
        return max(0.0, self._clock() - min(moments) / 1000) if moments else None

    def missing(self) -> list[int]:
        """Partitions that nobody has reported for yet."""
        return [number for number in range(count_of(self.heartbeats)) if number not in self.heartbeats]

    def of_another_version(self) -> list[int]:
        """Partitions whose owner lays the view out in another way."""
        return sorted(number for number, beat in self.heartbeats.items() if beat.get("version") != view.VERSION)

    def live_since(self) -> int:
        """When the first event happened that came at once (us); 0 before any: all that came was history."""
        return min((live for beat in self.heartbeats.values() if (live := int(beat.get("live", 0)))), default=0)

    def uncounted(self) -> int:
        """Events that workers are still to count before numbers are those of the whole log."""
        return sum(int(beat.get("left", 0)) for beat in self.heartbeats.values())
