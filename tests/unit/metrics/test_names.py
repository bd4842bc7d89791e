"""Names that senders make up: so many are shown, the rest is `other`; as they move, no sum is lost or shown twice."""

import math
from collections import defaultdict
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import service
from metrics.exporter.board import Board
from metrics.exporter.http.service import own_numbers
from metrics.family import CALENDAR_WINDOWS, PERIODS
from metrics.measure import key
from metrics.settings import BusinessSettings
from metrics.view import Field, Unanswered, Waiting
from metrics.windows import local_day
from tests.support.boards import exporter_of, exposition, manager, parts_of, plan, rate

ZONE = ZoneInfo("Europe/Berlin")
START = int(datetime(2026, 10, 24, 22, tzinfo=ZONE).timestamp())
DAY = local_day(START, ZONE)
FREE = ("manager", "category", "pipeline", "stage")
PEOPLE = ("a", "b", "c", "other", "other_", "unknown")
NAMES = ("x", "y", "z", "other", "other_")
_INFO = {family.name for family in (service.MANAGER_INFO, service.PIPELINE_INFO, service.STAGE_INFO)}
_QUANTILES = {"sales_response_seconds", "sales_deal_duration_seconds"}


@cache
def _settings(managers: int) -> BusinessSettings:
    return BusinessSettings(_env_file=None, timezone="Europe/Berlin", max_managers=managers)


def board(managers: int, values: int) -> Board:
    return Board(_settings(managers), values)


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text.decode())
        for s in family.samples
        if s.value
    }


def shown(of: Board, now: float) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return samples(exposition(of, now))


def values(of: Board, now: float, name: str, label: str) -> dict[str, float]:
    """By the values of a label, summed: of today, or now."""
    found: dict[str, float] = defaultdict(float)
    for (sample, labels), value in shown(of, now).items():
        told = dict(labels)
        if sample == name and told.get("window", "day") == "day" and told.get("period", "current") == "current":
            found[told[label]] += value
    return dict(found)


def totals(found: dict) -> dict:
    """What is added up, whoever and whatever it is of; the greatest of what has waited longest."""
    sums: dict = defaultdict(float)
    for (name, labels), value in found.items():
        if name in {*_QUANTILES, *_INFO} or ("level", "manager") in labels:
            continue
        rest = frozenset(pair for pair in labels if pair[0] not in FREE)
        sums[name, rest] = max(sums[name, rest], value) if "oldest" in name else sums[name, rest] + value
    return sums


_name, _currency = st.sampled_from(NAMES), st.sampled_from(["RUB", "USD"])
_windowed = st.one_of(
    st.just(key("m")),
    st.builds(lambda p, o: key("dx", p, o), _name, st.sampled_from(["won", "lost"])),
    st.builds(lambda p, c: key("wa", p, c), _name, _currency),
    st.builds(lambda p, b: key("dd", p, b), _name, st.sampled_from(["0", "7"])),
    st.builds(lambda p, s, c: key("ws", p, s, c), _name, st.sampled_from(["1", "6000"]), _currency),
    st.builds(lambda k, c: key("co", k, c), _name, _currency),
    st.builds(lambda b: key("r", "call", "first", b), st.sampled_from(["0", "9"])),
)
_open = st.one_of(
    st.builds(lambda p, s: key("od", p, s), _name, _name),
    st.builds(lambda p, s, c: key("pl", p, s, c), _name, _name, _currency),
)
_fields = st.builds(Field, st.integers(0, 1), st.sampled_from(PEOPLE), st.sampled_from(["", "north"]), st.just(""))
_amounts = st.integers(1, 9).map(lambda n: n * 10_000)
_buckets = st.one_of(
    st.tuples(st.just("m"), st.integers(-90, 30).map(lambda n: START + n * 60)),
    st.tuples(st.just("d"), st.sampled_from([-400, -300, -90, -31, -7, -1, 0, 1]).map(lambda n: DAY + n)),
)
_steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("parts"), _buckets,
            st.dictionaries(_fields, st.dictionaries(_windowed, _amounts, max_size=4), min_size=1, max_size=4),
        ),
        st.tuples(
            st.just("parts"), st.just(("o", 0)),
            st.dictionaries(_fields, st.dictionaries(_open, _amounts, max_size=3), min_size=1, max_size=3),
        ),
        st.tuples(st.just("waiting"), st.lists(st.sampled_from(PEOPLE), max_size=3)),
        st.tuples(st.just("clock"), st.sampled_from([1, 59, 600, 40_000, 90 * 86_400])),
        st.tuples(st.just("team"), st.sampled_from(PEOPLE[:5]), st.sampled_from(["north", "south"])),
        st.tuples(st.just("rate"), st.sampled_from(["2025-01-01", "2026-10-01"])),
        st.tuples(st.just("plan"), st.sampled_from(PEOPLE[:5]), st.integers(0, 5)),
        st.tuples(st.just("some")),
        st.tuples(st.just("rank")),
        st.tuples(st.just("scrape")),
    ),
    max_size=25,
)  # fmt: skip


