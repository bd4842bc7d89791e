"""Results of the fault tests: one JSON row a case and run, and the table of the latest in README.md.

`python -m tests.faults.table` writes the table.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
RESULTS = Path(os.environ.get("TEST_FAULTS_RESULTS") or FOLDER / "results.jsonl")
README = FOLDER / "README.md"
_BEGIN, _END = "<!-- table: begin, written by python -m tests.faults.table -->", "<!-- table: end -->"


@dataclass
class CaseRow:
    """What one case measured. Times in seconds.

    sent: acknowledged; records: in the events topic, with what was sent again; standstill: the longest time in which
    some partition got no further; back: from a fault until every partition went on (for Redis: until the view was
    whole again), the longest of all faults; crashes: workers that ended by themselves and were started again.
    """

    case: str
    sent: int
    records: int
    folded: int
    duplicates: int
    stale: int
    dead_letters: int
    standstill: float
    back: float
    differences: int
    faults: int
    crashes: int
    seconds: float
    notes: dict[str, Any] = field(default_factory=dict)
    at: str = ""

    def line(self) -> str:
        """All figures in one line for people."""
        notes = "".join(f", {name.replace('_', ' ')} {value}" for name, value in self.notes.items())
        return (
            f"{self.case}: sent {self.sent:,}, in the log {self.records:,}, folded {self.folded:,}, "
            f"duplicates {self.duplicates:,}, stale {self.stale:,}, dead letters {self.dead_letters:,}, "
            f"{self.standstill} s without progress, back after {self.back} s, {self.crashes} restarts, "
            f"differences {self.differences}, {self.seconds} s in all{notes}"
        )

    def append(self) -> None:
        """Add the row to the results."""
        self.at = datetime.now(UTC).isoformat(timespec="seconds")
        with RESULTS.open("a") as file:
            file.write(json.dumps(asdict(self)) + "\n")


def rows() -> list[CaseRow]:
    """The latest row of each case, in the order in which cases first ran."""
    names = {one.name for one in fields(CaseRow)}
    found: dict[str, CaseRow] = {}
    for line in RESULTS.read_text().splitlines():
        row = json.loads(line)
        found[row["case"]] = CaseRow(**{name: value for name, value in row.items() if name in names})
    return list(found.values())


def table() -> str:
    """The Markdown table."""
    head = ["case", "sent", "folded", "duplicates", "stale", "dead letters", "no progress, s", "back after, s",
            "restarts", "differences"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for row in rows():
        cells = [row.case, f"{row.sent:,}", f"{row.folded:,}", f"{row.duplicates:,}", f"{row.stale:,}",
                 f"{row.dead_letters:,}", f"{row.standstill:.1f}", f"{row.back:.1f}", str(row.crashes),
                 str(row.differences)]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write() -> None:
    """Put the table into README.md."""
    text = README.read_text()
    before, rest = text.split(_BEGIN)
    README.write_text(f"{before}{_BEGIN}\n\n{table()}\n\n{_END}{rest.split(_END)[1]}")


if __name__ == "__main__":
    write()
