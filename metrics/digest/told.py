"""What a digest says, in words and numbers as people read them: the same for mail, chat and picture."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from metrics.catalogue import ANSWERS, TILES
from metrics.digest.asked import LEADING, Facts
from metrics.digest.period import DigestKind
from metrics.digest.written import NumberWriter, arrow, is_level, unit_of
from metrics.family import PLAN_WINDOWS
from metrics.reference import UNKNOWN
from metrics.tile import Tile, Wanted

_MOST_LEADERS, _MOST_OPEN = 10, 10


class DigestChange(NamedTuple):
    """Against the period before. judged: "good", "bad" or ""."""

    text: str
    judged: str = ""


@dataclass(frozen=True)
class DigestLine:
    """One KPI. facts: further numbers of its tile, as (name, number). course: its last periods, None: no number."""

    name: str
    value: str
    before: str
    change: DigestChange
    facts: tuple[tuple[str, str], ...]
    course: tuple[float | None, ...]
    is_now: bool


class Bar(NamedTuple):
    """One period of the chart."""

    label: str
    value: float | None
    text: str


class DigestPlan(NamedTuple):
    """One plan. share, pace: of the target, what is done and was planned by then; forecast: "" where it is over."""

    name: str
    share: float
    pace: float | None
    percent: str
    done: str
    forecast: str


class Leader(NamedTuple):
    """One person."""

    name: str
    team: str
    won: str
    change: DigestChange


class Open(NamedTuple):
    """A client whom nobody has called back yet."""

    client: str
    who: str
    since: str


@dataclass(frozen=True)
class Digest:
    """Everything that is told, ready to be laid out."""

    language: str
    title: str
    scope: str
    compared: str
    lines: tuple[DigestLine, ...]
    chart_title: str
    chart: tuple[Bar, ...]
    plans: tuple[DigestPlan, ...]
    leaders: tuple[Leader, ...]
    missed: tuple[tuple[str, str], ...]
    open: tuple[Open, ...]
    open_more: int
    as_of: str
    link: str
    words: Mapping[str, str]


def told(facts: Facts, language: str, link: str) -> Digest:
    """The digest of what the exporter answered. link: where the wall is."""
    write = NumberWriter(language, facts.live["currency"])
    words, now = write.words, datetime.fromtimestamp(facts.live["now"], facts.zone)
    records = {one["id"]: one for one in facts.live["kpis"]}
    bars = _bars(facts, records[LEADING.id], write)
    unanswered = facts.live["unanswered"].get("miss") or {"open": 0, "rows": []}
    return Digest(
        language=language,
        title=_period(facts, write),
        scope=facts.team or words["company"],
        compared=words["dayBefore" if facts.period.kind is DigestKind.DAY else "weekBefore"],
        lines=tuple(_line(tile, facts, records, write) for tile in (*TILES, *ANSWERS) if not tile.is_planned),
        chart_title=_title(records[LEADING.id], language),
        chart=tuple(bars),
        plans=tuple(_plans(facts, write)),
        leaders=tuple(_leaders(facts, records[LEADING.id], write)),
        missed=tuple(_missed(facts, unanswered["open"], write)),
        open=tuple(_open(unanswered["rows"][:_MOST_OPEN], facts, write)),
        open_more=max(0, unanswered["open"] - min(len(unanswered["rows"]), _MOST_OPEN)),
        as_of=f"{words['asOf']} {write.moment(now)}. {words['mayChange']}",
        link=link + (f"/#level=team&id={quote(facts.team, safe='')}" if facts.team else "/"),
        words=words,
    )


def _period(facts: Facts, write: NumberWriter) -> str:
    first, last = facts.period.first, facts.period.last
    if facts.period.kind is DigestKind.DAY:
        return write.day(first)
    begins = write.short(first) if first.year == last.year else f"{write.short(first)} {first.year}"
    return f"{begins} – {write.short(last)} {last.year}"


def _title(record: Mapping[str, Any], language: str) -> str:
    return str(record["title_ru"] if language == "ru" else record["title"])


def pick(values: Iterable[Mapping[str, Any]], wanted: Wanted, key: str) -> float | None:
    """A KPI's number: of the one series with the labels wanted; of a sum, all of them. As the wall picks it."""
    found = [one for one in values if all(one["labels"].get(n) == v for n, v in wanted.labels.items())]
    if len(found) == 1:
        value: float | None = found[0][key]
        return value
    known = [one[key] for one in found if one[key] is not None]
    return sum(known) if known and wanted.id.endswith(":sum") else None


def _line(tile: Tile, facts: Facts, records: Mapping[str, Any], write: NumberWriter) -> DigestLine:
    record, source = records[tile.main.id], _values(tile, facts, records)
    value, before = (pick(source(tile.main), tile.main, key) for key in ("current", "previous"))
    name = _title(record, write.language)
    return DigestLine(
        name=f"{name[:1].upper()}{name[1:]}" + (f" · {write.words[tile.about]}" if tile.about else ""),
        value=write.show(value, unit_of(record)),
        before="" if tile.still or before is None else f"{write.words['before']} {write.show(before, unit_of(record))}",
        change=DigestChange("") if tile.still else _change(record, source(tile.main), tile.main, write),
        facts=tuple(_facts(tile, source, records, write)),
        course=() if tile.now else tuple(pick(p["values"], tile.main, "value") for p in facts.courses[tile.main.id]),
        is_now=tile.now,
    )


