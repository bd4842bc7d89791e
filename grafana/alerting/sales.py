"""Alerts about sales: customers who wait, late answers, plans that fall behind. Silent outside working time."""

from grafana.alerting.alert import CRITICAL, SALES, WARNING, Alert
from grafana.look import Look
from grafana.promql import Matchers, select, summed
from grafana.shown import kpi
from grafana.targets import BEHIND, GOAL, OVERDUE, PATIENCE, SLOW
from metrics.catalogue import activities, deals, plan, service
from metrics.kpi import Level

BURN = 1.5
"""So many times faster than promised is the budget of late responses spent."""
ENOUGH_RESPONSES, ENOUGH_DEALS, ENOUGH_LEADS, ENOUGH_MISSED = 10, 10, 20, 5
"""Below these numbers a ratio says little, and nobody is told."""
LOST = ("missed", "abandoned")
"""Outcomes of a call that nobody answered."""
COLLAPSE = 0.5
SETTLED = 0.25
"""Silent about plans until this share of the period's working time has passed."""

TEAM = Level.TEAM
_URL = "?var-team={{ $labels.team | urlquery }}"
_SHARE = "{{ $value | humanizePercentage }}"


def _current(title: str, window: str, **more: str) -> str:
    return select(kpi(title).record(TEAM), {**more, "window": window, "period": "current"})


def _previous(title: str, window: str) -> str:
    return select(kpi(title).record(TEAM), window=window, period="previous")


def working(condition: str) -> str:
    """A condition by team that holds only while the team works; a team without hours of its own, while anybody does."""
    hours = service.WORKING_NOW.name
    return f"({condition})\nunless on (team) ({hours} == 0)\nand on () ({hours} == 1)"


def _waiting(channel: str, look: Look, wait: str, severity: str) -> Alert:
    limit = PATIENCE * look.targets[channel]
    title = channel.capitalize()
    oldest = select(kpi("Longest wait").record(TEAM), channel=channel)
    return Alert(
        f"{title}WaitingTooLong",
        working(f"{oldest} > {limit:g}"),
        wait,
        severity,
        SALES,
        f"A {channel} of team {{{{ $labels.team }}}} has waited {{{{ $value | humanizeDuration }}}}",
        f"A customer is waiting in a {channel} for longer than {limit:g} s, {PATIENCE} times the target.",
        f"sales-response{_URL}",
        f"A customer is waiting right now, for more than {PATIENCE} times the target of {look.targets[channel]:g} s.",
        "The Response wall: who is waiting, in which team, since when; the built-in wall shows the same to the second.",
        f"Have somebody in the team answer, or move the {channel} to another team. If many are waiting, call in help.",
        every="5s",
    )


def _slow(look: Look) -> Alert:
    def both(channel: str) -> str:
        limit = SLOW * look.targets[channel]
        long, short = (_current("Response time, p90", window, channel=channel) for window in ("1h", "5m"))
        return f"({long} > {limit:g} and ignoring (window) {short} > {limit:g})"

    return Alert(
        "SlowResponses",
        working(f"{both('call')} or {both('chat')}"),
        "5m",
        WARNING,
        SALES,
        "Team {{ $labels.team }} answers every tenth {{ $labels.channel }} only after {{ $value | humanizeDuration }}",
        f"p90 of response time is over {SLOW} times the target, in the last hour and in the last five minutes.",
        f"sales-response{_URL}",
        f"One answer in ten takes longer than {SLOW} times the target, over an hour and still now.",
        "p90 by team and the heat map on the Response wall; then the Team wall: one slow manager, or all?",
        "Spread the load, or take over waiting customers. Check that hand-offs from bots reach somebody.",
    )


def _service_level() -> Alert:
    budget = BURN * (1 - GOAL)
    long, short = (f"(1 - {_current('Service level', window)}) > {budget:g}" for window in ("1h", "5m"))
    due = summed(("team", "channel"), activities.DUE, {"window": "1h", "period": "current"})
    return Alert(
        "ServiceLevelLow",
        working(f"({long} and ignoring (window) {short})\nand on (team, channel) {due} >= {ENOUGH_RESPONSES}"),
        "2m",
        CRITICAL,
        SALES,
        f"Team {{{{ $labels.team }}}} misses {_SHARE} of {{{{ $labels.channel }}}} responses",
        f"More than {budget:.0%} of the responses due were late or missing, in the last hour and the last 5 minutes; "
        f"the goal allows {1 - GOAL:.0%}.",
        f"sales-response{_URL}",
        f"The budget of late responses ({1 - GOAL:.0%}) is spent {BURN:g} times as fast as allowed, over an hour and "
        "still now.",
        "Service level by team, then missed calls and p90 of the same team.",
        "As for SlowResponses. If calls are missed rather than late, check the queue of the telephone exchange.",
    )


