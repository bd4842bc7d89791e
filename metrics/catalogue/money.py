"""What was paid and spent: revenue and costs."""

from metrics.family import CALENDAR_WINDOWS, MONEY_SCALE, Family, Kind

REVENUE = Family(
    "sales_revenue_amount",
    "Payments less refunds (cash), in the base currency.",
    code="rv",
    kind=Kind.MONEY,
    scale=MONEY_SCALE,
    windows=("1h", *CALENDAR_WINDOWS),
    unit="currency",
)
COST = Family(
    "sales_cost_amount",
    "Costs booked, by category, in the base currency.",
    code="co",
    labels=("category",),
    kind=Kind.MONEY,
    scale=MONEY_SCALE,
    unit="currency",
)

MONEY_EVENTS = "me"
"""Measure, not shown by itself: money-carrying entities per currency, to count what cannot be converted."""
OPEN_MONEY_EVENTS = "mo"
"""The same for what is open now."""

FAMILIES = (REVENUE, COST)