def put(on: Board, step: tuple) -> None:
    match step:
        case ("parts", bucket, some):
            on.put(bucket, some)
        case ("waiting", people):
            on.put_waiting(0, [Waiting("call", one, "", (START - 60) * 10**6) for one in people])
            on.put_unanswered(0, [Unanswered("miss", one, one, one, "", START * 10**6) for one in people])
        case ("team", who, team):
            on.put_reference({f"manager:{who}": manager(who, team)})
        case ("rate", day):
            on.put_reference({f"rate:{day}": rate("USD", day, "2")})
        case ("plan", who, target):
            on.put_reference({f"plan:{who}": plan(f"manager:{who}", "2026-10", str(target))})


@settings(max_examples=60, deadline=None)
@given(_steps, st.sampled_from([(1, 1), (2, 1), (2, 2), (4, 3), (9, 1)]))
@example(
    # Another manager gets the only name, and a pipeline, too, while the minute has not turned for half of the lines.
    [
        ("parts", ("d", DAY), {Field(0, "b", ""): {key("m"): 1, key("dx", "y", "won"): 1}}),
        ("scrape",),
        ("parts", ("d", DAY), {Field(0, "a", "north"): {key("m"): 2, key("dx", "x", "won"): 2}}),
        ("some",),
        ("clock", 59),
        ("some",),
        ("scrape",),
    ],
    (1, 1),
)
def test_no_sum_is_lost_or_shown_twice(todo: list, limits: tuple[int, int]) -> None:
    """At every scrape all add up to what a board with places for everybody shows; ranked, it is as one loaded now."""
    few, all_, now = board(*limits), board(2000, 200), START
    for step in [*todo, ("rank",), ("scrape",)]:
        match step:
            case ("clock", seconds):
                now += seconds
            case ("some",):
                few.refresh(now, most=1)
            case ("rank",):
                few.rank()
            case ("scrape",):
                found, wanted = shown(few, now), shown(all_, now)
                sums, whole = totals(found), totals(wanted)
                assert {one for one, value in sums.items() if value} == {one for one, value in whole.items() if value}
                assert all(math.isclose(value, whole[one]) for one, value in sums.items())
                named = {dict(labels).get("manager", "") for name, labels in found if name not in _INFO}
                assert len(named - {"", "other"}) <= limits[0]
            case _:
                put(few, step)
                put(all_, step)
    fresh = board(*limits)
    fresh.put_reference(dict(few._records))
    for bucket in few._parts.buckets():
        fresh.put(bucket, parts_of(few, bucket))
    for number, waiting in few._parts.waiting.items():
        fresh.put_waiting(number, waiting)
    fresh._clocked = few._clocked
    # What pipelines are called is told of all that ever were.
    told, wanted = ({one: n for one, n in shown(of, now).items() if one[0] not in _INFO} for of in (few, fresh))
    assert told == wanted


def _busy(managers: dict[str, int]) -> Board:
    of = board(2, 200)
    of.put(("d", DAY), {Field(0, one, ""): {key("m"): count} for one, count in managers.items()})
    return of


def test_the_busiest_are_shown_and_ties_go_by_code_point() -> None:
    """Also where one comes later who is busier: from the next minute on, in all windows at once."""
    of = _busy({"c": 1, "b": 1, "a": 1, "d": 5})
    assert values(of, START, "sales_meetings", "manager") == {"d": 5, "a": 1, "other": 2}
    of.put(("d", DAY), {Field(0, "z", ""): {key("m"): 9}})
    assert values(of, START + 5, "sales_meetings", "manager") == {"d": 5, "a": 1, "other": 11}
    found = shown(of, START + 60)
    for window in CALENDAR_WINDOWS:
        mine = {
            dict(labels)["manager"]: value
            for (name, labels), value in found.items()
            if name == "sales_meetings" and {("window", window), ("period", PERIODS[0])} <= labels
        }
        assert mine == {"z": 9, "d": 5, "other": 3}, window


def test_those_whom_the_reference_knows_come_first() -> None:
    """Roster and plans; unknown before all; of those who have nothing nobody takes a place."""
    of = _busy({"busy": 9, "unknown": 1, "mine": 1, "planned": 1})
    of.put_reference({"1": manager("mine", "north"), "2": manager("idle", "north")})
    assert values(of, START, "sales_meetings", "manager") == {"unknown": 1, "mine": 1, "other": 10}
    of.put_reference({"1": None, "3": plan("manager:planned", "2026-10", "5")})
    of.rank()
    assert values(of, START, "sales_meetings", "manager") == {"unknown": 1, "planned": 1, "other": 10}


