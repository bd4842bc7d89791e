"""Formula → PromQL, case by case."""

import re
from collections import Counter

import pytest

from grafana import alerting, rules
from grafana.dashboards import dashboards
from grafana.kept import rank, trend
from grafana.live import FIRST, NEW, NOTHING, NOTHING_NOW, changed, live
from grafana.look import Look
from grafana.promql import ANY, Live, expression, has_period, select
from grafana.shown import TITLES, change_words, kpi
from grafana.sums import recorded_sums
from metrics.catalogue import FAMILIES as EXPORTED
from metrics.catalogue import KPIS, SERVICE_FAMILIES
from metrics.family import SHORT_WINDOWS
from metrics.kpi import Kpi, Level
from tests.support.recorded import records

DUE = "sum by (channel, window, period) (team:sales_responses_due:cells)"
SCORES = "sum by (window, period) (team:sales_rating_score"
BUCKETS = "max by (team, channel, kind, window, period, le) (sales_team_response_seconds_bucket)"
EACH = "manager, team, channel, window, period"
TIMES = "sales_response_seconds"
OF_SALESPEOPLE = '(sales_revenue_amount{window=~"day|week|month|quarter|year",manager!="other"})'
OF_DAYS = 'window=~"day|week|month|quarter|year"'
CHECKS = f"manager:sales_won_amount:sum{{{OF_DAYS}}}"
WON_DEALS = f'manager:sales_deals_closed:sum{{outcome="won",{OF_DAYS}}}'
BY_PERSON = "on (manager, team, window, period)"
IN_TIME = "sum by (channel, window, period) (team:sales_responses_in_time:cells)"


@pytest.mark.parametrize(
    ("title", "level", "expected"),
    [
        ("Calls", Level.MANAGER, "sum by (manager, team, window, period) (sales_calls)"),
        ("Calls", Level.COMPANY, "sum by (window, period) (team:sales_calls:cells)"),
        ("Longest wait", Level.TEAM, "max by (team, channel) (sales_waiting_oldest_seconds)"),
        ("Service level", Level.COMPANY, f"({IN_TIME} or {DUE} * 0) / ({DUE} != 0)"),
        (
            "Client rating",
            Level.COMPANY,
            f"{SCORES}_sum:cells) / ({SCORES}_count:cells) != 0)",
        ),
        (
            "Response time, p95",
            Level.TEAM,
            f"histogram_quantile(0.95, sum by (team, channel, window, period, le) ({BUCKETS})) >= 0",
        ),
        (
            "Response time, p95",
            Level.MANAGER,
            f'max by (manager, team, channel, window, period) ({TIMES}{{quantile="0.95"}})',
        ),
        (
            "Response time, mean",
            Level.MANAGER,
            f"sum by ({EACH}) ({TIMES}_sum) / on ({EACH}) (sum by ({EACH}) ({TIMES}_count) != 0)",
        ),
        (
            "Service level",
            Level.MANAGER,
            (
                f"(sales_responses_in_time or on ({EACH}) sales_responses_due * 0)"
                f" / on ({EACH}) (sales_responses_due != 0)"
            ),
        ),
        (
            "Average check",
            Level.MANAGER,
            f"({CHECKS} or {BY_PERSON} {WON_DEALS} * 0) / {BY_PERSON} ({WON_DEALS} != 0)",
        ),
        (
            "Cash per salesperson",
            Level.COMPANY,
            f"avg by (window, period) (sum by (manager, window, period) {OF_SALESPEOPLE})",
        ),
        (
            "Cash per salesperson",
            Level.MANAGER,
            f"sum by (manager, team, window, period) {OF_SALESPEOPLE}",
        ),
        ("Clients ready to close", Level.COMPANY, "sum(max by (manager, team) (sales_clients_ready))"),
    ],
)
def test_expression(title: str, level: Level, expected: str) -> None:
    assert expression(kpi(title), level) == expected


WON = "max by (manager, team, pipeline, outcome, window, period) (sales_deals_closed{"
ONLY_ONE = "unless on () (count(sales_exporter_collect_success) > 1)"
OF_TEAM = {"team": "$team"}


