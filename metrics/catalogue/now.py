"""What is so now: waiting clients, the open pipeline, receivables."""

from metrics.family import MONEY_SCALE, PROBABILITY_SCALE, Family, Kind, Source

WAITING = Family(
    "sales_waiting_clients",
    "Clients who wait now: inbound calls ringing, chats not answered.",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
)
WAITING_OVERDUE = Family(
    "sales_waiting_overdue_clients",
    "Clients who wait now for longer than the target.",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
)
WAITING_OLDEST = Family(
    "sales_waiting_oldest_seconds",
    "How long the client who has waited longest waits now.",
    labels=("channel",),
    source=Source.WAITING,
    windows=(),
    unit="s",
)
OPEN_DEALS = Family(
    "sales_open_deals",
    "Open deals, by stage.",
    code="od",
    labels=("pipeline", "stage"),
    source=Source.OPEN,
    windows=(),
)
PIPELINE = Family(
    "sales_pipeline_amount",
    "Amount of open deals, in the base currency.",
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
    code="cr",
    source=Source.OPEN,
    windows=(),
)
RECEIVABLE = Family(
    "sales_receivable_amount",
    "Issued invoices less the payments (plus refunds) that name them, by days past due, in the base currency.",
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
