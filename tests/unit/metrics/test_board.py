"""The board: incremental sums are sums from scratch, the fast text is what prometheus_client would write."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from metrics.exporter.board import _MOST_ASKED
from metrics.exporter.held.aggregates import from_scratch
from metrics.measure import key
from metrics.view import Field, Waiting
from metrics.windows import local_day, windows
from tests.support.boards import board, exposition, fields, manager, open_parts, parts, parts_of, plan, rate, waitings
from tests.support.collector import SalesCollector

ZONE = ZoneInfo("Europe/Berlin")
START = int(datetime(2026, 10, 24, 22, tzinfo=ZONE).timestamp())
DAY = local_day(START, ZONE)


def samples(text):
    return sorted(
        (s.name, tuple(sorted(s.labels.items())), s.value)
        for family in text_string_to_metric_families(text)
        for s in family.samples
    )


buckets = st.one_of(
    st.tuples(st.just("m"), st.integers(-120, 60).map(lambda n: START + n * 60)),
    st.tuples(st.just("h"), st.integers(-30, 30).map(lambda n: START + n * 3600)),
    st.tuples(st.just("d"), st.integers(-400, 3).map(lambda n: DAY + n)),
)  # fmt: skip
steps = st.lists(
    st.one_of(
        st.tuples(st.just("parts"), buckets, st.dictionaries(fields, parts, min_size=1, max_size=4)),
        st.tuples(st.just("clock"), st.integers(1, 40_000)),
        st.tuples(st.just("team"), st.sampled_from(["m-1", "m-2"]), st.sampled_from(["north", "south"])),
        st.tuples(st.just("rate"), st.sampled_from(["USD", "EUR"]), st.sampled_from(["2025-11-01", "2026-10-01"])),
        st.tuples(st.just("scrape")),
        st.tuples(st.just("rest"), st.booleans()),
        st.tuples(st.just("settle")),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=60)
def test_whatever_happens_the_board_shows_the_sum_of_its_parts(todo):
    """Parts come, change and go, the clock moves, teams and rates arrive late: text = from scratch, always."""
    shown, now = board(timezone="Europe/Berlin"), START
    shown._parts.at_hand = 3
    for step in todo:
        match step:
            case ("parts", bucket, some):
                shown.put(bucket, some)
            case ("clock", seconds):
                now += seconds
            case ("team", who, team):
                shown.put_reference({f"manager:{who}": manager(who, team)})
            case ("rate", currency, day):
                shown.put_reference({f"rate:{currency}:{day}": rate(currency, day, "90.123456")})
            case ("rest", at_once):
                list(shown.packing())
                shown.rest(at_once=at_once)
            case ("settle",):
                list(shown.settling())
            case _:
                exposition(shown, now)
    text = exposition(shown, now).decode()
    held = shown._aggregates
    assert (held.sums, held.teams) == from_scratch(shown._parts, windows(now, ZONE))
    registry = CollectorRegistry()
    registry.register(SalesCollector(shown, now))
    assert samples(text) == samples(generate_latest(registry).decode())
    fresh = board(timezone="Europe/Berlin")
    for kind, bucket in shown._parts.buckets():
        fresh.put((kind, bucket), parts_of(shown, (kind, bucket)))
    fresh.put_reference(dict(shown._records))
    assert samples(exposition(fresh, now).decode()) == samples(text)


@given(open_parts, waitings)
def test_what_is_open_and_who_waits(part, waiting):
    """The open families agree between text and collector for any mixture."""
    shown = board(timezone="Europe/Berlin")
    shown.put(("o", 0), {Field(0, "m-1", ""): part})
    shown.put_waiting(0, waiting)
    registry = CollectorRegistry()
    registry.register(SalesCollector(shown, 7200.0))
    assert samples(exposition(shown, 7200.0).decode()) == samples(generate_latest(registry).decode())


def values(shown, now, name, window="day"):
    """Numbers of a family today (or now), by the values of its labels."""
    found = {}
    for sample, labels, value in samples(exposition(shown, now).decode()):
        when = dict(labels)
        if sample == name and when.get("window", window) == window and when.get("period", "current") == "current":
            found[tuple(text for label, text in labels if label not in {"window", "period"})] = value
    return found


def test_money_is_converted_by_the_day_it_counts_in():
    """By the latest rate on or before each day; without one left out and counted; late rates mend."""
    shown = board(timezone="Europe/Berlin")
    shown.put(
        ("d", DAY),
        {Field(0, "m", "n"): {key("wa", "p", "USD"): 10_0000, key("wa", "p", "RUB"): 5_0000, key("me", "USD"): 1}},
    )
    name = "sales_won_amount"
    assert values(shown, START, name) == {("m", "p", "n"): 5.0}
    assert shown.unconverted(START) == {"USD": 1}
    shown.put_reference({"rate:1": rate("USD", "2026-10-25", "99")})
    assert values(shown, START, name) == {("m", "p", "n"): 5.0}
    shown.put_reference({"rate:2": rate("USD", "2026-09-01", "90.5")})
    assert values(shown, START, name) == {("m", "p", "n"): 910.0}
    assert shown.unconverted(START) == {}


def test_a_team_that_arrives_late_mends_the_past():
    """An unstated team is unknown until the roster says it; stated and unstated shares then become one series."""
    shown = board(timezone="Europe/Berlin")
    shown.put(("d", DAY), {Field(0, "m", ""): {key("m"): 2}})
    shown.put(("d", DAY), {Field(1, "m", "north"): {key("m"): 3}})
    assert values(shown, START, "sales_meetings") == {("m", "unknown"): 2, ("m", "north"): 3}
    shown.put_reference({"manager:m": manager("m", "north")})
    assert values(shown, START, "sales_meetings") == {("m", "north"): 5}


def test_receivables_age_by_the_local_day():
    """not_due up to the due day itself, then 1-30, 31-60, 61-90, over 90 days past due; never below 0."""
    shown = board(timezone="Europe/Berlin")
    part = {key("rc", str(DAY - late), "RUB"): 10_000 for late in (-1, 0, 1, 30, 31, 60, 61, 90, 91)}
    for invoice, paid in (("i-1", 1), ("i-2", 1), ("i-3", 9)):
        part[key("ri", "c", invoice, str(DAY), "RUB")] = 10_0000
        part[key("rp", "c", invoice, "USD", str(DAY - 5))] = paid * 10_000
    shown.put(("o", 0), {Field(0, "m", "n"): part})
    shown.put_reference({"rate:1": rate("USD", "2026-01-01", "2")})
    assert values(shown, START, "sales_receivable_amount") == {
        ("not_due", "m", "n"): 2.0 + 2 * 8.0,
        ("1-30", "m", "n"): 2.0,
        ("31-60", "m", "n"): 2.0,
        ("61-90", "m", "n"): 2.0,
        ("over_90", "m", "n"): 1.0,
    }


def test_plans_by_level_and_the_share_of_working_time():
    """Labels that do not apply are empty; to date = target × working time passed ÷ all of it."""
    shown = board(timezone="Europe/Berlin")
    now = datetime(2026, 11, 16, 13, 30, tzinfo=ZONE).timestamp()
    records = [
        plan("manager:m", "2026-11", "2100"),
        plan("team:n", "2026-Q4", "10"),
        plan("company", "2026", "5", "calls"),
    ]
    shown.put_reference({str(i): record for i, record in enumerate(records)} | {"manager:m": manager("m", "n")})
    text = exposition(shown, now).decode()
    assert 'sales_plan_target{manager="m",team="n",level="manager",measure="won_amount",window="month"} 2100.0' in text
    assert 'sales_plan_to_date{manager="m",team="n",level="manager",measure="won_amount",window="month"} 1050.0' in text
    assert 'sales_plan_target{manager="",team="n",level="team",measure="won_amount",window="quarter"} 10.0' in text
    assert 'sales_plan_target{manager="",team="",level="company",measure="calls",window="year"} 5.0' in text
    assert 'sales_working_days{team="",window="month",state="passed"} 10.0' in text
    assert 'sales_working_days{team="",window="month",state="left"} 11.0' in text


def test_waiting_clients_by_the_exporters_clock():
    """Overdue past the target, oldest ticking, a call gone after an hour; no overdue series when nobody is late."""
    shown = board(call_target_seconds=20, chat_target_seconds=60)
    shown.put_waiting(
        0, [Waiting("call", "m", "n", 0), Waiting("call", "m", "n", 30_000_000), Waiting("chat", "m", "n", 0)]
    )
    text = exposition(shown, 45.0).decode()
    assert 'sales_waiting_clients{manager="m",team="n",channel="call"} 2.0' in text
    assert 'sales_waiting_overdue_clients{manager="m",team="n",channel="call"} 1.0' in text
    assert 'sales_waiting_overdue_clients{manager="m",team="n",channel="chat"}' not in text
    assert 'sales_waiting_oldest_seconds{manager="m",team="n",channel="chat"} 45.0' in text
    later = exposition(shown, 3601.0).decode()
    assert 'sales_waiting_clients{manager="m",team="n",channel="call"} 1.0' in later


def named(shown, now):
    """Manager → name, as `sales_manager_info` has it; it has each manager once."""
    found = {}
    for sample, labels, _ in samples(exposition(shown, now).decode()):
        if sample == "sales_manager_info":
            who = dict(labels)
            assert who["manager"] not in found
            found[who["manager"]] = who["name"]
    return found


people = st.dictionaries(
    st.sampled_from(["m-1", "m-2", "m-3", "Anna", 'q"']),
    st.sampled_from(["Anna", " Anna  ", "Anna (m-1)", "Anna (m-2)", "m-1", "Йо", "Йо", " "]),
)  # fmt: skip


@given(people, st.dictionaries(fields, parts, max_size=4), waitings)
def test_everybody_has_one_name_and_no_two_share_one(roster, some, waiting):
    """Whatever people are called and whoever has numbers: a join by manager never meets two, a legend never merges."""
    shown = board(timezone="Europe/Berlin")
    shown.put(("d", DAY), some)
    shown.put_waiting(0, waiting)
    shown.put_reference({f"manager:{who}": manager(who, "north", name) for who, name in roster.items()})
    found = named(shown, START)
    with_series = {dict(labels).get("manager", "") for name, labels, _ in samples(exposition(shown, START).decode())}
    assert found.keys() == (with_series | roster.keys()) - {""}
    assert len(set(found.values())) == len(found)
    assert all(text.strip() for text in found.values())


def test_a_name_is_shown_as_the_roster_has_it_now():
    """Namesakes carry their ids, a change of name is seen at once, and who has left without a number is not listed."""
    shown = board()
    shown.put_reference(
        {"a": manager("m-1", "n", "Anna"), "b": manager("m-2", "s", "Anna"), "c": manager("m-3", "s", "Boris")}
    )
    assert named(shown, START) == {"m-1": "Anna (m-1)", "m-2": "Anna (m-2)", "m-3": "Boris"}
    shown.put_reference({"b": manager("m-2", "s", "Anna Petrova"), "c": manager("m-3", "s", "Boris", active=False)})
    assert named(shown, START) == {"m-1": "Anna", "m-2": "Anna Petrova"}
    assert [shown.reference.name_of(who) for who in ("m-1", "m-9")] == ["Anna", "m-9"]


def sizes(shown, now, team):
    """Won deals of a team this month by the bounds between which they lie."""
    name, below, found = "sales_team_won_deal_amount_bucket", 0.0, {}
    told = {le: count for (le, of), count in values(shown, now, name, "month").items() if of == team}
    for le, count in sorted(told.items(), key=lambda one: float(one[0])):
        if count > below:
            found[le] = count - below
        below = count
    return found


def test_sizes_of_deals_are_told_by_team():
    """The base currency exactly; another one by its step and the rate of the day, also one that comes late."""
    shown = board(timezone="Europe/Berlin")
    mine = {key("ws", "p", "100", "RUB"): 2, key("ws", "q", "120", "RUB"): 1, key("ws", "p", "60", "USD"): 1}
    shown.put(("d", DAY), {Field(0, "m-1", "north"): mine, Field(1, "m-2", "north"): {key("ws", "p", "200", "RUB"): 1}})
    assert sizes(shown, START, "north") == {"100.0": 2, "200.0": 2}
    shown.put_reference({"rate:1": rate("USD", "2026-10-01", "83.33")})
    assert sizes(shown, START, "north") == {"100.0": 2, "200.0": 2, "5000.0": 1}
    shown.put_reference({"rate:1": rate("USD", "2026-10-01", "83.34")})
    assert sizes(shown, START, "north") == {"100.0": 2, "200.0": 2, "10000.0": 1}
    shown.put(("d", DAY), {Field(0, "m-1", "north"): {}})
    assert sizes(shown, START, "north") == {"200.0": 1}
    # A day is too short for a distribution.
    assert values(shown, START, "sales_team_won_deal_amount_bucket") == {}


def test_of_one_person_no_minutes_are_shown():
    """Response times of five minutes are told by team, and of a person from the day on."""
    shown = board()
    minute = START // 60 * 60
    for bucket in (("m", minute), ("d", DAY)):
        shown.put(
            bucket, {Field(0, "m", "north"): {key("r", "call", "first", "3"): 1, key("r", "call", "first", "s"): 1}}
        )
    of_person = ("sales_response_seconds", "sales_response_seconds_sum", "sales_response_seconds_count")
    assert [bool(values(shown, START, name, "5m")) for name in of_person] == [False] * 3
    assert [bool(values(shown, START, name)) for name in of_person] == [True] * 3
    for window in ("5m", "day"):
        assert values(shown, START, "sales_team_response_seconds_count", window) == {("call", "first", "north"): 1.0}


def test_sizes_follow_a_team_that_arrives_late():
    """Deals whose team nobody stated stand under that of the roster, and leave the one they stood under."""
    shown = board(timezone="Europe/Berlin")
    shown.put(("d", DAY), {Field(0, "m", ""): {key("ws", "p", "500", "RUB"): 1}})
    assert sizes(shown, START, "unknown") == {"500.0": 1}
    shown.put_reference({"manager:m": manager("m", "north")})
    assert (sizes(shown, START, "north"), sizes(shown, START, "unknown")) == ({"500.0": 1}, {})
    shown.put_reference({"manager:m": manager("m", "south")})
    assert (sizes(shown, START, "south"), sizes(shown, START, "north")) == ({"500.0": 1}, {})


def test_of_thousands_of_choices_the_last_are_kept_for_a_turn():
    """Who asks for every one of them makes no turn of the minute longer; who asks regularly keeps his."""
    shown, mine = board(), frozenset({"day"})
    for n in range(100):
        shown.packed(START, frozenset({f"w{n}"}))
        shown.packed(START, mine)
    shown.hold()
    assert len(shown._held) == _MOST_ASKED
    assert shown.is_held(mine)
    assert shown.is_held(frozenset({"w99"}))
    assert not shown.is_held(frozenset({"w1"}))
