"""What is so now: waiting clients, the open pipeline, receivables."""

from metrics.catalogue import deals
from metrics.catalogue.rows import of_now
from metrics.family import MONEY_SCALE, NINETY_DAYS, PROBABILITY_SCALE, Family, Kind, Source
from metrics.kpi import Aim, Kpi, Oldest, Ratio, Scaled, Sum
from metrics.tile import Tile, Wanted

WAITING = Family(
    "sales_waiting_clients",
    "Clients who wait now: inbound calls ringing, chats not answered.",
    title="Waiting now",
    title_ru="Ждут сейчас",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
)
WAITING_OVERDUE = Family(
    "sales_waiting_overdue_clients",
    "Clients who wait now for longer than the target.",
    title="Waiting too long",
    title_ru="Ждут слишком долго",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
)
WAITING_OLDEST = Family(
    "sales_waiting_oldest_seconds",
    "How long the client who has waited longest waits now.",
    title="Longest wait",
    title_ru="Дольше всех ждёт",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
    unit="s",
)
OPEN_DEALS = Family(
    "sales_open_deals",
    "Open deals, by stage.",
    title="Open deals",
    title_ru="Открытые сделки",
    code="od",
    labels=("pipeline", "stage"),
    source=Source.OPEN,
    windows=(),
)
PIPELINE = Family(
    "sales_pipeline_amount",
    "Amount of open deals, in the base currency.",
    title="Open pipeline",
    title_ru="Сумма открытых сделок",
    code="pl",
    labels=("pipeline", "stage"),
    kind=Kind.MONEY,
    source=Source.OPEN,
    scale=MONEY_SCALE,
    windows=(),
    unit="currency",
)
WEIGHTED = Family(
    "sales_weighted_amount",
    "Amount of open deals times their probability, in the base currency.",
    title="Weighted pipeline",
    title_ru="Взвешенная сумма сделок",
    code="wt",
    labels=("pipeline", "stage"),
    kind=Kind.MONEY,
    source=Source.OPEN,
    scale=MONEY_SCALE * PROBABILITY_SCALE,
    windows=(),
    unit="currency",
)
CLIENTS_READY = Family(
    "sales_clients_ready",
    "Distinct clients with an open deal in a ready stage or probable enough, once per client and owner.",
    title="Clients ready to close",
    title_ru="Клиенты, готовые к сделке",
    code="cr",
    source=Source.OPEN,
    windows=(),
)
RECEIVABLE = Family(
    "sales_receivable_amount",
    "Issued invoices less the payments (plus refunds) that name them, by days past due, in the base currency.",
    title="Receivables",
    title_ru="Дебиторская задолженность",
    code="rc",
    labels=("age",),
    kind=Kind.MONEY,
    source=Source.OPEN,
    scale=MONEY_SCALE,
    windows=(),
    unit="currency",
)

RECEIVABLE_ASKED = "ri"
"""Measure behind RECEIVABLE for an invoice paid in other currencies: client, invoice, due day, currency → amount."""
RECEIVABLE_PAID = "rp"
"""What was paid of such an invoice: client, invoice, currency, local day (0: in its own currency) → amount."""
AGES = ("not_due", "1-30", "31-60", "61-90", "over_90")

FAMILIES = (
    WAITING,
    WAITING_OVERDUE,
    WAITING_OLDEST,
    OPEN_DEALS,
    PIPELINE,
    WEIGHTED,
    CLIENTS_READY,
    RECEIVABLE,
)

_OVERDUE = {"age": AGES[1:]}

KPIS: tuple[Kpi, ...] = (
    of_now(2, "sales_waiting_clients", "sum", "Waiting now", "Ждут сейчас", WAITING.help, Sum(WAITING), "short", ("channel",)),
    of_now(2, "sales_waiting_overdue_clients", "sum", "Waiting too long", "Ждут слишком долго", WAITING_OVERDUE.help, Sum(WAITING_OVERDUE), "short", ("channel",), aim=Aim.NONE, brief="Too long"),
    of_now(2, "sales_waiting_oldest_seconds", "max", "Longest wait", "Самое долгое ожидание", WAITING_OLDEST.help, Oldest(WAITING_OLDEST), "s", ("channel",), aim=Aim.WAIT, brief="Longest"),
    of_now(5, "sales_clients_ready", "sum", "Clients ready to close", "Клиенты, готовые к сделке", CLIENTS_READY.help, Sum(CLIENTS_READY), "short", better="up", brief="Ready"),
    of_now(11, "sales_receivable_amount", "sum", "Receivables", "Дебиторская задолженность", RECEIVABLE.help, Sum(RECEIVABLE), "currency", ("age",)),
    of_now(11, "sales_receivable_overdue", "ratio", "Overdue share of receivables", "Доля просроченной задолженности", "Receivables past due ÷ all.", Ratio(Sum(RECEIVABLE, _OVERDUE), Sum(RECEIVABLE)), "percentunit", aim=Aim.OWED, brief="Overdue"),
    of_now(11, "sales_receivable", "dso_days", "Days sales outstanding", "Оборачиваемость задолженности, дней", "Receivables ÷ won amount of 90 days × 90.", Scaled(Ratio(Sum(RECEIVABLE), Sum(deals.WON_AMOUNT, window=NINETY_DAYS)), times=90), "d", brief="DSO"),
)  # fmt: skip
TILES = (
    Tile(5, Wanted("sales_clients_ready:sum")),
    Tile(11, Wanted("sales_receivable_amount:sum"), (Wanted("sales_receivable_overdue:ratio", name="overdue"), Wanted("sales_receivable:dso_days", name="dso"))),
)  # fmt: skip
