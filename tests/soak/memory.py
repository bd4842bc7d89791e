"""How much memory each process has, simulated hour by hour, beside what the service holds: what grows has a reason."""

import statistics
from collections import defaultdict
from collections.abc import Mapping

import psutil

_MB = 1e6
_YOUNG = 5.0
"""A process younger than so many seconds is still loading its modules or its state."""


class Memory:
    """Resident sizes (MB) by process name and hour."""

    def __init__(self) -> None:
        self.sizes: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.held: dict[str, dict[int, float]] = defaultdict(dict)

    def look(self, hour: int, processes: Mapping[str, psutil.Process | None], now: float) -> None:
        """Note the size of each process that lives and has for some seconds; `now` is in Unix seconds."""
        for name, process in processes.items():
            if process is None:
                continue
            try:
                if now - process.create_time() >= _YOUNG:
                    self.sizes[name][hour].append(process.memory_info().rss / _MB)
            except psutil.Error:
                continue

    def hold(self, hour: int, what: str, count: float) -> None:
        """Note how much the service holds; the most of an hour counts, as a worker may be away."""
        self.held[what][hour] = max(count, self.held[what].get(hour, 0.0))

    def at(self, name: str, hour: int) -> float | None:
        """Median of an hour; None when the process did not live long enough in it."""
        found = self.sizes[name].get(hour)
        return statistics.median(found) if found else None

    def growth(self, name: str, hours: int) -> float:
        """What a process has in the last third of the hours, less what it had in the middle third (MB)."""
        third = max(1, hours // 3)
        late = [size for hour in range(hours - third, hours) for size in self.sizes[name].get(hour, ())]
        middle = [size for hour in range(hours - 2 * third, hours - third) for size in self.sizes[name].get(hour, ())]
        return statistics.median(late) - statistics.median(middle) if late and middle else 0.0

    def table(self, hours: int) -> list[str]:
        """Markdown: a row a process, a column every few hours."""
        step = max(1, hours // 8)
        shown = sorted({*range(0, hours, step), hours - 1})
        lines = [
            "| resident MB in hour | "
            + " | ".join(str(hour + 1) for hour in shown)
            + " | last third less middle third |",
            "|---|" + "---|" * (len(shown) + 1),
        ]
        for name in self.sizes:
            sizes = (self.at(name, hour) for hour in shown)
            cells = " | ".join("–" if size is None else f"{size:.0f}" for size in sizes)
            lines.append(f"| {name} | {cells} | {self.growth(name, hours):+.1f} |")
        for what, counts in self.held.items():
            cells = " | ".join(f"{counts[hour] / 1000:,.0f}" if hour in counts else "–" for hour in shown)
            lines.append(f"| {what}, thousands | {cells} | |")
        return lines
