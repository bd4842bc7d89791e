"""`python -m tests.bench.tables`: rows a second of `sales-pulse import` of large tables, and its memory over time.

From the start of the command to its end, with a real Kafka that acknowledges all of it; nothing is pinned.
"""

import argparse
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import psutil

from tests.support.servers import kafka_cluster
from tests.support.workers import COMMAND

_DAYS = 365
_START = datetime(2026, 11, 1) - timedelta(days=_DAYS)  # noqa: DTZ001 - tables have local times
_FORM = "%d.%m.%Y %H:%M:%S"
CALLS = """
source: pbx://bench
timezone: Europe/Moscow
events:
  - type: {constant: sales.call.ended.v1}
    time: {column: End, format: "%d.%m.%Y %H:%M:%S"}
    data: {call_id: Call, client_id: {column: Client, prefix: "crm-"}, manager_id: Agent, team_id: Team,
           direction: {column: Way, values: {in: inbound, out: outbound}},
           outcome: {column: Result, values: {answered: answered, no answer: missed, busy: busy}, default: failed},
           started_at: {column: Start, format: "%d.%m.%Y %H:%M:%S"},
           answered_at: {column: Answer, format: "%d.%m.%Y %H:%M:%S"}}
"""
DEALS = """
source: crm://bench
timezone: Europe/Moscow
events:
  - type: {constant: sales.deal.changed.v1}
    time: {column: Changed, format: ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"]}
    data: {deal_id: Number, client_id: {column: Client, prefix: "crm-"}, manager_id: Owner, team_id: Department,
           pipeline: {constant: retail}, stage: Stage,
           status: {column: Status, values: {Open: open, Won: won, Lost: lost}},
           amount: Amount, currency: {column: Currency, default: RUB}, probability: {column: Chance, scale: 0.01},
           created_at: {column: Created, format: "%d.%m.%Y %H:%M"},
           closed_at: {column: Closed, format: "%d.%m.%Y %H:%M"}}
"""


def calls(count: int) -> Iterator[Sequence[str]]:
    """Rows of calls, the header first: what a PBX's report has, in order of time."""
    chance = random.Random(1)
    yield "Call", "Client", "Agent", "Team", "Way", "Result", "Start", "Answer", "End", "Line", "Comment"
    step = _DAYS * 86_400 / count
    for number in range(count):
        start = _START + timedelta(seconds=int(number * step))
        result = chance.choices(("answered", "no answer", "busy"), (8, 2, 1))[0]
        wait, talk = chance.randrange(2, 60), chance.randrange(5, 900)
        answer = (start + timedelta(seconds=wait)).strftime(_FORM) if result == "answered" else ""
        end = (start + timedelta(seconds=wait + (talk if answer else 0))).strftime(_FORM)
        agent = chance.randrange(60)
        yield (
            f"c-{number}", f"{chance.randrange(count // 8 + 1)}", f"m-{agent}", f"team {agent // 8}",
            chance.choice(("in", "out")), result, start.strftime(_FORM), answer, end, f"SIP/trunk-{number % 9}", "",
        )  # fmt: skip


