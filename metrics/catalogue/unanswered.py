"""Clients nobody answered: what became of missed calls, how soon leads were touched, and what is open of both now."""

from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.family import SECOND, Family, Kind, Source

CALLED_BACK, CLIENT_CALLED, OPEN, LOST = "called_back", "client_called", "open", "lost"
"""Values of `outcome`. Cells know no clock: what nothing has closed stands there as lost, until it is shown."""

MISSED = Family(
    "sales_missed_clients",
    "Clients whom nobody answered, by what became of them: called back, called again themselves, open, lost.",
    code="mc",
    labels=("outcome",),
)
CALLBACK = Family(
    "sales_callback_business_seconds",
    "Time until a client who was missed was called back, counting only working hours.",
    code="cb",
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
)
CALLBACKS_DUE = Family(
    "sales_callbacks_due",
    "Clients missed, less those who are open, or called again themselves, within the target.",
    code="cd",
)
CALLBACKS_IN_TIME = Family("sales_callbacks_in_time", "Clients called back within the target.", code="ct")
LEAD_RESPONSE = Family(
    "sales_lead_response_business_seconds",
    "Time from a lead's creation to its first touch (a call, a meeting, a message), counting only working hours.",
    code="lr",
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
)
LEADS_DUE = Family(
    "sales_lead_responses_due",
    "Leads touched, and open ones that nobody has touched within the target.",
    code="ld",
)
LEADS_IN_TIME = Family("sales_lead_responses_in_time", "Leads touched within the target.", code="lt")

UNRETURNED = Family(
    "sales_unreturned_clients",
    "Clients whom nobody answered and nobody has called back yet.",
    source=Source.WAITING,
    windows=(),
)
UNRETURNED_OLDEST = Family(
    "sales_unreturned_oldest_seconds",
    "How long ago the client was missed who waits longest for a call back.",
    source=Source.WAITING,
    windows=(),
    unit="s",
)
UNTOUCHED = Family(
    "sales_untouched_leads",
    "Open leads of at most 30 days that nobody has touched; without clients who are in a call.",
    source=Source.WAITING,
    windows=(),
)
UNTOUCHED_OLDEST = Family(
    "sales_untouched_oldest_seconds",
    "How long ago the oldest of these leads was created.",
    source=Source.WAITING,
    windows=(),
    unit="s",
)

FAMILIES = (
    MISSED,
    CALLBACK,
    CALLBACKS_DUE,
    CALLBACKS_IN_TIME,
    LEAD_RESPONSE,
    LEADS_DUE,
    LEADS_IN_TIME,
    UNRETURNED,
    UNRETURNED_OLDEST,
    UNTOUCHED,
    UNTOUCHED_OLDEST,
)
