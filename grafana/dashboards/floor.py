"""Sales floor: the whole company at a glance, for a screen on the wall, read from five metres."""

from typing import Any

import grafana.panels as p
from grafana.course import HourBars, against_week_before, burn_up, by_day, by_hour
from grafana.dashboards import base
from grafana.layout import Stack, place
from grafana.look import Look
from grafana.shown import by_channel, kpi, kpi_bars, lines, stat, tile
from metrics.catalogue import course, service
from metrics.kpi import Level

_TILES = {"Booked sales": 5, "Cash received": 5, "Average check": 5, "Clients ready to close": 4, "Win rate": 5}
"""KPI → width in columns."""
_COMPANY = Level.COMPANY
PEOPLE = 10


def calls(look: Look, **matchers: str) -> Any:
    """Calls by hour: taken and missed, and what was taken on the same weekday."""
    runs = (
        HourBars("taken", "calls_taken", "green"),
        HourBars("missed", "calls_missed", "red"),
        HourBars("taken a week before", "calls_taken", "gray", course.WEEK_BEFORE),
    )
    return by_hour("Calls by hour", runs, look, matchers)


def _as_of() -> p.Panel:
    """The moment that the wall's numbers are of. Grafana does not say when its answers come late, or not at all."""
    age = service.VIEW_AGE.name
    return stat(
        "As of", [p.number(f"1000 * max(timestamp({age}) - {age})")], unit="time:HH:mm:ss",
        links=[p.Link("Service health", f"/d/{base.SERVICE}")],
        about=f"When the numbers were so; far from the clock, they are old.\n\n`{age}`: {service.VIEW_AGE.help}",
    )  # fmt: skip


def dashboard(look: Look) -> dict[str, Any]:
    """28 grid units high: one screen of 1920 × 1080 in kiosk mode, without scrolling."""
    placed = place(
        (5, [
            (by_channel(kpi("Waiting now"), _COMPANY, look), 4),
            (by_channel(kpi("Waiting too long"), _COMPANY, look, background=True), 4),
            (by_channel(kpi("Longest wait"), _COMPANY, look), 4),
            (by_channel(kpi("Service level"), _COMPANY, look, title="Service level, $window", background=True), 6),
            (by_channel(kpi("Response time, p90"), _COMPANY, look, title="Response p90, $window"), 6),
        ]),
        (4, [(tile(kpi(title), _COMPANY, look), wide) for title, wide in _TILES.items()]),
        # On a phone lines do not stand below their tiles: they say what they are of.
        (3, list(zip([
            by_day("Booked, 31 days", "won_amount", look),
            by_day("Cash, 31 days", "revenue_amount", look),
            by_day("Check, 31 days", "won_amount", look, ("deals_won",)),
            lines([kpi("Clients ready to close")], _COMPANY, look, title="Ready, 24 h", bare=True),
            by_day("Win rate, 31 days", "deals_won", look, ("deals_won", "deals_lost")),
        ], _TILES.values(), strict=True))),
        (7, [
            calls(look),
            by_hour("Chats by hour", against_week_before("answered", "chats_answered"), look),
            by_hour("Booked by hour", against_week_before("booked", "won_amount"), look),
        ]),
        (9, [
            (burn_up("Booked against plan", "won_amount", _COMPANY, look), 9),
            (kpi_bars(kpi("Booked sales"), Level.MANAGER, look, title="Booked, $window", top=PEOPLE,
                      drill=base.to_manager()), 8),
            (Stack((
                (6, [kpi_bars(kpi("Booked sales"), Level.TEAM, look, title="Teams: booked, $window",
                              drill=base.to_team())]),
                (3, [_as_of()]),
            )), 7),
        ]),
    )  # fmt: skip
    return base.board(
        base.FLOOR, "Sales floor", "The whole company at a glance. Made for a wall: add &kiosk to the address.",
        placed, look, base.window(), tags=("wall",), refresh=p.QUICKLY, time_from="now-24h",
    )  # fmt: skip