def test_what_is_called_other_is_not_taken_for_the_rest() -> None:
    """A manager never; a pipeline from when there is a rest."""
    of = board(3, 2)
    of.put(("d", DAY), {Field(0, "other", ""): {key("m"): 7, key("dc", "other"): 4, key("dc", "retail"): 3}})
    of.put(("d", DAY), {Field(0, "other_", ""): {key("m"): 6}, Field(0, "a", ""): {key("m"): 5}})
    assert values(of, START, "sales_meetings", "manager") == {"other_": 7, "other__": 6, "a": 5}
    assert values(of, START, "sales_deals_created", "pipeline") == {"other": 4, "retail": 3}
    of.put(("d", DAY), {Field(0, "b", ""): {key("m"): 1, key("dc", "x"): 1, key("dc", "other_"): 1}})
    assert values(of, START, "sales_meetings", "manager") == {"other_": 7, "other__": 6, "a": 5, "other": 1}
    assert values(of, START, "sales_deals_created", "pipeline") == {"other_": 4, "retail": 3, "other": 2}
    people = {dict(labels)["manager"] for name, labels in shown(of, START) if name == service.MANAGER_INFO.name}
    assert people == {"other_", "other__", "a"}
    pipelines = {dict(labels)["pipeline"] for name, labels in shown(of, START) if name == service.PIPELINE_INFO.name}
    assert pipelines == {"other_", "retail", "other"}


def test_both_sides_of_a_ratio_are_there() -> None:
    """Of deals a pipeline has most, of money another: the one is named in both families."""
    of = board(2000, 1)
    part = {key("dx", "many", "won"): 5, key("wa", "many", "RUB"): 10_000}
    of.put(("d", DAY), {Field(0, "a", ""): part | {key("dx", "dear", "won"): 1, key("wa", "dear", "RUB"): 10**9}})
    assert values(of, START, "sales_deals_closed", "pipeline") == {"many": 5, "other": 1}
    assert values(of, START, "sales_won_amount", "pipeline") == {"many": 1, "other": 100_000}


def test_categories_go_by_amount_and_what_no_rate_converts_by_none() -> None:
    """A correction below 0 is as great as its amount; dollars are worth what they are worth."""
    of = board(2000, 2)
    costs = {"ads": 50_000, "rent": -90_000, "tools": 70_000}
    part = {key("co", name, "RUB"): amount for name, amount in costs.items()} | {key("co", "fair", "USD"): 60_000}
    of.put(("d", DAY), {Field(0, "a", ""): part})
    assert values(of, START, "sales_cost_amount", "category") == {"rent": -9, "tools": 7, "other": 5}
    of.put_reference({"rate": rate("USD", "2026-01-01", "2")})
    of.rank()
    assert values(of, START, "sales_cost_amount", "category") == {"fair": 12, "rent": -9, "other": 12}


def test_a_name_that_left_all_windows_leaves_its_place() -> None:
    """Next year but one, whoever comes then is shown."""
    of = _busy({"a": 1, "b": 1, "c": 1})
    assert values(of, START, "sales_meetings", "manager") == {"a": 1, "b": 1, "other": 1}
    later = START + 800 * 86_400
    of.put(("d", DAY + 800), {Field(0, "d", ""): {key("m"): 4}, Field(0, "c", ""): {key("m"): 1}})
    assert values(of, later, "sales_meetings", "manager") == {"d": 4, "c": 1}


@pytest.mark.parametrize("windows", [None, frozenset({"day"})])
def test_at_a_moment_of_the_past_names_are_those_of_its_year(windows: frozenset[str] | None) -> None:
    """Also where other windows are asked for than the year, by which names are ranked."""
    of = _busy({"a": 1, "b": 2})
    of.put(("d", DAY - 20), {Field(0, "c", ""): {key("m"): 9}})
    of.put(("h", START), {Field(0, one, ""): {key("m"): count} for one, count in {"a": 1, "b": 2, "d": 1}.items()})
    of.put(("d", DAY), {Field(0, "d", ""): {key("m"): 1}})
    found = samples(b"".join(of.exposition_at(START, START, windows)))
    day = {("window", "day"), ("period", "current")}
    mine = {
        dict(labels)["manager"]: n for (name, labels), n in found.items() if name == "sales_meetings" and day <= labels
    }
    assert mine == {"b": 2, "other": 2}


def test_names_are_counted() -> None:
    """Those with numbers, those in the rest, and the places."""
    of = _busy({"a": 1, "b": 1, "c": 1})
    exposition(of, START)
    follower = exporter_of(of, START).follower
    own = own_numbers(of, START, follower, None)
    assert own[service.NAMES] == [(("category",), 0), (("manager",), 3), (("pipeline",), 0), (("stage",), 0)]
    assert dict(own[service.NAMES_IN_OTHER])["manager",] == 1
    assert dict(own[service.NAMES_LIMIT]) == {("category",): 200, ("manager",): 2, ("pipeline",): 200, ("stage",): 200}
