"""Pipeline and money: what may still come, what is owed, and what is earned."""

from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.behind import explained
from grafana.course import spread
from grafana.dashboards import base
from grafana.layout import place
from grafana.live import live
from grafana.look import Look
from grafana.names import by_pipeline, by_stage
from grafana.promql import Live, summed
from grafana.shown import BAR, DAY_SECONDS, about, bar, bars, brief, kpi, links, tile, unit
from grafana.tables import COLORED, FILLED, GAUGE, TableColumn, table
from metrics.catalogue import deals, money, now
from metrics.family import Family
from metrics.kpi import Level

_TEAM = {"team": "$team"}
_WINDOWED = {**_TEAM, "window": "$window", "period": "current"}
_TILES = (
    "Booked sales", "Cash received", "Days sales outstanding", "Overdue share of receivables", "Margin",
    "Payback of costs",
)  # fmt: skip
_DAYS = (1, 3, 7, 14, 30, 60)
_SIZES = (500, *(digit * 10**zeros for zeros in (3, 4, 5, 6) for digit in (1, 5)), 10**7)
"""Whatever the currency: sizes of which there is no deal are not shown."""
_SPANS = ("≤ 1 day", "≤ 3 days", "≤ 7 days", "≤ 14 days", "≤ 30 days", "≤ 60 days", "> 60 days")


def dashboard(look: Look) -> dict[str, Any]:
    """Tiles, what is owed and what may come, what was earned and how long it took."""
    placed = place(
        (5, [tile(kpi(title), Level.COMPANY, look, matchers=_TEAM) for title in _TILES]),
        (10, [(_receivables(look), 13), (_funnel(look), 11)]),
        (6, [_months("Margin", look), _months("Payback of costs", look),
             _summed("Costs by category, $window", money.COST, "category", look),
             _summed("Booked by pipeline, $window", deals.WON_AMOUNT, "pipeline", look)]),
        (7, [
            spread("Won by duration, $window", deals.DURATION, [days * DAY_SECONDS for days in _DAYS], _SPANS,
                   _WINDOWED),
            _sizes(),
            _check(look),
            _summed("New by pipeline, $window", deals.CREATED, "pipeline", look),
        ]),
    )  # fmt: skip
    return base.board(
        base.MONEY, "Pipeline and money", "What may still come, what is owed, and what is earned.",
        placed, look, base.window(default="month"), base.team(), time_from="now-7d",
    )  # fmt: skip


def _receivables(look: Look) -> p.Panel:
    owed, share = kpi("Receivables"), kpi("Overdue share of receivables")

    def of(*ages: str) -> str:
        return summed(("team",), now.RECEIVABLE, {**_TEAM, "age": ages} if ages else _TEAM)

    money_unit = unit(owed, look)
    columns = [
        TableColumn("Team", width=135, link=base.to_team("${__data.fields.Team}")),
        TableColumn("Owed", of(), money_unit, 1, cell=GAUGE, width=85),
        TableColumn("not due", of(now.AGES[0]), money_unit, 1),
        *(TableColumn(age, of(age), money_unit, 1, ((None, targets.MIDDLE),), COLORED)
          for age in now.AGES[1:-1]),
        TableColumn("> 90", of(now.AGES[-1]), money_unit, 1, ((None, targets.BAD),), COLORED),
        TableColumn("Late", live(share, Level.TEAM, Live(keep=("team",), matchers=_TEAM)), "percentunit", 0,
               targets.OWED, FILLED),
    ]  # fmt: skip
    return table(
        "Receivables by team and days past due, worst share first", {"team": "Team"}, columns, sort="Late",
        about=f"{about(owed)}\n\n{about(share)}", links=links(owed, Level.TEAM),
    )  # fmt: skip


def _funnel(look: Look) -> p.Panel:
    """Stages in their own order, which is that of how probable a deal in them is."""

    def of(family: Family) -> str:
        return by_stage(summed(("pipeline", "stage"), family, _TEAM))

    amount, weighted = of(now.PIPELINE), of(now.WEIGHTED)
    in_money = look.unit(now.PIPELINE)
    columns = [
        TableColumn("Pipeline", width=85),
        TableColumn("Stage", width=125),
        TableColumn("Deals", of(now.OPEN_DEALS), "short", 0, width=60),
        TableColumn("Amount", amount, in_money, 1, cell=GAUGE, width=90),
        TableColumn("Weighted", weighted, in_money, 1),
        TableColumn("Likely", f"{weighted} / ({amount} > 0)", "percentunit", 0),
    ]
    families = (now.OPEN_DEALS, now.PIPELINE, now.WEIGHTED)
    return table(
        "Open deals by stage, in the order of their probability", {"pipeline_name": "Pipeline", "name": "Stage"},
        columns, sort="Likely", ascending=True, about="\n\n".join(_about(family) for family in families),
        links=list(explained(families, Level.TEAM, "")),
    )  # fmt: skip


def _months(title: str, look: Look) -> p.Panel:
    one = kpi(title)
    queries = [
        bar(live(one, Level.COMPANY, Live("month", period, matchers=_TEAM)), name)
        for period, name in (("current", "this month"), ("previous", "last month, same days"))
    ]
    return bars(
        f"{brief(one)} by month", queries, about=about(one), unit=unit(one, look),
        links=links(one, Level.TEAM, "month"), steps=targets.steps(one, look), decimals=1, label=BAR,
    )  # fmt: skip


def _check(look: Look) -> p.Panel:
    one = kpi("Average check")
    expr = live(one, Level.COMPANY, Live(keep=("pipeline",), matchers=_TEAM))
    return bars(
        "Check by pipeline, $window", [p.number(f"sort_desc({by_pipeline(expr)})", "{{name}}")], about=about(one),
        unit=unit(one, look), links=links(one, Level.TEAM), label="name", decimals=1,
    )  # fmt: skip


def _summed(title: str, family: Family, label: str, look: Look) -> p.Panel:
    numbers, named = summed((label,), family, _WINDOWED), label
    if label == "pipeline":
        numbers, named = by_pipeline(numbers), "name"
    return bars(
        title, [p.number(f"sort_desc({numbers})", f"{{{{{named}}}}}")], about=_about(family), unit=look.unit(family),
        label=named,
        links=list(explained((family,), Level.TEAM, "${window}")), decimals=1 if family.unit == "currency" else 0,
    )  # fmt: skip


def _sizes() -> p.Panel:
    names = [*map(_size, _SIZES), _size(_SIZES[-1]).replace("≤", ">")]
    # Of a team's day or week, too few for a distribution, Prometheus has none.
    return spread(
        "Won by size, $window", deals.SIZE, _SIZES, names, _WINDOWED, sparse=True, nothing="for a month or longer"
    )


def _size(bound: int) -> str:
    for unit_, name in ((10**6, " M"), (10**3, " K")):
        if bound >= unit_:
            return f"≤ {bound // unit_}{name}"
    return f"≤ {bound}"


def _about(family: Family) -> str:
    return f"`{family.name}`: {family.help}"
