"""How today and this month have gone: by hour and by day, from the cells, so that walls draw what was never scraped."""

from metrics.catalogue.plan import PLAN_MEASURES
from metrics.family import Family, Source

HOUR_MEASURES = ("calls_taken", "calls_missed", "chats_answered", "deals_won", "won_amount", "revenue_amount")
"""Inbound calls answered; inbound calls missed or abandoned; first responses in chats; deals won; money."""
DAY_MEASURES = (*PLAN_MEASURES, "deals_lost")
TEAM_MEASURES = ("won_amount",)
"""Of which a month's course is shown of each team, too: a day of a measure is a series of each of them."""
SHOWN_DAYS = 31
"""Days that DAYS goes back, today included."""
TODAY, WEEK_BEFORE = "today", "week_before"
"""Values of `day` of HOURS: the running local day, and the same weekday a week earlier, the whole of it."""


def _own(name: str, text: str, *labels: str) -> Family:
    return Family(name, text, labels=labels, source=Source.SERVICE, windows=(), credited=False)


HOURS = _own(
    "sales_by_hour",
    "What each local hour of today and of the same weekday a week before has counted, late events and corrections "
    "included; money in the base currency. Hours in which nothing was counted are left out.",
    "team",
    "measure",
    "day",
    "hour",
)
WEEK_HOURS = _own(
    "sales_by_weekday_hour",
    "What each local hour of the seven whole days before today has counted, of the company.",
    "measure",
    "weekday",
    "hour",
)
DAYS = _own(
    "sales_by_day",
    f"What each of the last {SHOWN_DAYS} local days has counted, today included, of the company.",
    "measure",
    "day",
)
MONTH_TO_DAY = _own(
    "sales_month_to_day",
    "What was counted from the first of the running month up to and including a day: of the company, and booked sales of "
    "each team, too.",
    "level",
    "team",
    "measure",
    "day",
)
PLAN_COURSE = _own(
    "sales_plan_course",
    "Plan of the running month times the share of its working time that has passed at the end of a day: of the company, "
    "and for booked sales of each team, too.",
    "level",
    "team",
    "measure",
    "day",
)

COURSE_FAMILIES = (HOURS, WEEK_HOURS, DAYS, MONTH_TO_DAY, PLAN_COURSE)
