"""The specification says what the code does: each of its tables against catalogue, models, settings and routes.

Whoever changes a family, a field, a limit, a setting, a path or a command is told which line of which page to write.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from deploy.cli import COMMANDS, build, find
from deploy.settings_page import rows as settings_rows
from metrics.catalogue import FAMILIES, KPIS, SERVICE_FAMILIES, gateway, service
from metrics.family import CALENDAR_WINDOWS, PERIODS, Family, Kind, Source
from producers.events import rules
from producers.events.registry import EVENT_TYPES, REFERENCE_TYPES
from producers.settings import KafkaSettings
from producers.topics import specs
from streams.fold.chats import REMEMBERED
from streams.letters import letter
from streams.state import forwarding

FOLDER = Path(__file__).parents[2] / "deploy/docs/specification"
ROOT = Path(__file__).parents[2]
Row = list[str]
_DAY = 86400


def section(page: str, heading: str) -> str:
    """What stands under a heading."""
    text = (FOLDER / page).read_text()
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading '## {heading}'"
    return found[1]


def tables(page: str, heading: str) -> list[list[Row]]:
    """The tables under a heading, as rows of cells without their heads."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", section(page, heading), re.MULTILINE)
    assert blocks, f"{page}, '{heading}' has no table"
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()[2:]] for block in blocks]


