"""What was sold: deals, won amounts, repeat sales, profit, duration and size."""

from metrics.catalogue.rows import durations, windowed
from metrics.family import CALENDAR_WINDOWS, MONEY_SCALE, NINETY_DAYS, PERIODS, SECOND, Family, Kind
from metrics.kpi import Kpi, PerManager, Ratio, Sum
from metrics.tile import Tile, Wanted

_DAY = 86400
DURATION_BOUNDS = tuple(days * _DAY for days in (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 365))
"""Upper bounds of deal durations, seconds."""
SIZE_BOUNDS = (*(digit * 10**zeros for zeros in range(2, 9) for digit in (1, 2, 5)), 10**9)
"""Upper bounds of deal sizes as shown, units of the base currency."""
SIZE_STEPS = (
    *(1, 2, 3, 4, 5, 6, 8),
    *(digits * 10**zeros for zeros in range(18) for digits in (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)),
)
"""Upper bounds of deal sizes in cells, units of the deal's own currency, up to the greatest amount of the contract.

Finer than what is shown, whose bounds are among them: what another currency is worth is known when it is shown, and an
amount is then taken for its step.
"""

_HOURLY = ("1h", *CALENDAR_WINDOWS)


def _money(
    name: str, text: str, code: str, windows: tuple[str, ...] = CALENDAR_WINDOWS, *, title: str, title_ru: str
) -> Family:
    return Family(
        name,
        text,
        code=code,
        labels=("pipeline",),
        kind=Kind.MONEY,
        scale=MONEY_SCALE,
        windows=windows,
        unit="currency",
        title=title,
        title_ru=title_ru,
    )


CREATED = Family(
    "sales_deals_created",
    "Deals created.",
    title="Deals created",
    title_ru="Новые сделки",
    code="dc",
    labels=("pipeline",),
)
CLOSED = Family(
    "sales_deals_closed",
    "Deals closed, by outcome, at the time of closing, credited to the latest owner.",
    title="Closed deals",
    title_ru="Закрытые сделки",
    code="dx",
    labels=("pipeline", "outcome"),
    windows=_HOURLY,
)
WON_AMOUNT = _money(
    "sales_won_amount",
    "Amount of won deals (booked sales), in the base currency.",
    "wa",
    (*_HOURLY, NINETY_DAYS),
    title="Booked sales",
    title_ru="Продажи",
)
REPEAT_DEALS = Family(
    "sales_repeat_deals",
    "Won deals of clients who had won another deal before.",
    title="Repeat sales",
    title_ru="Повторные продажи",
    code="rd",
    labels=("pipeline",),
)
REPEAT_AMOUNT = _money(
    "sales_repeat_amount",
    "Amount of repeat sales, in the base currency.",
    "ra",
    title="Amount of repeat sales",
    title_ru="Сумма повторных продаж",
)
PROFIT = _money(
    "sales_profit_amount",
    "Amount less direct cost of won deals that state their cost, in the base currency.",
    "pa",
    title="Profit",
    title_ru="Прибыль",
)
COSTED = _money(
    "sales_costed_amount",
    "Amount of won deals that state their cost, in the base currency.",
    "ka",
    title="Sales with known cost",
    title_ru="Продажи с известной себестоимостью",
)
DURATION = Family(
    "sales_deal_duration_seconds",
    "Time from creating to winning a deal.",
    title="Deal duration",
    title_ru="Длительность сделки",
    code="dd",
    labels=("pipeline",),
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=DURATION_BOUNDS,
    unit="s",
)
SIZE = Family(
    "sales_team_won_deal_amount",
    "Won deals by amount in the base currency; of another currency rounded up to 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 "
    "times a power of ten before it is converted.",
    title="Won deals by amount",
    title_ru="Выигранные сделки по сумме",
    code="ws",
    labels=("pipeline",),
    kind=Kind.SIZES,
    bounds=SIZE_BOUNDS,
    periods=PERIODS[:1],
    not_by_team=CALENDAR_WINDOWS[:2],
    unit="currency",
    by_team=True,
)

FAMILIES = (CREATED, CLOSED, WON_AMOUNT, REPEAT_DEALS, REPEAT_AMOUNT, PROFIT, COSTED, DURATION, SIZE)

