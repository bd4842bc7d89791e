"""Rows of the index as lines of PostgreSQL's COPY: exact numbers, moments to the microsecond."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from metrics.catalogue import BY_CODE
from metrics.catalogue.unanswered import MISSED
from metrics.family import MONEY_SCALE, Family, Kind
from producers.events import wire
from streams.ledger.held import KINDS, decode
from streams.plain.chats import PlainChat
from streams.plain.client import PlainClient
from streams.plain.contribution import Pending
from streams.plain.exact import moment
from streams.plain.leads import PlainLead
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.sql.layout import COPIED, FIELDS, fields

NULL = "\\N"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_000_000_000 * 10**6
"""Moments (us) from here on are never."""
_LOOKS_AHEAD = 1200 * 86_400 * 10**6
"""What is not due within this (us) is forgotten before it is."""
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})
"""PostgreSQL knows no NUL in a text."""
_PLACES = {column.name: number for number, column in enumerate(FIELDS)}


def line(values: Iterable[str | None]) -> str:
    """A row from texts."""
    return "\t".join([NULL if value is None else value.translate(_ESCAPED) for value in values]) + "\n"


def instant(us: int) -> str:
    """A moment (us)."""
    if us >= _LATEST:
        return "infinity"
    return (_EPOCH + timedelta(microseconds=us)).isoformat()


@cache
def day_of(ordinal: int) -> str:
    """A local day."""
    return date.fromordinal(ordinal).isoformat()


def scaled(value: int, places: int) -> str:
    """A value ÷ 10^places, exactly."""
    if not places:
        return str(value)
    digits = str(abs(value)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


@cache
def places_of(family: Family) -> int:
    """How many decimal places the values of a family's shares have."""
    scale = MONEY_SCALE if family.kind is Kind.SIZES else family.scale
    return len(str(scale)) - 1


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return instant(moment(value)) if isinstance(value, datetime) else str(value)


def entity_line(row: Sequence[Any], rules: PlainRules) -> str | None:
    """An entity of the index: its number, kind, id, client, source and body; None of one that nobody reads."""
    no, kind_number, identifier, client, source, body = row
    kind = KINDS[kind_number]
    if kind not in COPIED and kind != "chat":
        return None
    value = decode((kind, identifier), body, PlainClient(client, rules))
    own: list[str | None] = [None] * len(FIELDS)
    told: list[str | None] = [str(no), kind, identifier, None if kind == "cost" else client, source]
    if isinstance(value, PlainChat):
        time = None if value.last is None else instant(value.last)
        own[_PLACES["manager_id"]], team = value.writer
        own[_PLACES["team_id"]] = team or None
        own[_PLACES["waiting_since"]] = None if value.waiting_since is None else instant(value.waiting_since)
        return line((*told, time, "f", *own))
    event: Any = value.latest if isinstance(value, PlainLead) else value
    is_deleted = isinstance(event, wire.DealDeleted | wire.LeadDeleted)
    if not is_deleted:
        for name in fields(kind):
            own[_PLACES[name]] = _text(getattr(event.data, name))
    return line((*told, instant(moment(event.time)), "t" if is_deleted else "f", *own))


class SqlShares:
    """Shares of an index as lines. Series of what is not a family are left out."""

    def __init__(self, rules: PlainRules) -> None:
        self._rules = rules
        self._families: dict[int, Family | None] = {}

    def know(self, database: sqlite3.Connection) -> None:
        """Read which series there are."""
        for no, code in database.execute("SELECT no, code FROM series WHERE no > ?", (max(self._families, default=0),)):
            self._families[no] = BY_CODE.get(code)

    def line(self, key: Sequence[Any], n: int | None, pending: bytes | None) -> str | None:
        """A share by its key, with how often it is there; None of what is not a family."""
        series, day, who, entity, time, value = key
        family = self._families[series]
        if family is None:
            return None
        turns = None if pending is None else self._turns(family, Pending(*msgspec.msgpack.decode(pending)))
        told = (str(series), day_of(day), str(who), str(entity), instant(time), scaled(int(value), places_of(family)))
        return line((*told, None if n is None else str(n), turns))

    def _turns(self, family: Family, wait: Pending) -> str:
        """When the clock changes it: a miss is lost from then on, anything else counts from then on."""
        if family is MISSED:
            return instant(wait.until)
        low, high = wait.since, min(wait.until, wait.since + _LOOKS_AHEAD)
        span = 3600 * 10**6
        while wait.since + span < high and not self._is_due(wait, wait.since + span):
            low, span = wait.since + span, 2 * span
        high = min(high, wait.since + span)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_due(wait, middle) else (middle, high)
        return instant(high if high < wait.since + _LOOKS_AHEAD else wait.until)

    def _is_due(self, wait: Pending, now: int) -> bool:
        return self._rules.calendar.working_us(wait.since, now, wait.team) > wait.target


def series_line(no: int, code: str, labels: str, currency: str) -> str | None:
    """Labels and family of a series; None of what is not a family."""
    if (family := BY_CODE.get(code)) is None:
        return None
    named = dict(zip(family.labels, msgspec.json.decode(labels), strict=True))
    told = msgspec.json.encode(named).decode().replace("\\u0000", "\ufffd")
    return line((str(no), family.name, told, currency, family.unit))


def reference_lines(reference: PlainReference) -> dict[str, str]:
    """Roster, rates, names of stages and plans: table → its lines."""
    found: dict[str, list[str]] = {"manager": [], "rate": [], "stage": [], "plan": []}
    rates: dict[str, list[tuple[str, str]]] = {reference.currency: [("-infinity", "1")]}
    for event in reference.held.values():
        match event:
            case wire.ManagerChanged(data=one):
                active = "t" if one.active else "f"
                found["manager"].append(line((one.manager_id, one.name, one.team_id, active)))
            case wire.RateSet(data=rate):
                if rate.currency != reference.currency:
                    rates.setdefault(rate.currency, []).append((rate.date, rate.rate))
            case wire.PipelineChanged(data=pipeline) if pipeline.of == "deal":
                for place, stage in enumerate(pipeline.stages):
                    told = (pipeline.pipeline, stage.stage, pipeline.name, stage.name, str(place))
                    found["stage"].append(line(told))
            case wire.PlanSet(data=plan):
                told_plan = (plan.scope, plan.measure, plan.period, plan.target, plan.currency)
                found["plan"].append(line(told_plan))
            case _:
                pass
    for currency, dated in rates.items():
        ordered = sorted(dated)
        untils = [*(since for since, _ in ordered[1:]), "infinity"]
        found["rate"] += [
            line((currency, since, until, rate)) for (since, rate), until in zip(ordered, untils, strict=True)
        ]
    return {table: "".join(lines) for table, lines in found.items()}
