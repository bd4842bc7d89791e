"""The hand-written month: its events, its settings, and the numbers worked out by hand."""

import re
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from metrics.catalogue import FAMILIES
from producers.events import wire
from streams.plain.calendar import read
from streams.plain.exact import moment
from streams.plain.reference import PlainReference
from streams.plain.rules import PlainRules
from streams.plain.series import PlainSeries, series

FOLDER = Path(__file__).parent
ZONE = ZoneInfo("Europe/Moscow")
CALENDAR = FOLDER / "calendar.yaml"
NOW = moment(datetime(2026, 11, 30, 11, tzinfo=ZONE))
RULES = PlainRules(ZONE, read(CALENDAR, ZONE), ready_stages=frozenset({"CONTRACT"}), ready_probability=Decimal("0.7"))
_LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def event_lines() -> list[bytes]:
    """The values of the records, in log order."""
    return (FOLDER / "month.jsonl").read_bytes().splitlines()


def reference_lines() -> list[bytes]:
    """The values of the reference records."""
    return (FOLDER / "reference.jsonl").read_bytes().splitlines()


def events() -> list[wire.Event]:
    """The events, in log order."""
    return [wire.decode(line) for line in event_lines()]


def winning_references() -> list[tuple[str, str, dict[str, Any]]]:
    """Key, type and data of each reference record that counts."""
    reference = PlainReference.of(map(wire.decode_reference, reference_lines()), "RUB")
    return [(key, event.type, msgspec.to_builtins(event.data)) for key, event in reference.held.items()]


def expected() -> dict[PlainSeries, Fraction]:
    """The numbers worked out by hand."""
    found: dict[PlainSeries, Fraction] = {}
    for line in (FOLDER / "month.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            matched = _LINE.fullmatch(line)
            assert matched is not None, line
            name, labels, value = matched.groups()
            found[series(name, dict(_LABEL.findall(labels)))] = Fraction(value)
    return found


_TOLD = {name for family in FAMILIES for name in family.names}


def is_told(one: PlainSeries) -> bool:
    """Whether month.txt tells all of this series: month, 90 days and now, of durations each person's sum and count."""
    labels = dict(one.labels)
    return (
        one.name in _TOLD
        and not one.name.startswith("sales_team_")
        and "quantile" not in labels
        and labels.get("window")
        in {None, "month", "90d"}
        | ({"quarter", "year"} if one.name.startswith(("sales_plan", "sales_working")) else set())
    )


def totals(shown: dict[PlainSeries, Fraction]) -> dict[str, Fraction]:
    """Sums over all managers of the month (or of now) by family and, where it matters, one label."""
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    for one, value in shown.items():
        labels = dict(one.labels)
        if labels.get("window") in (None, "month") and labels.get("period") in (None, "current"):
            found[one.name] += value
            for name in ("outcome", "temperature", "age"):
                if name in labels:
                    found[f"{one.name} {labels[name]}"] += value
        elif labels.get("window") == "90d":
            found[f"{one.name} 90d"] += value
    return found