@pytest.mark.parametrize(
    ("title", "how", "expected"),
    [
        (
            "Calls",
            Live("day"),
            (
                "sum(max by (manager, team, direction, outcome, window, period) "
                f'(sales_calls{{window="day",period="current"}})) or {NOTHING}'
            ),
        ),
        (
            "Longest wait",
            Live(matchers={**OF_TEAM, "channel": "call"}),
            f'max(sales_waiting_oldest_seconds{{team=~"$team",channel="call"}}) or {NOTHING_NOW}',
        ),
        (
            "Win rate",
            Live("week", keep=("team",)),
            (
                f'(sum by (team) ({WON}outcome="won",window="week",period="current"}})) or '
                f'sum by (team) ({WON}window="week",period="current"}})) * 0) / '
                f'(sum by (team) ({WON}window="week",period="current"}})) != 0)'
            ),
        ),
    ],
)
def test_live(title: str, how: Live, expected: str) -> None:
    """One window of the families themselves: sums of nothing are 0, ratios of nothing are empty."""
    assert live(kpi(title), Level.COMPANY, how) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        # Of 40 % after 50 % nobody says that it fell by 20 %.
        ("Win rate", "(100 * ({new} - {old}) or 0 * ({new} > 0 unless {old}) + 2000000000000)"),
        ("Meetings", "clamp(100 * ({new} / ({old} >= 0) - 1), -1000000000000, 1000000000000)"),
        (
            "Response time, mean",
            (
                "(clamp(100 * ({new} / ({old} >= 0) - 1), -1000000000000, 1000000000000)"
                " or 0 * ({new} > 0 unless {old}) + -2000000000000)"
            ),
        ),
    ],
)
def test_a_change_says_where_it_comes_from(title: str, expected: str) -> None:
    """Of shares points; from 0 or from no number on it is no percentage, and new on the better side."""
    old, new = (f"({live(kpi(title), Level.TEAM, Live('day', period=one))})" for one in ("previous", "current"))
    assert changed(kpi(title), Level.TEAM, Live("day")) == expected.format(old=old, new=new)


def test_changes_that_are_no_percentage_have_words() -> None:
    """Whatever stands for one is said in words, and every percentage between -1000 and 1000 is a number."""
    spans = [(one["options"]["from"], one["options"]["to"], one["options"]["result"]) for one in change_words("%")]

    def said(value: float) -> str:
        words = [
            word["text"]
            for low, high, word in spans
            if (low is None or value >= low) and (high is None or value <= high)
        ]
        assert len(words) <= 1
        return "".join(words)

    assert [said(value) for value in (-FIRST, -NEW, -1000, -999.9, 0, 999.9, 1000, NEW, FIRST)] == [
        "new", "below 0", "< -999%", "", "", "", "> 999%", "new", "new",
    ]  # fmt: skip


def test_trend_compares_the_two_periods_of_the_recorded_series() -> None:
    name = "team:sales_meetings:sum"
    assert trend(kpi("Meetings"), Level.TEAM) == (
        f'{name}{{period="current"}} / ignoring (period) ({name}{{period="previous"}} > 0) - 1'
    )


@pytest.mark.parametrize("one", [one for one in KPIS if one.trend], ids=lambda one: one.id)
@pytest.mark.parametrize("level", Level)
def test_trend_of_shares_is_a_difference(one: Kpi, level: Level) -> None:
    """Of every KPI with unit percentunit, and of no other; what the exporter shows as it is is none."""
    assert not (one.shown and one.in_points)
    name = one.record(level)
    points = f'{name}{{period="current"}} - ignoring (period) {name}{{period="previous"}}'
    assert (trend(one, level) == points) is (one.unit == "percentunit")


