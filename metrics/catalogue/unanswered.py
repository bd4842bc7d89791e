"""Clients nobody answered: what became of missed calls, how soon leads were touched, and what is open of both now."""

from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.catalogue.rows import durations, of_now, windowed
from metrics.family import SECOND, Family, Kind, Source
from metrics.kpi import Aim, Kpi, Oldest, Ratio, Sum
from metrics.tile import Tile, Wanted

CALLED_BACK, CLIENT_CALLED, OPEN, LOST = "called_back", "client_called", "open", "lost"
"""Values of `outcome`. Cells know no clock: what nothing has closed stands there as lost, until it is shown."""

MISSED = Family(
    "sales_missed_clients",
    "Clients whom nobody answered, by what became of them: called back, called again themselves, open, lost.",
    title="Missed clients",
    title_ru="Пропущенные клиенты",
    code="mc",
    labels=("outcome",),
)
CALLBACK = Family(
    "sales_callback_business_seconds",
    "Time until a client who was missed was called back, counting only working hours.",
    title="Time to call back",
    title_ru="Время до обратного звонка",
    code="cb",
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
    is_of_working_time=True,
)
CALLBACKS_DUE = Family(
    "sales_callbacks_due",
    "Clients missed, less those who are open, or called again themselves, within the target.",
    title="Call-backs due",
    title_ru="Надо было перезвонить",
    code="cd",
)
CALLBACKS_IN_TIME = Family(
    "sales_callbacks_in_time",
    "Clients called back within the target.",
    title="Called back in time",
    title_ru="Перезвонили вовремя",
    code="ct",
)
LEAD_RESPONSE = Family(
    "sales_lead_response_business_seconds",
    "Time from a lead's creation to its first touch (a call, a meeting, a message), counting only working hours.",
    title="Time to first touch",
    title_ru="Время до первого касания",
    code="lr",
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
    is_of_working_time=True,
)
LEADS_DUE = Family(
    "sales_lead_responses_due",
    "Leads touched, and open ones that nobody has touched within the target.",
    title="First touches due",
    title_ru="Лиды ждали касания",
    code="ld",
)
LEADS_IN_TIME = Family(
    "sales_lead_responses_in_time",
    "Leads touched within the target.",
    title="Touched in time",
    title_ru="Первые касания вовремя",
    code="lt",
)

UNRETURNED = Family(
    "sales_unreturned_clients",
    "Clients whom nobody answered and nobody has called back yet.",
    title="Clients to call back",
    title_ru="Кому перезвонить",
    source=Source.WAITING,
    windows=(),
)
UNRETURNED_OLDEST = Family(
    "sales_unreturned_oldest_seconds",
    "How long ago the longest-waiting missed client was missed.",
    title="Longest wait for a call back",
    title_ru="Дольше всех ждёт звонка",
    source=Source.WAITING,
    windows=(),
    unit="s",
)
UNTOUCHED = Family(
    "sales_untouched_leads",
    "Open leads of at most 30 days that nobody has touched; without clients who are in a call.",
    title="Untouched leads",
    title_ru="Лиды без касания",
    source=Source.WAITING,
    windows=(),
)
UNTOUCHED_OLDEST = Family(
    "sales_untouched_oldest_seconds",
    "How long ago the oldest of these leads was created.",
    title="Oldest untouched lead",
    title_ru="Самый старый лид без касания",
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


KPIS: tuple[Kpi, ...] = (
    windowed(2, "sales_missed_returned", "ratio", "Missed clients called back", "Перезвонили пропущенным", "Clients called back ÷ clients missed.", Ratio(Sum(MISSED, {"outcome": (CALLED_BACK,)}), Sum(MISSED)), "percentunit"),
    windowed(2, "sales_callback_level", "ratio", "Called back in time", "Перезвонили вовремя", "Calls back in time ÷ calls back due.", Ratio(Sum(CALLBACKS_IN_TIME), Sum(CALLBACKS_DUE)), "percentunit", aim=Aim.IN_TIME),
    *durations(CALLBACK, 2, "sales_callback_business_seconds", "Time to call back", "Время до обратного звонка", (), (0.5, 0.9), aim=Aim.CALL_BACK),
    of_now(2, "sales_unreturned_clients", "sum", "To call back now", "Перезвонить сейчас", UNRETURNED.help, Sum(UNRETURNED), "short"),
    of_now(2, "sales_unreturned_oldest_seconds", "max", "Longest not called back", "Дольше всех без звонка", UNRETURNED_OLDEST.help, Oldest(UNRETURNED_OLDEST), "s"),
    windowed(2, "sales_lead_level", "ratio", "Leads touched in time", "Первое касание вовремя", "First touches in time ÷ first touches due.", Ratio(Sum(LEADS_IN_TIME), Sum(LEADS_DUE)), "percentunit", aim=Aim.IN_TIME, brief="In time"),
    *durations(LEAD_RESPONSE, 2, "sales_lead_response_business_seconds", "Time to first touch of a lead", "Время до первого касания лида", (), (0.5, 0.9), aim=Aim.TOUCH, brief="Touch"),
    of_now(2, "sales_untouched_leads", "sum", "Leads not touched now", "Лиды без касания", UNTOUCHED.help, Sum(UNTOUCHED), "short"),
    of_now(2, "sales_untouched_oldest_seconds", "max", "Oldest lead not touched", "Самый старый лид без касания", UNTOUCHED_OLDEST.help, Oldest(UNTOUCHED_OLDEST), "s"),
)  # fmt: skip
ANSWERS = (
    Tile("2-callbacks", Wanted("sales_callback_level:ratio"), (Wanted("sales_missed_returned:ratio", name="calledBack"), Wanted("sales_callback_business_seconds:p90", name="p90"))),
    Tile("2-leads", Wanted("sales_lead_level:ratio"), (Wanted("sales_lead_response_business_seconds:p50", name="median"), Wanted("sales_lead_response_business_seconds:p90", name="p90"))),
)  # fmt: skip
"""KPI 2 for those whom nobody answered at first: they stand by the list of whom to call."""
