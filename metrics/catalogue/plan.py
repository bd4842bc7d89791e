"""What was planned: targets and working days of the running month, quarter and year."""

from metrics.family import PLAN_WINDOWS, Family, Source

PLAN_MEASURES = ("won_amount", "revenue_amount", "deals_won", "calls", "meetings")
MONEY_MEASURES = frozenset({"won_amount", "revenue_amount"})

TARGET = Family(
    "sales_plan_target",
    "Plan of the running period; money in the base currency.",
    labels=("level", "measure", "window"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
)
TO_DATE = Family(
    "sales_plan_to_date",
    "Plan times the share of the period's working time that has passed.",
    labels=("level", "measure", "window"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
)
WORKING_DAYS = Family(
    "sales_working_days",
    "Working days of the running period by the calendar of each team, with team empty of the company: passed (before "
    "today) and left (from today on).",
    labels=("team", "window", "state"),
    source=Source.PLAN,
    windows=PLAN_WINDOWS,
    credited=False,
)

FORECAST = Family(
    "sales_plan_forecast",
    "Where the running period will end by the pace of the last 13 weeks (`expected`), and between what: four fifths of "
    "what followed such a pace in the past year lay between `low` and `high`. Of company and teams that have a plan; "
    "worked out from whole days, never below what is counted by now; absent where the 91 days of the pace and four "
    "runs of as many days as are left do not lie in the past, as for a year before its last months.",
    labels=("level", "team", "measure", "window", "bound"),
    source=Source.SERVICE,
    windows=PLAN_WINDOWS,
    credited=False,
)

FAMILIES = (TARGET, TO_DATE, WORKING_DAYS)