def deals(count: int) -> Iterator[Sequence[str]]:
    """Rows of deals, the header first: what a CRM exports, with amounts as people in Russia write them."""
    chance = random.Random(2)
    yield (
        "Number", "Client", "Owner", "Department", "Stage", "Status", "Amount", "Currency", "Chance", "Created",
        "Closed", "Changed", "Name",
    )  # fmt: skip
    form = "%d.%m.%Y %H:%M"
    step = (_DAYS - 60) * 86_400 / count
    for number in range(count):
        created = _START + timedelta(seconds=int(number * step))
        changed = created + timedelta(minutes=chance.randrange(1, 80_000))
        status, stage = chance.choice((("Open", "Offer"), ("Won", "Closed"), ("Lost", "Closed"), ("Open", "New")))
        owner, cents = chance.randrange(60), chance.randrange(10_000, 90_000_000)
        yield (
            str(number), str(chance.randrange(count // 3 + 1)), f"m-{owner}", f"team {owner // 8}", stage, status,
            f"{cents // 100},{cents % 100:02d}", "RUB", str(chance.randrange(0, 101, 5)),
            created.strftime(form), "" if status == "Open" else changed.strftime(form), changed.strftime(_FORM),
            f"Поставка {number}",
        )  # fmt: skip


def csv(path: Path, rows: Iterator[Sequence[str]]) -> None:
    """Write a table as CSV."""
    with path.open("w") as file:
        file.writelines(";".join(row) + "\n" for row in rows)


def sheet(path: Path, rows: Iterator[Sequence[str]]) -> None:
    """Write a table as a spreadsheet, with numbers and moments as such."""
    book = openpyxl.Workbook(write_only=True)
    table = book.create_sheet("Deals")
    table.append(list(next(rows)))
    for row in rows:
        cells: list[object] = list(row)
        cells[0], cells[6], cells[8] = int(row[0]), float(row[6].replace(",", ".")), int(row[8])
        for place, form in ((9, "%d.%m.%Y %H:%M"), (10, "%d.%m.%Y %H:%M"), (11, _FORM)):
            cells[place] = datetime.strptime(row[place], form) if row[place] else None  # noqa: DTZ007
        table.append(cells)
    book.save(path)


Kind = tuple[str, str, Callable[[int], Iterator[Sequence[str]]], Callable[[Path, Iterator[Sequence[str]]], None]]
KINDS: dict[str, Kind] = {
    "calls": (".csv", CALLS, calls, csv),
    "deals": (".csv", DEALS, deals, csv),
    "sheet": (".xlsx", DEALS, deals, sheet),
}


def watched(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float, list[float]]:
    """Run a command; return its seconds, its CPU seconds, and the memory (MB) of all its processes by the second."""
    before = os.times()
    began, memory = time.perf_counter(), []
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    root = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        for one in (root, *_children(root)):
            try:
                total += one.memory_info().rss
            except psutil.Error:
                continue
        memory.append(total / 1e6)
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            continue
    seconds, after = time.perf_counter() - began, os.times()
    said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the import failed: {said}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu, memory


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(prog="python -m tests.bench.tables", description=__doc__)
    ask.add_argument("--rows", type=int, default=1_500_000)
    ask.add_argument("--runs", type=int, default=2)
    ask.add_argument("--kinds", default="calls,deals,sheet")
    ask.add_argument("--folder", type=Path, help="where the tables are kept from run to run")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch, kafka_cluster(Path(scratch), 1) as cluster:
        kafka = psutil.Process(cluster.nodes[0].pid)
        print(
            "| table | rows | seconds | rows/s | rows per CPU-second | Kafka's CPU, µs a row | memory, MB, by tenths |"
        )
        print("|---|--:|--:|--:|--:|--:|---|", flush=True)
        for run in range(given.runs):
            for name in given.kinds.split(","):
                suffix, mapping, rows, write = KINDS[name]
                folder = given.folder or Path(scratch)
                path, described = folder / f"{name}-{given.rows}{suffix}", folder / f"{name}.yaml"
                described.write_text(mapping)
                if not path.exists():
                    write(path, rows(given.rows))
                environment = os.environ | {
                    "SALES_KAFKA_SERVERS": cluster.servers, "SALES_TOPIC_PREFIX": f"bench{run}{name}",
                    "SALES_PARTITIONS": "4", "SALES_LOG_LEVEL": "error",
                }  # fmt: skip
                subprocess.run([*COMMAND[:-1], "topics", "create"], env=environment, check=True, capture_output=True)
                used = sum(kafka.cpu_times()[:2])
                command = [*COMMAND[:-1], "import", str(path), "--mapping", str(described)]
                work = Path(scratch) / f"work{run}{name}"
                seconds, cpu, memory = watched([*command, "--rejects", str(work)], environment)
                used = sum(kafka.cpu_times()[:2]) - used
                steps = [memory[len(memory) * tenth // 10] for tenth in range(10)] + [max(memory)]
                told = name, f"{given.rows:,}", f"{seconds:.1f}", f"{given.rows / seconds:,.0f}"
                cost = f"{given.rows / cpu:,.0f}", f"{used / given.rows * 1e6:.1f}"
                print(
                    "| " + " | ".join((*told, *cost, ", ".join(f"{one:.0f}" for one in steps))), "at most |", flush=True
                )


if __name__ == "__main__":
    main()
