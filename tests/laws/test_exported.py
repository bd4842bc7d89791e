"""The law of the exporter: what it writes for Prometheus is the plain definition's number, for every series."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import FAMILIES
from metrics.exporter.board import Board
from metrics.settings import BusinessSettings
from metrics.view import decode_part, parse_field
from producers.events import wire
from streams.ledger.explain import OLDEST
from streams.plain import PlainPartition
from streams.plain.exposed import exposed
from streams.plain.other import together
from streams.plain.reference import PlainReference
from streams.plain.series import PlainSeries, series
from streams.state.partition import Partition
from tests.laws.mixtures import Json, encode, mixtures, zones
from tests.laws.replay import calendar_file, plain_rules, records, replay
from tests.laws.test_explained import REFERENCES
from tests.laws.test_shown_now import LIMITS
from tests.laws.test_streamed import LAW, steps
from tests.support.boards import exposition
from tests.support.numbers import shown

RULES_STAGE = "READY"
_TOLD = {name for family in FAMILIES for name in family.names}
"""What the plain definition tells."""


def _board(
    partition: Partition, zone: ZoneInfo, reference: PlainReference, calendar: Any, limits: tuple[int, int]
) -> Board:
    managers, values = limits
    settings = BusinessSettings(
        timezone=str(zone), currency="RUB", calendar=calendar, ready_stages=(RULES_STAGE,), max_managers=managers
    )
    board = Board(settings, values)
    for update in partition.everything():
        for bucket, fields in update.cells.items():
            board.put(bucket, {parse_field(raw): decode_part(part or b"\x80") for raw, part in fields.items()})
        if update.waiting is not None:
            board.put_waiting(0, update.waiting)
        if update.unanswered is not None:
            board.put_unanswered(0, update.unanswered)
    board.put_reference(
        {key: {"type": e.type, "data": msgspec.to_builtins(e.data)} for key, e in reference.held.items()}
    )
    return board


def _read(chunks: list[bytes]) -> dict[PlainSeries, float]:
    return {
        series(sample.name, sample.labels): _seen(sample.name, sample.value)
        for family in text_string_to_metric_families(b"".join(chunks).decode())
        for sample in family.samples
        if sample.value and sample.name in _TOLD
    }


def _floats(numbers: dict[PlainSeries, Fraction]) -> dict[PlainSeries, float]:
    return {one: _seen(one.name, float(value)) for one, value in numbers.items() if value}


def _seen(name: str, value: float) -> float:
    """A clock in seconds is a float of some 10^-7 s: how long a client waits is exact to the millisecond only."""
    return round(value, 3) if name in OLDEST else value


@settings(LAW, max_examples=120)
@given(mixtures(), zones(), steps, st.integers(0, 3000), st.integers(0, 7 * 1440), LIMITS)
def test_exported_is_plain(
    mixture: list[Json], zone: ZoneInfo, how: list[int], later: int, back: int, limits: tuple[int, int]
) -> None:
    """Now, some minutes after the last event, and for a moment some minutes back."""
    rules, reference = plain_rules(zone), PlainReference.of(map(_reference, REFERENCES), "RUB")
    shows = replace(rules, most_managers=limits[0], most_values=limits[1])
    plain = PlainPartition(rules)
    for one in mixture:
        plain.take(wire.decode(encode(one)))
    partition, _ = replay(records(mixture), zone, how)
    with calendar_file() as calendar:
        board = _board(partition, zone, reference, calendar, limits)
    minute = int(timedelta(minutes=1) / timedelta(microseconds=1))
    now, at = plain.time + later * minute, plain.time - back * minute
    told = shown(plain.contributions(), plain.open_things(), reference, rules, now)
    assert _read([exposition(board, now / 10**6)]) == _floats(exposed(together(told, reference, shows)))
    told = shown(plain.contributions(), (), reference, rules, at, at=True, clock=plain.time)
    assert _read(board.exposition_at(at / 10**6, plain.time / 10**6)) == _floats(
        exposed(together(told, reference, shows))
    )


def _reference(one: Json) -> wire.ReferenceEvent:
    return wire.decode_reference(encode(one))