WON = {"outcome": ("won",)}
_LOST = {"outcome": ("lost",)}

KPIS: tuple[Kpi, ...] = (
    windowed(1, "sales_deals_closed", "sum", "Closed deals", "Закрытые сделки", "Deals won or lost.", Sum(CLOSED), windows=CLOSED.windows, by=("outcome",)),
    windowed(3, "sales_won_lost", "ratio", "Won : lost", "Выиграно : проиграно", "Won deals ÷ lost deals.", Ratio(Sum(CLOSED, WON), Sum(CLOSED, _LOST)), windows=CLOSED.windows),
    windowed(3, "sales_win", "ratio", "Win rate", "Доля побед", "Won deals ÷ (won + lost).", Ratio(Sum(CLOSED, WON), Sum(CLOSED)), "percentunit", CLOSED.windows),
    windowed(4, "sales_won_amount", "sum", "Booked sales", "Продажи", WON_AMOUNT.help, Sum(WON_AMOUNT), "currency", ("1h", *CALENDAR_WINDOWS), brief="Booked"),
    windowed(4, "sales_won_amount", "per_manager", "Booked per salesperson", "Продажи на менеджера", "Booked sales ÷ salespeople who have any.", PerManager(Sum(WON_AMOUNT)), "currency", brief="Booked per person"),
    windowed(7, "sales_repeat_deals", "sum", "Repeat sales", "Повторные продажи", REPEAT_DEALS.help, Sum(REPEAT_DEALS)),
    windowed(7, "sales_repeat_amount", "sum", "Repeat sales, volume", "Объём повторных продаж", REPEAT_AMOUNT.help, Sum(REPEAT_AMOUNT), "currency"),
    windowed(7, "sales_repeat_deals", "ratio", "Share of repeat sales", "Доля повторных продаж", "Repeat deals ÷ won deals.", Ratio(Sum(REPEAT_DEALS), Sum(CLOSED, WON)), "percentunit"),
    windowed(7, "sales_repeat_amount", "ratio", "Share of repeat volume", "Доля объёма повторных", "Repeat amount ÷ won amount.", Ratio(Sum(REPEAT_AMOUNT), Sum(WON_AMOUNT)), "percentunit", brief="Repeat volume share"),
    windowed(9, "sales_average_check", "mean", "Average check", "Средний чек", "Won amount ÷ won deals.", Ratio(Sum(WON_AMOUNT), Sum(CLOSED, WON)), "currency", brief="Avg check"),
    *durations(DURATION, 12, "sales_deal_duration_seconds", "Deal duration", "Длительность сделки", (), (0.5, 0.9), days=True),
    windowed(13, "sales_revenue_profit", "ratio", "Revenue : profit", "Выручка : прибыль", "Costed amount ÷ profit.", Ratio(Sum(COSTED), Sum(PROFIT), None), better="down"),
    windowed(13, "sales_margin", "ratio", "Margin", "Маржа", "Profit ÷ costed amount.", Ratio(Sum(PROFIT), Sum(COSTED)), "percentunit"),
)  # fmt: skip
TILES = (
    Tile(3, Wanted("sales_win:ratio"), (Wanted("sales_deals_closed:sum", {"outcome": "won"}, "won"), Wanted("sales_deals_closed:sum", {"outcome": "lost"}, "lostDeals"))),
    Tile(4, Wanted("sales_won_amount:per_manager"), (Wanted("sales_won_amount:sum", name="total"), Wanted("sales_revenue_amount:sum", name="cash"))),
    Tile(7, Wanted("sales_repeat_deals:sum"), (Wanted("sales_repeat_amount:sum", name="volume"), Wanted("sales_repeat_deals:ratio", name="share"))),
    Tile(9, Wanted("sales_average_check:mean")),
    Tile(12, Wanted("sales_deal_duration_seconds:mean"), (Wanted("sales_deal_duration_seconds:p50", name="median"), Wanted("sales_deal_duration_seconds:p90", name="p90"))),
    Tile(13, Wanted("sales_margin:ratio"), (Wanted("sales_revenue_profit:ratio", name="ratio"),)),
)  # fmt: skip
