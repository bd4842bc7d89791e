"""Response: who waits now, how fast calls and chats are answered, and what becomes of whom nobody answered."""

from typing import Any

import grafana.panels as p
from grafana import targets
from grafana.alerting.sales import LOST
from grafana.behind import explained
from grafana.course import spread, week
from grafana.dashboards import base, unanswered
from grafana.layout import Stack, folded, place
from grafana.live import live
from grafana.look import Look
from grafana.names import NOBODY, whose
from grafana.promql import Live, summed
from grafana.shown import about, by_channel, heatmap, kpi, lines, links, stat
from grafana.tables import COLORED, FILLED, TableColumn, table
from metrics.catalogue import activities, now
from metrics.catalogue.values import CHANNELS
from metrics.family import SHORT_WINDOWS
from metrics.kpi import Kpi, Level

_TEAM = {"team": "$team"}
_BOUNDS = (10, 20, 30, 60, 120, 300)
_NAMES = ("≤ 10 s", "≤ 20 s", "≤ 30 s", "≤ 1 min", "≤ 2 min", "≤ 5 min", "> 5 min")
_QUANTILES = ("p50", "p90", "p95")
_TIMES = (*_QUANTILES, "mean")


def dashboard(look: Look) -> dict[str, Any]:
    """Now on top, then today, then those nobody answered; what is looked at for a reason is folded away."""

    def channels(title: str, heading: str = "", *, background: bool = False) -> p.Panel:
        return by_channel(
            kpi(title), Level.COMPANY, look, title=heading, background=background, matchers=_TEAM
        )  # fmt: skip

    def over_time(channel: str) -> p.Panel:
        one = kpi("Response time, p90")
        return lines(
            [one], Level.TEAM, look, title=f"{CHANNELS[channel].capitalize()}: p90 of an hour", window="1h",
            by_level=True, steps=targets.steps(one, look, channel), matchers={**_TEAM, "channel": channel},
        )  # fmt: skip

    spreads = [
        spread(
            f"{name.capitalize()} answered in, $window", activities.RESPONSE, _BOUNDS, _NAMES,
            {**_TEAM, "channel": channel, "window": "$window", "period": "current"},
            targets.steps(kpi("Response time, p90"), look, channel),
        )
        for channel, name in CHANNELS.items()
    ]  # fmt: skip
    p50, p90, p95, mean = (channels(f"Response time, {what}", f"Response {what}, $window") for what in _TIMES)
    level = channels("Service level", "Service level, $window", background=True)
    placed = place(
        (3, [
            (channels("Waiting now"), 4),
            (channels("Waiting too long", background=True), 4),
            (channels("Longest wait"), 4),
            unanswered.to_call(), unanswered.time_left(look),
        ]),
        (9, [
            (Stack(((3, [level, _missed()]), (3, [unanswered.in_time(look), p50]), (3, [p90, p95]))), 12), *spreads,
        ]),
        (6, [(_teams(look), 16), (_who_waits(look), 8)]),
        (6, [(unanswered.teams(look), 16), (unanswered.people(), 8)]),
        folded("Hours", (9, [week("Missed calls of the company, last 7 days by hour", "calls_missed", look, "red")])),
        folded("Over time", (4, [mean]), (9, [over_time(channel) for channel in CHANNELS]),
               (9, [_percentiles(look, name) for name in CHANNELS]), (9, [
            lines([kpi("Service level")], Level.TEAM, look, title=f"Service level of {name} by team, $window",
                  by_level=True, steps=targets.IN_TIME, matchers={**_TEAM, "channel": channel})
            for channel, name in CHANNELS.items()
        ]), *unanswered.over_time(look), (10, [_heat(name, channel) for channel, name in CHANNELS.items()])),
        folded("In working hours, for the window of a day or longer", (6, [
            channels(f"Response time in working hours, {what}", f"{what}, $window") for what in _TIMES
        ])),
    )  # fmt: skip
    return base.board(
        base.RESPONSE, "Response", "Who waits now, how fast calls and chats are answered, whom to call.", placed, look,
        base.window(short=True), base.team(), tags=("wall",), refresh=p.QUICKLY,
    )  # fmt: skip


