"""What people did: calls, meetings, responses, leads, ratings."""

from metrics.catalogue.rows import durations, windowed
from metrics.family import CALENDAR_WINDOWS, SECOND, SHORT_WINDOWS, Family, Kind
from metrics.kpi import Aim, Kpi, Ratio, Sum
from metrics.tile import Tile, Wanted

RESPONSE_BOUNDS = (
    5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400,
)  # fmt: skip
"""Upper bounds of response times, seconds."""

_LIVE = ("5m", "1h", *CALENDAR_WINDOWS)

CALLS = Family(
    "sales_calls",
    "Calls that ended, by direction and outcome.",
    title="Calls",
    title_ru="Звонки",
    code="c",
    labels=("direction", "outcome"),
    windows=(*SHORT_WINDOWS, *CALENDAR_WINDOWS),
)
MEETINGS = Family("sales_meetings", "Meetings held.", title="Meetings", title_ru="Встречи", code="m")
RESPONSE = Family(
    "sales_response_seconds",
    "Time that clients waited for an answer: inbound calls from start to answer, chats from the client's first "
    "unanswered message to the manager's.",
    title="Response time",
    title_ru="Время ответа",
    code="r",
    labels=("channel", "kind"),
    keeps=("channel",),
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    windows=_LIVE,
    not_of_people=SHORT_WINDOWS,
    unit="s",
)
RESPONSE_BUSINESS = Family(
    "sales_response_business_seconds",
    "Time that clients waited for an answer, counting only working hours.",
    title="Response time, working hours",
    title_ru="Время ответа, рабочее время",
    code="b",
    labels=("channel", "kind"),
    keeps=("channel",),
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
    is_of_working_time=True,
)
DUE = Family(
    "sales_responses_due",
    "Responses given, plus inbound calls missed or abandoned after more than 5 s, "
    "plus chats closed while the client waited.",
    title="Responses due",
    title_ru="Ждали ответа",
    code="d",
    labels=("channel",),
    windows=_LIVE,
)
IN_TIME = Family(
    "sales_responses_in_time",
    "Responses within the target.",
    title="Responses in time",
    title_ru="Ответы вовремя",
    code="t",
    labels=("channel",),
    windows=_LIVE,
)
LEADS_OPENED = Family(
    "sales_leads_opened",
    "Leads opened, by their first temperature.",
    title="Leads opened",
    title_ru="Новые лиды",
    code="lo",
    labels=("temperature",),
)
LEADS_WARMED = Family(
    "sales_leads_warmed",
    "Leads that became warm or hot after they were cold.",
    title="Leads warmed",
    title_ru="Лиды потеплели",
    code="lw",
)
RATING_SUM = Family(
    "sales_rating_score_sum",
    "Sum of the scores that clients gave, 1 to 5.",
    title="Sum of scores",
    title_ru="Сумма оценок",
    code="gs",
)
RATING_COUNT = Family(
    "sales_rating_score_count", "Ratings that clients gave.", title="Ratings", title_ru="Оценки", code="gc"
)

FAMILIES = (
    CALLS,
    MEETINGS,
    RESPONSE,
    RESPONSE_BUSINESS,
    DUE,
    IN_TIME,
    LEADS_OPENED,
    LEADS_WARMED,
    RATING_SUM,
    RATING_COUNT,
)


KPIS: tuple[Kpi, ...] = (
    windowed(1, "sales_calls", "sum", "Calls", "Звонки", "Calls that ended.", Sum(CALLS), windows=CALLS.windows),
    windowed(1, "sales_meetings", "sum", "Meetings", "Встречи", "Meetings held.", Sum(MEETINGS)),
    *durations(RESPONSE, 2, "sales_response_seconds", "Response time", "Время ответа", ("channel",), (0.5, 0.9, 0.95), aim=Aim.ANSWER, brief="Answer"),
    *durations(RESPONSE_BUSINESS, 2, "sales_response_business_seconds", "Response time in working hours", "Время ответа в рабочее время", ("channel",), (0.5, 0.9, 0.95), aim=Aim.ANSWER),
    windowed(2, "sales_service_level", "ratio", "Service level", "Уровень сервиса", "Responses in time ÷ responses due.", Ratio(Sum(IN_TIME), Sum(DUE)), "percentunit", DUE.windows, ("channel",), aim=Aim.IN_TIME),
    windowed(6, "sales_leads_warmed", "ratio", "Cold to warm", "Из холодных в тёплые", "Leads warmed ÷ leads opened cold.", Ratio(Sum(LEADS_WARMED), Sum(LEADS_OPENED, {"temperature": ("cold",)})), "percentunit"),
    windowed(8, "sales_rating_score", "mean", "Client rating", "Оценка клиентов", "Sum of scores ÷ ratings.", Ratio(Sum(RATING_SUM), Sum(RATING_COUNT), None), brief="Rating"),
)  # fmt: skip
TILES = (
    Tile(1, Wanted("sales_calls:sum"), (Wanted("sales_meetings:sum", name="meetings"), Wanted("sales_deals_closed:sum", {"outcome": "won"}, "won"))),
    Tile(2, Wanted("sales_response_seconds:p50", {"channel": "call"}), (Wanted("sales_response_seconds:p50", {"channel": "chat"}, "chats"), Wanted("sales_service_level:ratio", {"channel": "call"}, "level")), about="calls"),
    Tile(6, Wanted("sales_leads_warmed:ratio")),
    Tile(8, Wanted("sales_rating_score:mean")),
)  # fmt: skip