def code(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def the_same(page: str, heading: str, said: Mapping[Any, Any], held: Mapping[Any, Any], line: Any) -> None:
    """Fail with what is to be written where a table and the code differ; `line`: a row, of what the code has."""
    where = f"deploy/docs/specification/{page}, '{heading}'"
    wrong = [f"add to {where}:  {line(key, held[key])}" for key in held if key not in said]
    wrong += [f"remove from {where} the row of {key!r}: the code has no such thing" for key in said if key not in held]
    wrong += [
        f"correct in {where} the row of {key!r}: it says {said[key]}, the code has {held[key]}"
        for key in held
        if key in said and said[key] != held[key]
    ]
    assert not wrong, "\n" + "\n".join(wrong)


# -- events


def fields(model: Any) -> str:
    """Fields of a type's data as the table writes them, `?` behind optional ones, in no order."""
    found = model.model_fields["data"].annotation.model_fields
    return ", ".join(sorted(f"{name}{'' if field.is_required() else '?'}" for name, field in found.items()))


@pytest.mark.parametrize(
    ("heading", "types", "at"), [("Types of events", EVENT_TYPES, 1), ("Types of reference data", REFERENCE_TYPES, 2)]
)
def test_types_and_fields(heading, types, at):
    """Each type, with its fields, required or optional."""
    said = {code(row[0])[0]: ", ".join(sorted(code(row[at])[0].split(", "))) for row in tables("events.md", heading)[0]}
    held = {name: fields(model) for name, model in types.items()}
    the_same("events.md", heading, said, held, lambda name, listed: f"| `{name}` | `{listed}` | … |")


def test_keys_of_reference_data():
    """The form of each record's key."""
    said = {code(row[0])[0]: code(row[1])[0] for row in tables("events.md", "Types of reference data")[0]}
    for name, model in REFERENCE_TYPES.items():
        data = model.model_fields["data"].annotation
        names = re.findall(r"<(\w+)>", said[name])
        assert data.model_construct(**{one: one.upper() for one in names}).key == re.sub(
            r"<(\w+)>", lambda found: found[1].upper(), said[name]
        ), f"events.md, 'Types of reference data': the key of {name}"


def test_values():
    """Each field that has a list of values, with all of them in order."""
    said = {(name, code(row[1])[0]): code(row[2]) for row in tables("events.md", "Values")[0] for name in code(row[0])}
    held = {
        (kind, name): list(values)
        for kind, model in (EVENT_TYPES | REFERENCE_TYPES).items()
        for name, field in model.model_fields["data"].annotation.model_fields.items()
        if (values := literals(field.annotation))
    }
    the_same(
        "events.md", "Values", said, held, lambda key, values: f"| `{key[0]}` | `{key[1]}` | `{'` `'.join(values)}` |"
    )


def literals(annotation: Any) -> tuple[str, ...]:
    """Values of a Literal, also of one that may be absent."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := literals(part))), ())


def test_envelope():
    """Attributes, which are required, and how long they may be."""
    from producers.events.envelope import Attributes

    said = {code(row[0])[0]: (row[1], row[2]) for row in tables("events.md", "Envelope")[0]}
    assert said.pop("data")[0] == "required"
    held = {
        name: ("required" if field.is_required() else "optional", _longest(field))
        for name, field in Attributes.model_fields.items()
    }
    the_same("events.md", "Envelope", said, held, lambda name, is_: f"| `{name}` | {is_[0]} | {is_[1]} | … |")


def _longest(field: Any) -> str:
    marks = [
        *field.metadata,
        *(mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())),
    ]
    return next((str(most) for mark in marks if (most := getattr(mark, "max_length", None))), "")


def test_limits():
    """Each number of the table is the constant that the code checks by."""
    whole, point = re.search(r"\{1,(\d+)\}\(\\\.\[0-9\]\{1,(\d+)\}", rules.MONEY).groups()  # type: ignore[union-attr]
    rate = re.search(r"\{1,(\d+)\}\(\\\.\[0-9\]\{1,(\d+)\}", rules.RATE).groups()  # type: ignore[union-attr]
    held = [
        rules.MAX_BYTES, rules.COPY_BYTES, rules.ID_LENGTH, rules.ATTRIBUTE_LENGTH, rules.SEQUENCE_LENGTH,
        rules.MOST_STAGES, rules.MAX_DEPTH, int(rules.AHEAD.total_seconds() / 60), rules.EARLIEST.year,
        rules.LATEST.year - 1,
        f"{whole}, {point}", ", ".join(rate), REMEMBERED,
    ]  # fmt: skip
    found = tables("events.md", "Limits")[0]
    said = {row[0]: row[1] for row in found}
    the_same(
        "events.md",
        "Limits",
        said,
        dict(zip(said, map(str, held), strict=True)),
        lambda what, value: f"| {what} | {value} |",
    )
    assert rules.AHEAD.total_seconds() * 1000 == rules.AHEAD_MS


def test_topics():
    """Names, clean-up and partitions of the contract's topics."""
    settings = KafkaSettings(_env_file=None, topic_prefix="PREFIX", partitions=777)
    said = {code(row[0])[0]: (row[3].partition(",")[0], row[4].strip("`")) for row in tables("events.md", "Topics")[0]}
    held = {
        spec.name.replace("PREFIX", "<prefix>"): (
            spec.config["cleanup.policy"],
            "1" if spec.partitions == 1 else "SALES_PARTITIONS",
        )
        for spec in specs(settings)
    }
    the_same("events.md", "Topics", said, held, lambda name, is_: f"| `{name}` | … | … | {is_[0]} | {is_[1]} |")
    timed = {spec.name for spec in specs(settings) if spec.config.get("message.timestamp.type") == "LogAppendTime"}
    assert timed == {"PREFIX.events", "PREFIX.reference"}, "events.md, 'Topics': who sets the time of which topic"


def test_reasons_and_headers():
    """Reasons of dead letters, and the headers of letters, marks and copies."""
    reasons, headers = tables("events.md", "Dead letters")
    said = {code(row[0])[0]: True for row in reasons}
    the_same("events.md", "Dead letters", said, dict.fromkeys(rules.REASONS, True), lambda name, _: f"| `{name}` | … |")
    named = {name: True for row in headers for name in code(row[0])}
    held = dict.fromkeys(sorted(letter._OURS - {letter.MARK}), True)
    the_same("events.md", "Dead letters", named, held, lambda name, _: f"| `{name}` | … |")
    for name in (letter.MARK, letter.REPLAY_OF):
        assert f"`{name}`" in section("events.md", "Dead letters"), f"events.md, 'Dead letters' does not name `{name}`"
    copied = {code(row[0])[0]: True for row in tables("events.md", "Records on the wrong partition")[0]}
    ours = dict.fromkeys(sorted(forwarding._OURS), True)
    the_same("events.md", "Records on the wrong partition", copied, ours, lambda name, _: f"| `{name}` | … |")


# -- numbers


def _windows(windows: frozenset[str]) -> str:
    own = [f"`{window}`" for window in sorted(windows) if window not in CALENDAR_WINDOWS]
    return " ".join([*own, *(["calendar"] if set(CALENDAR_WINDOWS) <= set(windows) else [])])


_SHAPES = {Kind.HISTOGRAM: ["distribution"], Kind.SIZES: ["buckets"]}


def _mark(one: Family) -> str:
    """What stands behind a family's name: how it is exposed, where that is not one series of a manager and a team."""
    found = [*_SHAPES.get(one.kind, []), *(["no manager"] if "manager" not in one.all_labels else [])]
    return f"({', '.join(found)})" if found else ""


def _less(one: Family) -> str:
    """What stands behind a family's windows: of which of them /metrics shows less."""
    assert one.periods in (PERIODS, PERIODS[:1])
    of_people = f", of people {_windows(frozenset(one.windows_of(one.name)))} alone" if one.not_of_people else ""
    by_team = (
        f", by team {' '.join(f'`{name}`' for name in one.windows_of(one.bucket))} alone" if one.not_by_team else ""
    )
    return of_people + by_team + ("" if one.periods == PERIODS else ", current alone")


def _row(name: str, held: Any) -> str:
    labels, windows, mark, less = held
    shown = " ".join(f"`{label}`" for label in labels)
    return f"| {f'`{name}` {mark}'.strip()} | {shown} | {_windows(windows)}{less} | … |"


def test_families_with_a_window():
    """Names, labels, windows, and in which form they are exposed."""
    heading = "Families with a window"
    said = {}
    for row in tables("numbers.md", heading)[0]:
        windows = {*code(row[2]), *(CALENDAR_WINDOWS if "calendar" in row[2] else ())}
        less = row[2].partition("calendar")[2]
        said[code(row[0])[0]] = (tuple(code(row[1])), frozenset(windows), row[0].partition("` ")[2], less)
    held = {
        one.name: (one.labels, frozenset(one.windows), _mark(one), _less(one))
        for one in FAMILIES
        if one.source is Source.CELLS
    }
    the_same("numbers.md", heading, said, held, _row)


def test_forms_of_a_distribution():
    """Names and labels of a summary and of a histogram, as the table says for all durations."""
    heading = "Distributions"
    said = {name: frozenset(code(row[1])) for row in tables("numbers.md", heading)[0] for name in code(row[0])}
    for one in (one for one in FAMILIES if one.kind is Kind.HISTOGRAM):
        own = {"window", "period", *one.labels}
        held = {name.replace(one.name.removeprefix("sales_"), "X"): set(one.labels_of(name)) for name in one.names}
        assert held.keys() == said.keys()
        assert held["sales_X"] - {"window", "period"} == said["sales_X"] - ({"channel"} - own)
        for form in held.keys() - {"sales_X"}:
            assert held[form] - {"le"} == own | (said[form] - {"le"}), (one.name, form)
            assert ("le" in held[form]) is form.endswith("_bucket")


def test_bounds():
    """The upper bounds of every distribution."""
    said = {}
    for what, bounds in tables("numbers.md", "Families with a window")[1]:
        unit = _DAY if what.endswith("days") else 1
        said |= {name: tuple(int(bound) * unit for bound in bounds.split()) for name in code(what)}
    held = {one.name: one.bounds for one in FAMILIES if one.bounds}
    the_same("numbers.md", "Families with a window", said, held, lambda name, is_: f"| `{name}`, … | {is_} |")


def _without_window(one: Family) -> str:
    return " ".join(f"`{label}`" for label in one.labels)


def test_families_without_a_window():
    """What is so now: names, labels, and who carries no manager."""
    heading = "Families without a window"
    said = {code(row[0])[0]: (row[1], row[0].partition("` ")[2]) for row in tables("numbers.md", heading)[0]}
    held = {one.name: (_without_window(one), _mark(one)) for one in FAMILIES if one.source is not Source.CELLS}
    the_same("numbers.md", heading, said, held, lambda name, is_: f"| `{name}` {is_[1]} | {is_[0]} | … |")


def test_families_worked_out_from_the_cells():
    """What the exporter says of sales beyond sums: names and labels; what processes say of themselves is elsewhere."""
    heading = "Families computed from the cells"
    ways_in = {*gateway.FAMILIES, *gateway.BITRIX24_FAMILIES, *gateway.IMPORT_FAMILIES}
    own = {*service.EXPORTER_FAMILIES, *service.WORKER_FAMILIES, *ways_in}
    said = {code(row[0])[0]: row[1] for row in tables("numbers.md", heading)[0]}
    held = {one.name: _without_window(one) for one in SERVICE_FAMILIES if one not in own}
    the_same("numbers.md", heading, said, held, lambda name, is_: f"| `{name}` | {is_} | … |")


def test_kpis():
    """Each KPI under its number, by the name that it is recorded under."""
    heading = "The fifteen KPIs"
    said = {name: int(row[0]) for row in tables("numbers.md", heading)[0] for name in code(row[2])}
    held = {kpi.id: kpi.number for kpi in KPIS}
    the_same("numbers.md", heading, said, held, lambda name, number: f"`{name}` in the row of KPI {number}")


def test_windows_are_those_of_the_code():
    """The table of windows names each window that there is, once."""
    said = [name for row in tables("numbers.md", "Windows")[0] for name in code(row[0])]
    held = {window for one in FAMILIES if one.source is Source.CELLS for window in one.windows}
    assert sorted(said) == sorted(held), f"numbers.md, 'Windows' has {said}, the code has {sorted(held)}"


def test_how_long_cells_are_kept():
    """Hours of minutes, days of hours, local days of days."""
    from metrics.windows import DAYS_HELD, DAYS_WITH_HOURS
    from streams.state.cells import DAYS_KEPT, HOURS_KEPT, MINUTES_KEPT

    hours, days = MINUTES_KEPT // 3_600_000_000, HOURS_KEPT // 86_400_000_000
    text = " ".join(section("numbers.md", "Windows").split())
    wanted = f"kept for {DAYS_KEPT} local days of partition time, minutes for {hours} hours and hours for {days} days"
    assert wanted in text, f"numbers.md, 'Windows' should say: {wanted}"
    assert DAYS_HELD == DAYS_KEPT
    assert f"at=` more than {DAYS_WITH_HOURS} days back" in section("running.md", "Endpoints")


# -- running


def test_commands():
    """Each command, those of groups with their group."""
    said = {code(row[0])[0]: True for row in tables("running.md", "Commands")[0]}
    held = {}
    for name in (name for name in COMMANDS if find(name)):
        groups = [group.typer_instance for group in build((name,)).registered_groups]
        inner = [one for group in groups if group for one in group.registered_commands]
        for one in inner:
            called = one.name or getattr(one.callback, "__name__", "").replace("_", "-")
            held[f"{name} {called}"] = True
        if not inner:
            held[name] = True
    the_same("running.md", "Commands", said, held, lambda name, _: f"| `{name}` | … |")


def test_defaults_of_settings():
    """Every default on the page is that of the class that reads the setting."""
    defaults = {name: default or "none" for _, name, default, _ in settings_rows()}
    said = {code(row[0])[0]: row[1].strip("`") for row in tables("running.md", "Settings")[0]}
    held = {name: defaults.get(name, "no such setting") for name in said}
    the_same("running.md", "Settings", said, held, lambda name, default: f"| `{name}` | `{default}` |")


def endpoints() -> dict[tuple[str, str], list[str]]:
    """(process, method and path) of everything that is served, with the parameters in its query."""
    from metrics.exporter.http import server
    from producers.connectors.bitrix24.connecting.router import create_router
    from producers.connectors.bitrix24.metrics import Metrics
    from producers.gateway import app as way_in
    from producers.gateway.reading import asked
    from producers.gateway.settings import GatewaySettings
    from streams.runtime import health
    from tests.support.boards import board, exporter_of

    portal = create_router(None, None, Metrics())  # type: ignore[arg-type]  # nothing is served
    apps = {
        "exporter": server.create_app(exporter_of(board(), datetime(2026, 11, 18, tzinfo=UTC).timestamp())),
        "gateway": way_in.create_app(None, GatewaySettings(_env_file=None), routers=[portal]),  # type: ignore[arg-type]
    }
    found: dict[tuple[str, str], list[str]] = {}
    for process, app in apps.items():
        for path, operations in _paths(app).items():
            for method, parameters in operations.items():
                found[process, f"{method} {path}"] = parameters
    found |= {("worker", f"GET {path}"): [] for path in health.PATHS}
    found["gateway", f"POST {way_in.EVENTS}"] = [*asked._SWITCHES, asked._TOKEN]
    return found


def _paths(app: Any) -> dict[str, dict[str, list[str]]]:
    """Path → method → names of query parameters, of routes with or without a place in the schema."""
    described = app.openapi()["paths"]
    found: dict[str, dict[str, list[str]]] = {}
    for route in _routes(app.routes):
        path = re.sub(r":path\}", "}", route.path)
        for method in sorted(route.methods - {"HEAD"}):
            parameters = described.get(path, {}).get(method.lower(), {}).get("parameters", [])
            found.setdefault(path, {})[method] = [one["name"] for one in parameters if one["in"] == "query"]
    return found


def _routes(routes: Any) -> Iterator[Any]:
    """Those that we wrote, of included routers too: FastAPI adds its own for the schema."""
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from _routes(included.routes)
        elif getattr(route, "methods", None) and not route.path.startswith(("/docs", "/openapi.json", "/redoc")):
            yield route


def test_endpoints():
    """Every method and path of every process, with the parameters that it takes."""
    said = {(row[0], code(row[1])[0]): sorted(code(row[2])) for row in tables("running.md", "Endpoints")[0]}
    held = {key: sorted(names) for key, names in endpoints().items()}
    the_same(
        "running.md", "Endpoints", said, held,
        lambda key, names: f"| {key[0]} | `{key[1]}` | {' '.join(f'`{name}`' for name in names)} | … |",
    )  # fmt: skip


# -- the test of the test


def test_a_difference_says_which_line_to_write():
    """What is missing is shown as a row to add; what is too much or otherwise is named."""
    with pytest.raises(AssertionError) as told:
        the_same(
            "numbers.md", "KPIs", {"gone": 1, "other": 1}, {"new": 2, "other": 2}, lambda name, n: f"| {name} | {n} |"
        )
    text = str(told.value)
    assert "add to deploy/docs/specification/numbers.md, 'KPIs':  | new | 2 |" in text
    assert "remove from deploy/docs/specification/numbers.md, 'KPIs' the row of 'gone'" in text
    assert "the row of 'other': it says 1, the code has 2" in text