def _percentiles(look: Look, channel: str) -> p.Panel:
    return lines(
        [kpi(f"Response time, {q}") for q in _QUANTILES], Level.COMPANY, look,
        title=f"{CHANNELS[channel].capitalize()}: percentiles of the company, $window",
        steps=targets.steps(kpi("Response time, p90"), look, channel), matchers={"channel": channel},
    )  # fmt: skip


def _heat(name: str, channel: str) -> p.Panel:
    spread_over = {**_TEAM, "window": SHORT_WINDOWS[0], "period": "current", "channel": channel}
    return heatmap(f"{name.capitalize()}: responses in the last 5 minutes", activities.RESPONSE, spread_over)


def missed_share(window: str, keep: str = "", **matchers: str) -> str:
    """Inbound calls that nobody took ÷ all inbound calls."""
    kept = (keep,) if keep else ()
    calls = {**matchers, "direction": "inbound", "window": window, "period": "current"}
    everything = summed(kept, activities.CALLS, calls)
    return f"({summed(kept, activities.CALLS, {**calls, 'outcome': LOST})} or {everything} * 0) / {everything}"


def _missed() -> p.Panel:
    return stat(
        "Calls missed, $window", [p.number(missed_share("$window", **_TEAM), "missed")],
        about=f"`{activities.CALLS.name}`: {activities.CALLS.help} Missed or abandoned ÷ all inbound.",
        unit="percentunit", decimals=1, links=list(explained((activities.CALLS,), Level.TEAM, "${window}")),
        steps=targets.MISSED, background=True,
    )  # fmt: skip


def _who_waits(look: Look) -> p.Panel:
    """Whose clients wait, and since when: what the one who was woken asks first."""
    oldest, overdue = max(look.targets.values()), targets.PATIENCE

    waited = whose(now.WAITING_OLDEST, _TEAM)
    columns = [
        TableColumn("Who", least=90, link=base.to_manager("${__data.fields.manager}")),
        TableColumn("In", width=58),
        TableColumn("Waited", waited, "s", 0, targets.seconds(oldest, overdue), COLORED, 95),
        TableColumn("Since", f"(time() - ({waited})) * 1000", "dateTimeAsIsoNoDateIfToday", width=90),
    ]
    return table(
        "Who waits, since when", {"name": "Who", "channel": "In", "manager": "", "team": ""}, columns,
        sort="Waited", about=f"`{now.WAITING_OLDEST.name}`: {now.WAITING_OLDEST.help}",
        links=list(explained((now.WAITING_OLDEST,), Level.TEAM, "")),
    )  # fmt: skip


def _teams(look: Look) -> p.Panel:
    """Who waits and how it goes, by team; the team of the client who has waited longest first."""

    def of(one: Kpi, **own: str) -> str:
        return live(one, Level.TEAM, Live(keep=("team",), matchers={**_TEAM, **own}))

    longest, late, p90, level = (
        kpi(title) for title in ("Longest wait", "Waiting too long", "Response time, p90", "Service level")
    )  # fmt: skip
    columns = [
        TableColumn("Team", width=120, link=base.to_team("${__data.fields.Team}"), mappings=NOBODY),
        TableColumn("Waiting", of(kpi("Waiting now")), "short", 0),
        TableColumn("Late", of(late), "short", 0, targets.NONE_IS_GOOD, COLORED, 60),
        TableColumn("Longest", of(longest), "s", 1, targets.seconds(max(look.targets.values()), targets.PATIENCE),
                    COLORED, 95),
        *(TableColumn(f"SL {name}", of(level, channel=channel), "percentunit", 0, targets.IN_TIME, FILLED)
          for channel, name in CHANNELS.items()),
        *(TableColumn(f"p90 {name}", of(p90, channel=channel), "s", 1, targets.steps(p90, look, channel), COLORED)
          for channel, name in CHANNELS.items()),
        TableColumn("Missed", missed_share("$window", "team", **_TEAM), "percentunit", 0, targets.MISSED, FILLED),
    ]  # fmt: skip
    return table(
        "Teams, $window, longest wait first", {"team": "Team"}, columns, sort="Longest",
        about="\n\n".join(about(one) for one in (longest, late, level, p90)), links=links(level, Level.TEAM),
    )  # fmt: skip
