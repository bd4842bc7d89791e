"""What an import says of itself at its end: every line and every event is in one of its numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from producers.importer.report import ImportReport
    from producers.importer.run import Import
    from producers.importer.series import ImportTotals
    from producers.importer.source import SourceFile
    from producers.importer.state import ImportCounts, State
    from producers.importer.withdrawing import Missing

_OUTCOMES = {
    "older": "older than another version",
    "elsewhere": "left, as the log has newer from elsewhere",
    "clashing": "left, as another has the same version and says otherwise",
    "unraisable": "left, as the contract has no room for a greater version",
    "waiting": "waiting for the end of the file",
}
"""What else becomes of events, and how it is said."""


def account(end: "State") -> str:
    """What became of the lines, which add up to all that were read."""
    return f"{end.read} lines read: {end.taken} taken, {end.left_out} left out, {end.refused} refused"


def events(counts: "ImportCounts") -> str:
    """What became of the events, which add up to all that were made of the lines taken."""
    of_them = f" ({counts.corrected} of them corrections)" if counts.corrected else ""
    said = [f"{counts.sent} events sent{of_them}", f"{counts.known} known already"]
    said += [f"{count} {what}" for name, what in _OUTCOMES.items() if (count := getattr(counts, name))]
    return ", ".join(said)


def totals(end: "State", met: tuple[int, int]) -> "ImportTotals":
    """The same for Prometheus. `met`: clients that were known, and new ones."""
    from producers.importer.series import ImportTotals

    return ImportTotals(end.taken, end.left_out, end.refused, end.counts.sent, *met)


def tell(source: "SourceFile", job: "Import", notes: list[str], target: Path, *, finished: bool) -> None:
    """Print what an import of one file did, and what to do next."""
    state = job.state
    print(f"{source.name}: {account(state)}; {events(state.counts)}")
    show(job.report, notes)
    if state.refused:
        print(f"  refused lines: {target}, their reasons: {target}.reasons")
    if not finished:
        again = "run the same command again to go on" if source.path else "send the rest again from there"
        print(f"  stopped after line {state.line}; {again}")


def show(report: "ImportReport", notes: list[str]) -> None:
    """Print what was found in a file."""
    for note in notes:
        print(f"  {note}")
    for type_, count in sorted(report.types.items()):
        print(f"  {type_}: {count}")
    if report.first and report.last:
        print(f"  from {report.first.isoformat()} to {report.last.isoformat()}")
    for why, count in report.left_out.most_common():
        print(f"  left out: {count}, {why}")
    for reason, count in report.reasons.most_common():
        print(f"  refused as {reason}: {count}")
        for number, detail in report.examples[reason]:
            print(f"    line {number}: {detail}")


def tell_missing(missing: "Missing", sent: int, *, really: bool, where: str = "vanished from the files") -> None:
    """Print what vanished, or is `where`, and whether it was taken back."""
    for kind, count in sorted(missing.counts.items()):
        named = ", ".join(missing.examples[kind]) + ", …" * (count > len(missing.examples[kind]))
        print(f"{where}: {kind}: {count} ({named})")
    for kind, count in sorted(missing.kept.items()):
        print(f"{where}, and the contract has no way to take it back: {kind}: {count}")
    if missing.first and missing.last:
        print(f"  dated from {missing.first.isoformat()} to {missing.last.isoformat()}")
    if really:
        print(f"withdrawn: {sent}")
    elif missing.counts:
        print("nothing was withdrawn; run it again with --yes to take them back")
    else:
        print("nothing that could be withdrawn has vanished")