def _values(tile: Tile, facts: Facts, records: Mapping[str, Any]) -> Any:
    """Where a tile's numbers are: of now in what is live, else in the period's row."""
    row = {one["id"]: one["values"] for one in facts.row["kpis"]} if facts.row else {}
    return lambda wanted: records[wanted.id]["values"] if tile.now else row.get(wanted.id, ())


def _facts(tile: Tile, source: Any, records: Mapping[str, Any], write: NumberWriter) -> Iterator[tuple[str, str]]:
    for one in tile.more:
        name = write.words[one.name] if one.name else _title(records[one.id], write.language).lower()
        yield name, write.show(pick(source(one), one, "current"), unit_of(records[one.id]))


def _change(record: Mapping[str, Any], values: Any, wanted: Wanted, write: NumberWriter) -> DigestChange:
    """As on a tile: of shares in points; of a loss only better or worse; of several series by their sums."""
    current, previous = (pick(values, wanted, key) for key in ("current", "previous"))
    if current is None or previous is None:
        return DigestChange("")
    single = len([one for one in values if all(one["labels"].get(n) == v for n, v in wanted.labels.items())]) == 1
    trend = pick(values, wanted, "trend") if single else current / previous - 1 if previous > 0 else None
    better = record["better"]
    if trend is not None and record["unit"] == "percentunit":
        return DigestChange(f"{arrow(trend)} {write.points(trend)}", _judged(trend, better))
    if previous < 0:
        return DigestChange(arrow(current - previous), _judged(current - previous, better))
    if trend is None:
        return DigestChange("")
    return DigestChange(f"{arrow(trend)} {write.change(trend)}", _judged(trend, better))


def _judged(trend: float, better: str) -> str:
    if is_level(trend) or not better:
        return ""
    return "good" if (trend > 0) is (better == "up") else "bad"


def _bars(facts: Facts, record: Mapping[str, Any], write: NumberWriter) -> Iterator[Bar]:
    for point in facts.courses[LEADING.id]:
        value = pick(point["values"], LEADING, "value")
        yield Bar(write.short(date.fromisoformat(point["from"])), value, write.show(value, unit_of(record)))


def _plans(facts: Facts, write: NumberWriter) -> Iterator[DigestPlan]:
    words = write.words
    for window in PLAN_WINDOWS:
        course = facts.plans[window]
        target, day = course["target"], facts.period.last.isoformat()
        at = next((one for one in course["days"] if one["day"] == day), None)
        if not target or at is None:
            continue
        done, planned = at["done"] or 0.0, at["plan"]
        low, high = course.get("low"), course.get("high")
        between = (
            "" if low is None or high is None
            else f"{words['forecast']} {write.show(low, 'currency')} – {write.show(high, 'currency')}"
        )  # fmt: skip
        yield DigestPlan(
            words[window],
            done / target,
            None if planned is None else planned / target,
            write.show(done / target, "percentunit"),
            f"{write.show(done, 'currency')} {words['of']} {write.show(target, 'currency')}",
            between,
        )


def _leaders(facts: Facts, record: Mapping[str, Any], write: NumberWriter) -> Iterator[Leader]:
    found = []
    for row in facts.leaders:
        values = row["kpis"][0]["values"]
        if row["id"] != UNKNOWN and (won := pick(values, LEADING, "current")):
            found.append((won, row, values))
    found.sort(key=lambda one: (-one[0], one[1]["name"]))
    for won, row, values in found[:_MOST_LEADERS]:
        team = "" if row["team"] in {"", UNKNOWN, facts.team} else row["team"]
        yield Leader(row["name"], team, write.show(won, unit_of(record)), _change(record, values, LEADING, write))


def _missed(facts: Facts, still: int, write: NumberWriter) -> Iterator[tuple[str, str]]:
    """What became of the period's missed clients, and how many are open by now."""
    words = write.words
    for outcome, key in (("called_back", "calledBack"), ("client_called", "clientCalled"), ("lost", "lostMisses")):
        yield words[key], write.show(facts.missed.get(outcome, 0), "short")
    yield words["openNow"], write.show(still, "short")


def _open(rows: Iterable[Mapping[str, Any]], facts: Facts, write: NumberWriter) -> Iterator[Open]:
    for row in rows:
        who = write.words["unassigned"] if row["manager"] == UNKNOWN else row["name"] or row["manager"]
        team = "" if row["team"] in {"", UNKNOWN, facts.team} else f" · {row['team']}"
        yield Open(row["client"], f"{who}{team}", write.moment(datetime.fromtimestamp(row["since"], facts.zone)))
