"""A floor in memory: events and reference records folded, shown by a board, and told by the plain definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import yaml
from prometheus_client.parser import text_string_to_metric_families

from metrics.calendar import build, parse
from metrics.catalogue import FAMILIES
from metrics.exporter.board import Board
from metrics.exporter.http import api
from metrics.kpi import Level
from metrics.settings import BusinessSettings
from metrics.view import decode_part, parse_field
from producers.events import wire
from streams.fold.rules import Rules as FoldRules
from streams.ledger.answers import Index
from streams.ledger.explain import ExplainedNumber
from streams.plain import PlainPartition, PlainRules
from streams.plain.calendar import of
from streams.plain.exposed import exposed
from streams.plain.other import together
from streams.plain.reference import PlainReference
from streams.plain.rows import PlainQuery
from streams.plain.series import PlainSeries, series
from streams.state.partition import Partition
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import Json, encode
from tests.support.boards import exposition
from tests.support.ledgers import Kept
from tests.support.numbers import shown

_TOLD = {name for family in FAMILIES for name in family.names}
"""What the plain definition tells."""


@dataclass
class Floor:
    """One log, its reference data, and every way to see its numbers. Moments are given as RFC 3339 or Unix seconds."""

    events: Sequence[Json]
    references: Sequence[Json] = ()
    zone: str = "UTC"
    currency: str = "EUR"
    calendar: Mapping[str, Any] = field(default_factory=dict)
    ready_stages: tuple[str, ...] = ()
    partitions: int = 1
    managers: int = 2000
    values: int = 200

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.zone)
        self.rules = PlainRules(
            zone, of(self.calendar, zone), currency=self.currency, ready_stages=frozenset(self.ready_stages),
            most_managers=self.managers, most_values=self.values,
        )  # fmt: skip
        self.reference = PlainReference.of(
            [wire.decode_reference(encode(one)) for one in self.references], self.currency
        )
        self.log = InMemoryLog(self.events, self.partitions, self.references)
        self.board = self._board(zone)
        self.plain_partitions = [self._told(records) for records in self.log.topics["sales.events"].values()]

    def _board(self, zone: ZoneInfo) -> Board:
        calendar = build(parse(yaml.safe_dump(dict(self.calendar))), zone)
        rules = FoldRules(zone, calendar, ready_stages=frozenset(self.ready_stages))
        settings = BusinessSettings(
            _env_file=None, timezone=self.zone, currency=self.currency, max_managers=self.managers
        )
        board = Board(settings, self.values, calendar)
        for number, records in self.log.topics["sales.events"].items():
            partition = Partition(number, self.partitions, rules)
            assert not partition.fold(records)
            for update in partition.everything():
                for bucket, fields in update.cells.items():
                    board.put(bucket, {parse_field(raw): decode_part(part or b"\x80") for raw, part in fields.items()})
                if update.waiting is not None:
                    board.put_waiting(number, update.waiting)
                if update.unanswered is not None:
                    board.put_unanswered(number, update.unanswered)
        board.put_reference(
            {key: {"type": e.type, "data": msgspec.to_builtins(e.data)} for key, e in self.reference.held.items()}
        )
        return board

    def _told(self, records: Sequence[Any]) -> PlainPartition:
        plain = PlainPartition(self.rules)
        for record in records:
            plain.take(wire.decode(record.value))
        return plain

    def metrics(self, at: str | float, *, zeros: bool = False) -> dict[PlainSeries, float]:
        """What /metrics shows, without zeros unless they are wanted."""
        text = exposition(self.board, seconds(at)).decode()
        return {
            series(sample.name, sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if (sample.value or zeros) and sample.name in _TOLD
        }

    def exposed(self, plain: Mapping[PlainSeries, Fraction]) -> dict[PlainSeries, float]:
        """What of all that is held /metrics must show, without zeros."""
        told = exposed(together(plain, self.reference, self.rules))
        return {one: float(value) for one, value in told.items() if value}

    def plain(self, at: str | float, clock: float = 0) -> dict[PlainSeries, Fraction]:
        """What is held. clock: now, if `at` is past. What of it /metrics must show, `exposed` says."""
        return shown(
            (one for partition in self.plain_partitions for one in partition.contributions()),
            (one for partition in self.plain_partitions for one in partition.open_things()),
            self.reference,
            self.rules,
            int(seconds(at) * 10**6),
            clock=int(clock * 10**6),
        )

    def kpis(self, level: Level, window: str, at: str | float) -> dict[str, dict[tuple[str, ...], float]]:
        """The JSON API's values: id → label values → value."""
        numbers = api.LiveNumbers(self.board, seconds(at))
        return {
            row["id"]: {tuple(one["labels"].values()): one["value"] for one in row["values"]}
            for row in api.kpis(numbers, level, window, "current")
        }

    def wall(self, level: Level, name: str, window: str, at: str | float) -> Json:
        """What a wall shows."""
        return api.live(self.board, seconds(at), level, name, window)

    async def explain(self, family: str, at: str | float, **asked: Any) -> ExplainedNumber:
        """The entities behind a number."""
        with TemporaryDirectory() as folder:
            kept = Kept(folder, self.rules, self.partitions, seconds(at))
            kept.read(self.log, len(self.events) + len(self.references))
            index = Index(kept.path, self.rules, lambda: seconds(at))
            labels, manager, team = asked.get("labels"), asked.get("manager"), asked.get("team")
            query = PlainQuery(
                family, labels or {}, manager, team, asked.get("window", ""), asked.get("period", "current")
            )
            return index.explain(query, None, 1000)


def seconds(at: str | float) -> float:
    """Unix seconds of a moment."""
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at
