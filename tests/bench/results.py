"""Figures of a bench: one JSON line each, and tables for people and for the page on performance.

`python -m tests.bench.results FILE` writes the latest of each into performance.md.
"""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from producers.compiled import FORM

PAGE = Path(__file__).parents[2] / "deploy/docs/performance.md"
_BEGIN, _END = "<!-- tables: begin, written by python -m tests.bench.results -->", "<!-- tables: end -->"
_PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "quixstreams")
Value = float | str | list[float]


@dataclass
class Row:
    """One line of one table; a list is one value per repeat."""

    part: str
    name: str
    figures: dict[str, Value]
    size: str = ""
    at: str = ""
    load: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Of what takes part in every measurement."""
    found = {"Python": platform.python_version(), "form": FORM.name, "cores": str(os.cpu_count())}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


class Results:
    """Takes rows in, shows each at once, and keeps them in a file if there is one."""

    def __init__(self, file: Path | None = None) -> None:
        self.rows: list[Row] = []
        self._file = file

    def add(self, part: str, name: str, figures: dict[str, Value], size: str = "", **more: str) -> Row:
        """Take a row in."""
        row = Row(part, name, figures, size)
        row.at = datetime.now(UTC).isoformat(timespec="seconds")
        row.load = round(os.getloadavg()[0], 1)
        row.versions = versions() | more
        self.rows.append(row)
        print(f"{part}: {name}: " + ", ".join(f"{key} {shown(value)}" for key, value in figures.items()), flush=True)
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        return row


def middle(value: Value) -> float:
    """The median of repeats."""
    return statistics.median(value) if isinstance(value, list) else float(value)


def shown(value: Value) -> str:
    """A figure for people; repeats as their median with the least and greatest."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    spread = f" ({shown(min(value))} to {shown(max(value))})" if len(value) > 1 else ""
    return shown(middle(value)) + spread


def tables(rows: Iterable[Row]) -> str:
    """Markdown: a table per part."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return "\n\n".join(_table(part, found) for part, found in parts.items())


def _table(part: str, rows: list[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row.figures))
    lines = [f"### {part}", "", "; ".join(dict.fromkeys(row.size for row in rows if row.size)), ""]
    lines += [f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for row in rows:
        cells = (shown(row.figures[column]) if column in row.figures else "" for column in columns)
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    loads = [row.load for row in rows]
    lines += ["", f"{rows[-1].at}, load average {min(loads)} to {max(loads)}; "
              + ", ".join(f"{name} {version}" for name, version in _merged(rows).items()) + "."]  # fmt: skip
    return "\n".join(lines)


def _merged(rows: list[Row]) -> dict[str, str]:
    return {name: version for row in rows for name, version in row.versions.items()}


def latest(file: Path) -> list[Row]:
    """The latest row of each part, name and size."""
    found: dict[tuple[str, str, str], Row] = {}
    for line in file.read_text().splitlines():
        fields: dict[str, Any] = json.loads(line)
        row = Row(**fields)
        found[row.part, row.name, row.size] = row
    return list(found.values())


def write(file: Path) -> None:
    """Put the tables into the page."""
    before, rest = PAGE.read_text().split(_BEGIN)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{tables(latest(file))}\n\n{_END}{rest.split(_END)[1]}")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
