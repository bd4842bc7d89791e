"""Clients nobody answered, for *Response*: who is to be called now, and what became of them, by team and person."""

import grafana.panels as p
from grafana import targets
from grafana.behind import explained
from grafana.dashboards import base
from grafana.layout import Band
from grafana.live import live, none_of
from grafana.look import Look
from grafana.names import NOBODY, whose
from grafana.promql import Live, select, summed
from grafana.shown import about, kpi, lines, links, stat
from grafana.tables import COLORED, FILLED, TableColumn, table
from metrics.catalogue import service, unanswered
from metrics.family import Family
from metrics.kpi import Kpi, Level

_TEAM = {"team": "$team"}
_CALLED, _TOUCHED = "Called back in time", "Leads touched in time"
_CALL_P90, _TOUCH_P90 = "Time to call back, p90", "Time to first touch of a lead, p90"
_OPEN = {"missed": "To call back now", "leads": "Leads not touched now"}


def to_call() -> p.Panel:
    """How many are to be called now."""
    queries = [p.number(live(kpi(title), Level.TEAM, Live(matchers=_TEAM)), name) for name, title in _OPEN.items()]
    return stat(
        "To call now", queries, about="\n\n".join(about(kpi(title)) for title in _OPEN.values()), unit="short",
        links=list(explained((unanswered.UNRETURNED, unanswered.UNTOUCHED), Level.TEAM, "")), decimals=0,
    )  # fmt: skip


def time_left(look: Look) -> p.Panel:
    """How long until the first of them is late, in working time."""
    left = {
        "missed": (service.UNRETURNED_LEFT, look.callback_target),
        "leads": (service.UNTOUCHED_LEFT, look.lead_target),
    }
    queries = [p.number(f"min({select(family.name, _TEAM)})", name) for name, (family, _) in left.items()]
    return stat(
        "Working time left", queries,
        about="\n\n".join(f"`{family.name}`: {family.help}" for family, _ in left.values()), unit="s", decimals=0,
        links=list(explained((unanswered.UNRETURNED, unanswered.UNTOUCHED), Level.TEAM, "")), background=True,
        overrides=[
            p.override(name, thresholds=p.steps(*targets.left(target))) for name, (_, target) in left.items()
        ],
    )  # fmt: skip


def in_time(look: Look) -> p.Panel:
    """Shares called back, and touched, within the target."""
    ours = {"missed": kpi(_CALLED), "leads": kpi(_TOUCHED)}
    queries = [p.number(live(one, Level.COMPANY, Live(matchers=_TEAM)), name) for name, one in ours.items()]
    return stat(
        "Called in time, $window", queries, about="\n\n".join(about(one) for one in ours.values()), unit="percentunit",
        links=[*links(kpi(_CALLED), Level.TEAM), *links(kpi(_TOUCHED), Level.TEAM)[:-1]], decimals=1,
        steps=targets.steps(kpi(_CALLED), look), background=True,
    )  # fmt: skip


def _missed(outcome: str) -> str:
    return _each(summed(("team",), unanswered.MISSED, {**_current(), "outcome": outcome}))


def _current() -> dict[str, str]:
    return {**_TEAM, "window": "$window", "period": "current"}


def _each(expr: str) -> str:
    """By team; 0 of teams that have none."""
    return f"{expr} or {none_of(Live(keep=('team',), matchers=_TEAM))}"


def teams(look: Look) -> p.Panel:
    """What became of those nobody answered, by team; the team that misses its target most often first."""

    def of(one: Kpi) -> str:
        return live(one, Level.TEAM, Live(keep=("team",), matchers=_TEAM))

    called, touched, back, touch = (kpi(title) for title in (_CALLED, _TOUCHED, _CALL_P90, _TOUCH_P90))
    returned = _each(summed(("team",), unanswered.CALLBACKS_IN_TIME, _current()))
    least = f"min by (team) ({select(service.UNRETURNED_LEFT.name, _TEAM)})"
    columns = [
        TableColumn("Team", least=90, link=base.to_team("${__data.fields.Team}"), mappings=NOBODY),
        TableColumn("Late %", f"1 - ({of(called)})", "percentunit", 0, targets.MISSED, FILLED, 86),
        TableColumn("Open", of(kpi("To call back now")), "short", 0, width=55),
        TableColumn("Left", least, "s", 0, targets.left(look.callback_target), COLORED, 70),
        TableColumn("In time", returned, "short", 0, width=65),
        TableColumn("Late", f"({_missed(unanswered.CALLED_BACK)}) - ({returned})", "short", 0, width=50),
        TableColumn("Again", _missed(unanswered.CLIENT_CALLED), "short", 0, width=58),
        TableColumn("Lost", _missed(unanswered.LOST), "short", 0, targets.NONE_IS_GOOD, COLORED, 50),
        TableColumn("p90", of(back), "s", 0, targets.steps(back, look), COLORED, 74),
        TableColumn("Leads", of(kpi("Leads not touched now")), "short", 0, width=60),
        TableColumn("Touch", of(touch), "s", 0, targets.steps(touch, look), COLORED, 70),
        TableColumn("SL leads", of(touched), "percentunit", 0, targets.IN_TIME, FILLED, 82),
    ]
    family = unanswered.MISSED
    return table(
        "Nobody answered: by team, $window, worst first", {"team": "Team"}, columns, sort="Late %",
        about="Open now, and of the window: called back in time, late, called again by the client, lost; new leads "
        "that nobody has touched, and how soon they were.\n\n"
        + "\n\n".join([f"`{family.name}`: {family.help}", *(about(one) for one in (called, back, touch, touched))]),
        links=[*explained((family, unanswered.LEADS_DUE), Level.TEAM, "${window}")],
    )  # fmt: skip


def people() -> p.Panel:
    """Whose clients are to be called, and since when."""

    def of(family: Family) -> str:
        return whose(family, _TEAM)

    columns = [
        TableColumn("Who", least=90, link=base.to_manager("${__data.fields.manager}")),
        TableColumn("Calls", of(unanswered.UNRETURNED), "short", 0, width=73),
        TableColumn("For", of(unanswered.UNRETURNED_OLDEST), "s", 0, width=74),
        TableColumn("Leads", of(unanswered.UNTOUCHED), "short", 0, width=60),
        TableColumn("Oldest", of(unanswered.UNTOUCHED_OLDEST), "s", 0, width=66),
    ]
    families = (unanswered.UNRETURNED, unanswered.UNTOUCHED)
    return table(
        "Whom to call, by person", {"name": "Who", "manager": "", "team": ""}, columns, sort="Calls",
        about="\n\n".join(f"`{one.name}`: {one.help}" for one in families),
        links=list(explained(families, Level.TEAM, "")),
    )  # fmt: skip


def over_time(look: Look) -> list[Band]:
    """How shares and times of teams went: of call-backs, and of leads."""

    def of(title: str, heading: str) -> p.Panel:
        steps = targets.steps(kpi(title), look)
        return lines(
            [kpi(title)], Level.TEAM, look, title=f"{heading} by team, $window", by_level=True, steps=steps,
            matchers=_TEAM,
        )  # fmt: skip

    return [
        (9, [of(_CALLED, "Called back in time"), of(_CALL_P90, "p90 to call back")]),
        (9, [of(_TOUCHED, "Leads touched in time"), of(_TOUCH_P90, "p90 to first touch")]),
    ]
