"""What people read: a view for each kind of entity, for what entities add to numbers, and for KPIs by day."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from metrics.catalogue import CELL_FAMILIES, KPIS
from metrics.catalogue.unanswered import MISSED, OPEN
from metrics.family import Family, Kind, Source
from metrics.kpi import Formula, Kpi, Minus, Ratio, Sum, leaves
from streams.sql.layout import KINDS, SCHEMA, TABLES, fields


class SqlView(NamedTuple):
    """A view. columns: name → comment, in order; text: its SELECT; {data} is the schema of the tables."""

    name: str
    comment: str
    columns: Mapping[str, str]
    text: str


_NAMES = {kind: f"{kind}s" for kind in KINDS}
_COMMENTS = {
    "call": "Calls that ended.", "meeting": "Meetings held.", "rating": "Marks that clients gave.",
    "cost": "Costs of selling.", "payment": "Payments received.", "refund": "Payments refunded.",
    "deal": "Deals, as their latest version says; deleted ones are not here.",
    "invoice": "Invoices, as their latest version says.",
    "lead": "Leads, as their latest version says; deleted ones are not here.",
    "chat": "Chats: who wrote last for us, and since when the client waits.",
}  # fmt: skip
_SAID = {
    "entity": "Number of the entity within this database: joins contributions.",
    "client_id": "Id of the client, as in events.",
    "source": "Where the entity is from: source of the event.",
    "time": "Time of the event that counts: of a call its end, of a deal its last change, of a chat its last message.",
    "manager_id": 'Id of the manager; "unknown" where nobody is named.',
    "manager": "Name of the manager by the roster, else the id.",
    "team": 'Team as the event states it, else by the roster, else "unknown".',
    "amount": "In units of `currency`, exact.",
    "cost": "Direct cost in the deal's currency, exact.",
    "currency": "ISO 4217 code; empty where it is not money.",
    "pipeline_name": "What people call the pipeline.",
    "stage_name": "What people call the stage.",
    "waiting_since": "Since when the client waits for an answer; NULL when not.",
    "family": "The number that it adds to: `metrics/REFERENCE.md` lists them.",
    "day": "Local day that it counts in.",
    "labels": "Labels of the family, as JSON.",
    "value": "What it adds, in `unit`; of money in `currency`. Exact.",
    "count": "How many times it adds that.",
    "converted": "The same in the base currency; NULL where no rate converts it, `value` where it is not money.",
    "unit": "Of `value`: short (a number), s (seconds), currency.",
    "kind": "Of the entity: call, deal, payment …",
    "id": "Of the entity.",
    "at": "When it counts.",
    "kpi": "Which KPI: metric:operation, as in `metrics/REFERENCE.md`.",
    "title": "What people call it.",
    "numerator": "Sums of many days are divided only after they are added up: sum(numerator) / sum(denominator).",
    "denominator": "NULL where the KPI is a sum.",
    "lower": "Greatest bound that the values are above, seconds.",
    "le": "Least bound that the values are not above, seconds.",
}  # fmt: skip
_TEAM = "CASE WHEN {who} <> '' THEN {who} ELSE coalesce(m.team_id, 'unknown') END"


def views() -> Sequence[SqlView]:
    """All of them, each after those that it reads."""
    return (
        *map(_of_entities, KINDS),
        _contributions(), _family_days(), _kpi_days(), _duration_bins(),
        _people(), *_references(),
    )  # fmt: skip


def _view(name: str, comment: str, columns: Mapping[str, str], tail: str) -> SqlView:
    """columns: name → expression."""
    selected = ", ".join(f"{expression} AS {column}" for column, expression in columns.items())
    said = {column: _SAID[column] for column in columns if column in _SAID}
    return SqlView(name, comment, said, f"SELECT {selected} {tail}")


def _of_entities(kind: str) -> SqlView:
    columns = {f"{kind}_id": "e.id"} | ({} if kind == "cost" else {"client_id": "e.client_id"})
    columns |= {"source": "e.source", "time": "e.time"}
    tail = "FROM {data}.entity e "
    for name in fields(kind):
        if name == "manager_id":
            columns |= {
                "manager_id": "coalesce(e.manager_id, 'unknown')",
                "manager": "coalesce(m.name, e.manager_id, 'unknown')",
            }
            columns["team"] = _TEAM.replace("{who}", "coalesce(e.team_id, '')")
            tail += "LEFT JOIN {data}.manager m ON m.manager_id = e.manager_id "
        elif name != "team_id":
            columns[name] = f"e.{name}"
    if kind == "deal":
        columns |= {
            "pipeline_name": "coalesce(s.pipeline_name, e.pipeline)",
            "stage_name": "coalesce(s.stage_name, e.stage)",
        }
        tail += "LEFT JOIN {data}.stage s ON s.pipeline = e.pipeline AND s.stage = e.stage "
    columns["entity"] = "e.no"
    return _view(
        _NAMES[kind],
        _COMMENTS[kind],
        columns,
        f"{tail}WHERE e.kind = '{kind}' AND NOT e.deleted",
    )


_LABELS = (
    f"CASE WHEN s.family = '{MISSED.name}' AND c.turns_at > now() "
    f'THEN s.labels || \'{{"outcome": "{OPEN}"}}\' ELSE s.labels END'
)
_COUNTS = f"(c.turns_at IS NULL OR c.turns_at <= now() OR s.family = '{MISSED.name}')"
"""What is not due yet adds nothing; a miss that is still open is told as open."""
_SHARES = (
    "FROM {data}.share c JOIN {data}.series s ON s.no = c.series JOIN {data}.who w ON w.no = c.who "
    "LEFT JOIN {data}.manager m ON m.manager_id = w.manager_id "
    "LEFT JOIN {data}.rate r ON r.currency = s.currency AND c.day >= r.since AND c.day < r.until"
)
_WHO = {
    "manager_id": "w.manager_id",
    "manager": "coalesce(m.name, w.manager_id)",
    "team": _TEAM.replace("{who}", "w.team_id"),
}
_CONVERTED = "CASE WHEN s.currency = '' THEN c.value * c.n ELSE c.value * c.n * r.rate END"


def _contributions() -> SqlView:
    columns = {
        "family": "s.family", "day": "c.day", "at": "c.time", **_WHO, "kind": "e.kind", "id": "e.id",
        "client_id": "e.client_id", "source": "e.source", "labels": _LABELS, "value": "c.value * c.n", "count": "c.n",
        "currency": "s.currency", "converted": _CONVERTED, "unit": "s.unit", "entity": "c.entity",
    }  # fmt: skip
    tail = f"{_SHARES} JOIN {{data}}.entity e ON e.no = c.entity WHERE {_COUNTS}"
    return _view(
        "contributions", "What each entity adds to each number; the rows of a number add up to it.", columns, tail
    )


def _family_days() -> SqlView:
    grouped = {
        "family": "s.family", "day": "c.day", **_WHO, "labels": _LABELS, "currency": "s.currency", "unit": "s.unit",
    }  # fmt: skip
    summed = {"value": "sum(c.value * c.n)", "count": "sum(c.n)", "converted": f"coalesce(sum({_CONVERTED}), 0)"}
    places = ", ".join(str(number) for number in range(1, len(grouped) + 1))
    tail = f"{_SHARES} WHERE {_COUNTS} GROUP BY {places}"
    return _view("family_days", "What all entities of a day add to each number, by manager.", grouped | summed, tail)


def _duration_bins() -> SqlView:
    """Durations by their bins, as percentiles are worked out from."""
    bounds = ", ".join(
        f"('{family.name}', ARRAY[{', '.join(map(str, family.bounds))}]::numeric[])"
        for family in CELL_FAMILIES
        if family.kind is Kind.HISTOGRAM
    )
    columns = {
        "family": "d.family", "day": "d.day", "manager_id": "d.manager_id", "manager": "d.manager", "team": "d.team",
        "labels": "d.labels", "lower": "coalesce(b.bounds[d.bin], 0)::double precision",
        "le": "coalesce(b.bounds[d.bin + 1], 'infinity')::double precision", "count": "d.count",
    }  # fmt: skip
    # A value that is a bound lies below it: width_bucket has it above, so it is asked the other way round.
    bins = "cardinality(b.bounds) - width_bucket(-c.value, (SELECT array_agg(-x ORDER BY -x) FROM unnest(b.bounds) x))"
    inner = (
        "SELECT s.family, c.day, "
        + ", ".join(f"{text} AS {name}" for name, text in _WHO.items())
        + f", {_LABELS} AS labels, {bins} AS bin, sum(c.n) AS count {_SHARES} "
        f"JOIN bounds b ON b.family = s.family WHERE {_COUNTS} GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )
    tail = f"FROM ({inner}) d JOIN bounds b ON b.family = d.family"
    found = _view("duration_bins", "How many durations of a day lie between two bounds, by manager.", columns, tail)
    return found._replace(text=f"WITH bounds(family, bounds) AS (VALUES {bounds}) {found.text}")


def _people() -> SqlView:
    """Who has numbers, and who is in the roster without any yet."""
    known = (
        "(SELECT manager_id, team_id FROM {data}.who UNION SELECT manager_id, team_id FROM {data}.manager "
        "UNION SELECT 'unknown', '')"
    )
    tail = f"FROM {known} w LEFT JOIN {{data}}.manager m ON m.manager_id = w.manager_id"
    return _view("people", "Managers and the teams that they have numbers in, or are in.", _WHO, tail)


_REFERENCES = {
    "managers": ("manager", "The roster."),
    "rates": ("rate", "Units of the base currency for one of `currency`, from `since` to before `until`; NULL: ever."),
    "stages": ("stage", "Stages of deals in their order, and what people call them."),
    "plans": ("plan", "Targets of the company, of teams and of managers."),
}
"""View → table, comment."""


def _references() -> Iterator[SqlView]:
    for name, (table, comment) in _REFERENCES.items():
        columns = {
            column: f"nullif(nullif({column}, 'infinity'), '-infinity')" if kind.startswith("date") else column
            for column, kind in TABLES[table].items()
        }
        yield _view(name, comment, columns, f"FROM {{data}}.{table}")


@cache
def kpis() -> Sequence[Kpi]:
    """Those that sums of days make up: no percentiles, plans, means by manager, nor what is so now."""

    def is_summed(kpi: Kpi) -> bool:
        plain = isinstance(kpi.formula, Sum | Ratio) and bool(kpi.windows)
        found = list(leaves(kpi.formula))
        return plain and all(
            isinstance(leaf, Sum) and not leaf.window and leaf.family.source is Source.CELLS for leaf in found
        )

    return tuple(kpi for kpi in KPIS if is_summed(kpi))


def _kpi_days() -> SqlView:
    columns = {
        "kpi": "k.kpi", "title": "k.title", "day": "k.day", "manager_id": "k.manager_id", "manager": "k.manager",
        "team": "k.team", "labels": "k.labels", "numerator": "k.over", "denominator": "k.under",
        "value": "CASE WHEN k.under IS NULL THEN k.over WHEN k.under <> 0 THEN k.over / k.under END",
    }  # fmt: skip
    parts = " UNION ALL ".join(map(_days_of, kpis()))
    return _view("kpi_days", "KPIs of each day and manager, with what they are made of.", columns, f"FROM ({parts}) k")


def _days_of(kpi: Kpi) -> str:
    title = kpi.title.replace("'", "''")
    over, under = (kpi.formula.over, kpi.formula.under) if isinstance(kpi.formula, Ratio) else (kpi.formula, None)
    names = sorted({leaf.family.name for leaf in leaves(kpi.formula) if isinstance(leaf, Sum)})
    labels = ", ".join(f"'{name}', labels ->> '{name}'" for name in kpi.by)
    told_under = "NULL::numeric" if under is None else f"coalesce({_sql(under)}, 0)"
    families = ", ".join(f"'{name}'" for name in names)
    return (
        f"SELECT '{kpi.id}' AS kpi, '{title}' AS title, day, manager_id, manager, team, "  # noqa: S608 - our own text
        f"jsonb_build_object({labels}) AS labels, coalesce({_sql(over)}, 0) AS over, {told_under} AS under "
        f"FROM {SCHEMA}.family_days WHERE family IN ({families}) GROUP BY 3, 4, 5, 6, 7"
    )


def _sql(formula: Formula) -> str:
    match formula:
        case Sum(family=family, where=where, part=part):
            return f"sum({_measure(family, part)}) FILTER (WHERE {_asked(family, where)})"
        case Minus(left=left, right=right):
            return f"coalesce({_sql(left)}, 0) - coalesce({_sql(right)}, 0)"
    raise TypeError(f"{formula} is not a sum of days")


def _measure(family: Family, part: str) -> str:
    if part == "count":
        return "count"
    return "converted" if family.kind is Kind.MONEY else "value"


def _asked(family: Family, where: Mapping[str, tuple[str, ...]]) -> str:
    asked = [f"family = '{family.name}'"]
    for label, values in where.items():
        listed = ", ".join(f"'{value}'" for value in values)
        asked.append(f"labels ->> '{label}' IN ({listed})")
    return " AND ".join(asked)


PERCENTILE = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.percentile(
    q double precision, "lower" double precision[], le double precision[], counts numeric[]
) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    ranked double precision := 0;
    before double precision := 0;
    number integer;
    place integer;
BEGIN
    FOR place IN 1 .. coalesce(cardinality(counts), 0) LOOP
        ranked := ranked + counts[place];
    END LOOP;
    ranked := q * ranked;
    FOR number IN 1 .. coalesce(cardinality(counts), 0) LOOP
        IF before + counts[number] >= ranked AND counts[number] > 0 THEN
            IF le[number] = 'infinity' THEN
                RETURN "lower"[number];
            END IF;
            RETURN "lower"[number] + (le[number] - "lower"[number]) * ((ranked - before) / counts[number]);
        END IF;
        before := before + counts[number];
    END LOOP;
    RETURN NULL;
END $$
"""
"""As on the wall: values lie evenly between two bounds."""