@pytest.mark.parametrize(
    ("title", "ahead"), [("Calls", ">"), ("Deal duration, mean", "<")], ids=["more is better", "less is better"]
)
def test_rank_counts_who_is_ahead(title: str, ahead: str) -> None:
    """One is ranked first when nobody is ahead, and not at all without a number."""
    name = kpi(title).record(Level.MANAGER)
    own = f'max({name}{{manager=~"$manager",window="day"}})'
    expected = f'(count({name}{{window="day",manager!="unknown"}} {ahead} on () group_left () {own}) or {own} * 0) + 1'
    assert rank(kpi(title), Level.MANAGER, {"manager": "$manager", "window": "day"}) == expected


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ({}, "x"),
        ({"a": "b"}, 'x{a="b"}'),
        ({"a": ("b", "c")}, 'x{a=~"b|c"}'),
        ({"a": ("b",)}, 'x{a="b"}'),
        ({"a": "$a"}, 'x{a=~"$a"}'),
        ({"a": "b", "c": ANY}, 'x{a="b"}'),
    ],
)
def test_select(matchers: dict[str, str], expected: str) -> None:
    assert select("x", matchers) == expected


def test_every_kpi_is_recorded_at_its_levels_and_each_name_once() -> None:
    """63 KPIs at three levels, and the trends."""
    kpis = {file: groups for file, groups in rules.groups().items() if file not in {rules.MARKS, rules.ON_CALL}}
    names = [rule["record"] for groups in kpis.values() for group in groups for rule in group["rules"]]
    kept = [name for name in names if not name.endswith(":cells")]
    every = ((name, kpi.windows_at(Level(name.partition(":")[0]))) for name, kpi in records().items())
    short = {name for name, windows in every if set(windows) & set(SHORT_WINDOWS)}
    assert {name for name, times in Counter(kept).items() if times > 1} == short
    assert set(Counter(kept).values()) == {1, 2}, "those of short windows often, the same of calendar windows seldom"
    assert set(kept) == set(records())
    recorded = {kpi.record(level) for kpi in KPIS for level in kpi.levels if kpi.is_recorded(level)}
    assert recorded | {kpi.trend_record(level) for kpi in KPIS if kpi.trend for level in kpi.levels} == set(kept)


def test_a_trend_stands_behind_what_it_reads() -> None:
    """Rules of a group run in order, so a trend is never one evaluation late."""
    for groups in rules.groups().values():
        for group in groups:
            names = [rule["record"] for rule in group["rules"]]
            for name in names:
                if name.endswith("_trend") and name.removesuffix("_trend") in records():
                    assert names.index(name.removesuffix("_trend")) < names.index(name)


def test_who_shows_a_number_is_no_part_of_it() -> None:
    """Wherever what an exporter shows is added up, counted or averaged, `max` has made one of several first.

    Or there is nothing while there are several: rules alone may do that, and none that an alert reads.
    """
    exported = "|".join({series for family in EXPORTED for series in family.names})
    added = re.compile(rf"\b(sum|avg|count|quantile|stddev|topk|bottomk)\b\s*(by \([^()]*\) )?\((\d+, )?({exported})\b")
    every = [rule for groups in rules.groups().values() for group in groups for rule in group["rules"]]
    whole = [rule["expr"] for rule in every if not rule["expr"].endswith(f") {ONLY_ONE}")]
    alerts = str(alerting.groups(Look()))
    documents = [*whole, alerts, *map(str, dashboards(Look()).values())]
    assert [found.group() for text in documents for found in added.finditer(text)] == []
    for group in (group for groups in rules.groups().values() for group in groups):
        for rule in group["rules"]:
            if rule["expr"].endswith(ONLY_ONE) and rule["record"] in alerts:
                windows = re.findall(rf"{rule['record']}{{[^}}]*window=\"(\w+)\"", alerts)
                assert windows, rule
                assert set(windows) <= set(SHORT_WINDOWS), rule
                assert group["name"] != f"{rules.SHORT}-{rules.LIVE}", rule
    assert added.search("sum by (team) (sales_calls)"), "it would be found"