def _missed() -> Alert:
    def of_team(calls: Matchers) -> str:
        return summed(("team",), activities.CALLS, calls)

    def share(window: str) -> str:
        calls = {"direction": "inbound", "window": window, "period": "current"}
        return f"{of_team({**calls, 'outcome': LOST})} / {of_team(calls)}"

    lost = of_team({"direction": "inbound", "window": "1h", "period": "current", "outcome": LOST})
    return Alert(
        "MissedCalls",
        working(f"({share('1h')} > {1 - GOAL:g} and {share('15m')} > {1 - GOAL:g})\nand {lost} >= {ENOUGH_MISSED}"),
        "2m",
        WARNING,
        SALES,
        f"Team {{{{ $labels.team }}}} misses {_SHARE} of its inbound calls",
        f"More than {1 - GOAL:.0%} of inbound calls were missed or abandoned, in the last hour and 15 minutes.",
        f"sales-response{_URL}",
        "Customers call and reach nobody.",
        "Calls by outcome of the team; who is at work; the queue of the telephone exchange.",
        "Call the customers back. Until this team answers again, route calls to one that does.",
    )


def _collapsed(name: str, title: str, enough: str, what: str, look_at: str, do: str) -> Alert:
    condition = f"{_current(title, 'week')} < ignoring (period) {COLLAPSE:g} * {_previous(title, 'week')}\n{enough}"
    return Alert(
        name,
        working(condition),
        "30m",
        WARNING,
        SALES,
        f"{what} of team {{{{ $labels.team }}}} fell to {_SHARE}",
        f"{what} this week is below {COLLAPSE:.0%} of last week's up to the same hour.",
        f"sales-team{_URL}",
        f"{what} has halved against last week, and this week has enough data to say so.",
        look_at,
        do,
    )


def _win_rate() -> Alert:
    closed = summed(("team",), deals.CLOSED, {"window": "week", "period": "current"})
    enough = f"and on (team) {closed} >= {ENOUGH_DEALS}"
    return _collapsed(
        "WinRateCollapsed", "Win rate", enough, "The win rate",
        "Won and lost on the Team wall, by manager; `explain` lists the deals that were lost.",
        "Read the lost deals: one manager, one pipeline, one competitor, one price? A mass closing of dead deals "
        "in the CRM looks the same and is harmless.",
    )  # fmt: skip


def _conversion() -> Alert:
    cold = {"temperature": "cold", "window": "week", "period": "current"}
    enough = f"and on (team) {summed(('team',), activities.LEADS_OPENED, cold)} >= {ENOUGH_LEADS}"
    return _collapsed(
        "ConversionCollapsed", "Cold to warm", enough, "The share of cold leads that warm up",
        "Leads on the Team wall; whether many cold leads were just imported.",
        "If a list was imported, wait for it to be worked on. Otherwise ask who works the leads, and how soon.",
    )  # fmt: skip


def _plan() -> Alert:
    growth = select(kpi("Booked sales: growth against plan").record(TEAM), window="month")
    to_date, target = (
        summed(("team", "window"), family, {"level": "team", "measure": plan.PLAN_MEASURES[0], "window": "month"})
        for family in (plan.TO_DATE, plan.TARGET)
    )
    return Alert(
        "PlanBehindPace",
        working(f"{growth} < {-BEHIND:g} and {to_date} / {target} >= {SETTLED:g}"),
        "1h",
        WARNING,
        SALES,
        f"Team {{{{ $labels.team }}}} is {_SHARE} off its plan to date",
        f"Booked sales are more than {BEHIND:.0%} below the share of the month's plan that working time has used up.",
        f"sales-team{_URL}",
        f"At this pace the month's plan will be missed. Silent until {SETTLED:.0%} of the working time has passed.",
        "The Team wall: plan, forecast, needed per working day; the Plan wall: all teams; Pipeline and money: what is "
        "ready to close.",
        "Agree with the team which ready deals to close this week; correct a plan that was set wrongly.",
    )


def _receivables() -> Alert:
    share = kpi("Overdue share of receivables").record(TEAM)
    return Alert(
        "ReceivablesOverdue",
        working(f"{share} > {OVERDUE:g}"),
        "1h",
        WARNING,
        SALES,
        f"{_SHARE} of what is owed to team {{{{ $labels.team }}}} is overdue",
        f"More than {OVERDUE:.0%} of the receivables are past their due date.",
        f"sales-money{_URL}",
        "Customers do not pay in time.",
        "Receivables by age on the wall Pipeline and money; `explain` lists the invoices.",
        "Remind the customers with the oldest invoices; stop deliveries where agreed.",
    )


def alerts(look: Look) -> tuple[Alert, ...]:
    """All alerts about sales, with the thresholds that follow from the targets."""
    return (
        _waiting("call", look, "15s", CRITICAL),
        _waiting("chat", look, "30s", WARNING),
        _slow(look),
        _service_level(),
        _missed(),
        _win_rate(),
        _conversion(),
        _plan(),
        _receivables(),
    )
