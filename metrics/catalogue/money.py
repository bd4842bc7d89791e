"""What was paid and spent: revenue and costs."""

from metrics.catalogue import deals
from metrics.catalogue.rows import windowed
from metrics.family import CALENDAR_WINDOWS, MONEY_SCALE, Family, Kind
from metrics.kpi import Aim, Kpi, Minus, PerManager, Ratio, Sum
from metrics.tile import Tile, Wanted

REVENUE = Family(
    "sales_revenue_amount",
    "Payments less refunds (cash), in the base currency.",
    title="Cash received",
    title_ru="Поступления",
    code="rv",
    kind=Kind.MONEY,
    scale=MONEY_SCALE,
    windows=("1h", *CALENDAR_WINDOWS),
    unit="currency",
)
COST = Family(
    "sales_cost_amount",
    "Costs booked, by category, in the base currency.",
    title="Costs",
    title_ru="Затраты",
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


KPIS: tuple[Kpi, ...] = (
    windowed(4, "sales_revenue_amount", "sum", "Cash received", "Поступления", REVENUE.help, Sum(REVENUE), "currency", REVENUE.windows, brief="Cash"),
    windowed(4, "sales_revenue_amount", "per_manager", "Cash per salesperson", "Поступления на менеджера", "Cash received ÷ salespeople who have any.", PerManager(Sum(REVENUE)), "currency", brief="Cash per person"),
    windowed(10, "sales_payback", "ratio", "Payback of costs", "Окупаемость затрат", "(Profit − cost) ÷ cost.", Ratio(Minus(Sum(deals.PROFIT), Sum(COST), zero_left=True), Sum(COST), None), "percentunit", aim=Aim.PAYS, brief="Payback"),
)  # fmt: skip
TILES = (
    Tile(10, Wanted("sales_payback:ratio")),
)  # fmt: skip