def test_what_is_read_as_it_is_scraped_is_read_only_while_it_is_there_once() -> None:
    """By a matching of labels, as it has those of the scrape besides; so no rule has them in what it records."""
    exported = sorted({series for family in EXPORTED for series in family.names})
    sums = [one.record(Level.MANAGER) for one in recorded_sums().values()]
    read = re.compile(rf"(?<![:\w])({'|'.join([*exported, *sums])})\b")
    scraped = re.compile(rf"(?<![:\w])({'|'.join(exported)})\b")
    for name, groups in rules.groups().items():
        for rule in (rule for group in groups for rule in group["rules"] if name != rules.MARKS):
            alone = re.sub(r"\b(max|group)( by \([^()]*\) )?\(\w+", "", rule["expr"])
            assert bool(read.search(alone)) is rule["expr"].endswith(ONLY_ONE), rule
            bare = re.sub(r"\bsum( by \([^()]*\) )?\(\w+", "", alone)
            if scraped.search(bare):
                assert re.search(r"[/-] on \(", rule["expr"]), rule


def test_recorded_sums_stand_before_what_reads_them() -> None:
    """Of people, in one group with it: rules of a group run in order, so what is read is of the same moment."""
    for groups in rules.groups().values():
        for group in groups:
            known: set[str] = set()
            for rule in group["rules"]:
                assert set(re.findall(r"\bmanager:\w+:\w+", rule["expr"])) <= known, rule
                known.add(rule["record"])


def test_percentiles_of_people_are_those_of_the_exporter() -> None:
    """No rule copies them, and nothing but their trend is recorded; buckets of people are read nowhere."""
    one = kpi("Response time, p90")
    shown = "max by (manager, team, channel, window, period) (sales_response_seconds{"
    assert not one.is_recorded(Level.MANAGER)
    assert trend(one, Level.MANAGER) == (
        f'{TIMES}{{period="current",quantile="0.9"}} / on (manager, team, channel, window) '
        f'({TIMES}{{period="previous",quantile="0.9"}} > 0) - 1'
    )
    own = f'max by (channel) ({shown}manager="m",window="day",quantile="0.9"}}))'
    assert f"< on (channel) group_left () {own}" in rank(one, Level.MANAGER, {"manager": "m", "window": "day"})
    exported = {series for family in EXPORTED for series in family.names}
    buckets = re.compile(r"\bsales_\w+_bucket\b")
    documents = [str(rules.groups()), *map(str, dashboards(Look()).values())]
    assert {name for text in documents for name in buckets.findall(text) if "worker" not in name} <= exported | {
        family.bucket for family in SERVICE_FAMILIES
    }


def test_what_is_read_is_summed() -> None:
    """Each recorded sum that a KPI reads has its two rules: often, and seldom."""
    files = rules.groups()
    read = set(
        re.findall(
            r"team:\w+:cells", str([group for name, groups in files.items() if name != rules.FIRST for group in groups])
        )
    )
    summed = [[rule["record"] for rule in group["rules"]] for group in files[rules.FIRST]]
    assert read <= set(summed[0])
    assert summed[0] == summed[1]


def test_a_missed_run_leaves_no_gap() -> None:
    """Five minutes after its last sample a series is gone."""
    units = {"s": 1, "m": 60}
    for groups in rules.groups().values():
        for group in groups:
            assert int(group["interval"][:-1]) * units[group["interval"][-1]] * 2 < 300


def test_titles_name_one_kpi_each() -> None:
    """Dashboards pick KPIs by title."""
    assert len(TITLES) == len(KPIS)


def test_only_windowed_kpis_without_a_plan_have_periods() -> None:
    """A trend needs a previous period."""
    assert all(has_period(one) for one in KPIS if one.trend)
    assert not has_period(kpi("Booked sales: forecast"))
    assert not has_period(kpi("Waiting now"))


def test_no_rule_copies_what_the_exporter_shows_of_people() -> None:
    """Their meetings and who waits are read as scraped; a sum over labels is none, and teams are always recorded."""
    meetings, waiting, calls = kpi("Meetings"), kpi("Longest wait"), kpi("Calls")
    assert [one.is_recorded(Level.MANAGER) for one in (meetings, waiting, calls)] == [False, False, True]
    assert all(one.is_recorded(level) for one in KPIS for level in (Level.TEAM, Level.COMPANY))
    assert meetings.kept_as(Level.MANAGER) == "sales_meetings"
    assert trend(meetings, Level.MANAGER) == (
        'sales_meetings{period="current"} / on (manager, team, window) (sales_meetings{period="previous"} > 0) - 1'
    )
