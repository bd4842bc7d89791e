"""The simulated floor as the exporter would show it at any moment: folded in memory, without Kafka, Redis or a clock.

    python -m tests.bench.simulated --managers 40 --at 2026-11-27T20:00:00

How many series a floor has by how many people, by window, and how many each has on the average: a floor of a thousand
in 50 teams has as many of each. Events are those that so many people really cause, 57 a day each.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from metrics.calendar import build, parse
from metrics.exporter.board import Board
from metrics.settings import BusinessSettings
from metrics.view import decode_part, parse_field
from producers.partitioner import partition_for
from producers.simulator import plans
from producers.simulator.floor import Setup, SimulatedFloor, key_of
from streams.fold.rules import Rules
from streams.state.partition import Partition
from tests.laws.replay import Rec
from tests.support.boards import exposition

PARTITIONS = 8
DAY = 86_400
_AT_ONCE = 5_000
_NOTHING = msgspec.msgpack.encode({})
_LABEL = re.compile(r'(manager|team|window|period)="([^"]*)"')


class SimulatedBoard:
    """A floor that begins `days` before `start` (Unix seconds), and goes on from there as `go` lets it."""

    def __init__(self, managers: int, days: int, start: float, zone: str = "UTC", *, always_open: bool = False) -> None:
        settings = BusinessSettings(_env_file=None, timezone=zone, ready_stages=("PAYMENT", "CONTRACT"))
        calendar = build(parse(""), ZoneInfo(zone))
        rules = Rules(ZoneInfo(zone), calendar, ready_stages=frozenset(settings.ready_stages))
        self.board = Board(settings, calendar=calendar)
        self.partitions = [Partition(number, PARTITIONS, rules) for number in range(PARTITIONS)]
        self._ends = [0] * PARTITIONS
        self._floor = SimulatedFloor(Setup(managers=managers, zone=zone, always_open=always_open))
        began = int((start - days * DAY) * 1e6)
        self._events = self._floor.events(began)
        self._next: tuple[int, dict[str, Any]] | None = None
        records = plans.reference(self._floor, began, int((start + DAY) * 1e6), began)
        self.board.put_reference({key: {"type": one["type"], "data": one["data"]} for key, one in records})
        self.go(start)

    def go(self, until: float) -> int:
        """Fold what is published up to a moment (Unix seconds), and show it; says how many events that were."""
        folded = 0
        while records := self._due(int(until * 1e6)):
            folded += sum(map(len, records.values()))
            for number, some in records.items():
                if refused := self.partitions[number].fold(some):
                    raise ValueError(f"the simulator sent what the contract refuses: {refused[0]}")
        if folded:
            for number in range(PARTITIONS):
                self._show(number)
        return folded

    def _due(self, until_us: int) -> dict[int, list[Rec]]:
        found: dict[int, list[Rec]] = {}
        for _ in range(_AT_ONCE):
            at, event = self._next or next(self._events)
            self._next = (at, event)
            if at > until_us:
                break
            self._next = None
            key = key_of(event).encode()
            number = partition_for(key, PARTITIONS)
            found.setdefault(number, []).append(
                Rec(self._ends[number], key, msgspec.json.encode(event), max(at // 1000, 0))
            )
            self._ends[number] += 1
        return found

    def _show(self, number: int) -> None:
        update = self.partitions[number].view()
        for bucket, fields in update.cells.items():
            parts = {parse_field(raw): decode_part(part or _NOTHING) for raw, part in fields.items()}
            self.board.put(bucket, parts)
        if update.waiting is not None:
            self.board.put_waiting(number, update.waiting)
        if update.unanswered is not None:
            self.board.put_unanswered(number, update.unanswered)


def counted(lines: Iterator[str]) -> Counter[tuple[str, str]]:
    """Series by whom they are of, and by window and period."""
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if not line.startswith("#"):
            labels = dict(_LABEL.findall(line))
            level = "manager" if labels.get("manager") else "team" if labels.get("team") else "company"
            found[level, " ".join(filter(None, (labels.get("window"), labels.get("period"))))] += 1
    return found


def main() -> None:
    """Count, and say what a thousand people in 50 teams have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--managers", type=int, default=40)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--at", default="2026-11-27T18:00:00", help="the fullest hour: the evening of a Friday")
    asked = parser.parse_args()
    moment = datetime.fromisoformat(asked.at).replace(tzinfo=UTC).timestamp()
    told = SimulatedBoard(asked.managers, asked.days, moment)
    page = exposition(told.board, moment).decode().splitlines()
    found, teams = counted(iter(page)), len({team for _, team in told.board.credits()} - {"", "unknown"})
    for (level, time), many in sorted(found.items()):
        print(f"{level:8} {time:16} {many:8,}")
    levels = ("manager", "team", "company")
    of = {one: sum(many for (level, _), many in found.items() if level == one) for one in levels}
    people, groups = of["manager"] / asked.managers, of["team"] / teams
    whole = round(1000 * people + 50 * groups + of["company"])
    print(f"{asked.managers} managers in {teams} teams: {sum(found.values()):,} series, {of}")
    print(f"each manager {people:.0f}, each team {groups:.0f}; 1,000 in 50 so {whole:,}")


if __name__ == "__main__":
    main()
