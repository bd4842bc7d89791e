"""From minutes to local hours and days: where a minute lies, and sums of sums."""

from streams.fold.deltas import Sums
from streams.fold.localtime import MINUTE, LocalTime


class Slots(dict[int, int]):
    """Minute → the number of its slot. `places`: number → (UTC second at which its local hour starts, local day)."""

    def __init__(self, local: LocalTime) -> None:
        super().__init__()
        self.places: list[tuple[int, int]] = []
        self._local = local
        self._numbers: dict[tuple[int, int], int] = {}

    def __missing__(self, minute: int) -> int:
        place = self._local.hour(minute * 60), self._local.day(minute * MINUTE)
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self.places)
            self.places.append(place)
        self[minute] = number
        return number


class Rolled(dict[int, Sums]):
    """Sums by key, added up from finer ones."""

    def add(self, key: int, sums: Sums) -> None:
        """Add the sums of a finer bucket."""
        held = self.get(key)
        if held is None:
            self[key] = sums.copy()
            return
        for spec, n in sums.items():
            held[spec] += n
