"""What was sold: deals, won amounts, repeat sales, profit, duration and size."""

from metrics.family import CALENDAR_WINDOWS, MONEY_SCALE, NINETY_DAYS, SECOND, Family, Kind

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


def _money(name: str, text: str, code: str, windows: tuple[str, ...] = CALENDAR_WINDOWS) -> Family:
    return Family(
        name,
        text,
        code=code,
        labels=("pipeline",),
        kind=Kind.MONEY,
        scale=MONEY_SCALE,
        windows=windows,
        unit="currency",
    )


CREATED = Family("sales_deals_created", "Deals created.", code="dc", labels=("pipeline",))
CLOSED = Family(
    "sales_deals_closed",
    "Deals closed, by outcome, at the time of closing, credited to the latest owner.",
    code="dx",
    labels=("pipeline", "outcome"),
    windows=_HOURLY,
)
WON_AMOUNT = _money(
    "sales_won_amount",
    "Amount of won deals (booked sales), in the base currency.",
    "wa",
    (*_HOURLY, NINETY_DAYS),
)
REPEAT_DEALS = Family(
    "sales_repeat_deals",
    "Won deals of clients who had won another deal before.",
    code="rd",
    labels=("pipeline",),
)
REPEAT_AMOUNT = _money("sales_repeat_amount", "Amount of repeat sales, in the base currency.", "ra")
PROFIT = _money(
    "sales_profit_amount",
    "Amount less direct cost of won deals that state their cost, in the base currency.",
    "pa",
)
COSTED = _money(
    "sales_costed_amount",
    "Amount of won deals that state their cost, in the base currency.",
    "ka",
)
DURATION = Family(
    "sales_deal_duration_seconds",
    "Time from creating to winning a deal.",
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
    code="ws",
    labels=("pipeline",),
    kind=Kind.SIZES,
    bounds=SIZE_BOUNDS,
    unit="currency",
    by_team=True,
)

FAMILIES = (CREATED, CLOSED, WON_AMOUNT, REPEAT_DEALS, REPEAT_AMOUNT, PROFIT, COSTED, DURATION, SIZE)
