"""What people did: calls, meetings, responses, leads, ratings."""

from metrics.family import CALENDAR_WINDOWS, SECOND, SHORT_WINDOWS, Family, Kind

RESPONSE_BOUNDS = (
    5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400,
)  # fmt: skip
"""Upper bounds of response times, seconds."""

_LIVE = (*SHORT_WINDOWS, *CALENDAR_WINDOWS)

CALLS = Family(
    "sales_calls",
    "Calls that ended, by direction and outcome.",
    code="c",
    labels=("direction", "outcome"),
    windows=_LIVE,
)
MEETINGS = Family("sales_meetings", "Meetings held.", code="m")
RESPONSE = Family(
    "sales_response_seconds",
    "Time that clients waited for an answer: inbound calls from start to answer, chats from the client's first "
    "unanswered message to the manager's.",
    code="r",
    labels=("channel", "kind"),
    quantiles_by=("channel",),
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    windows=_LIVE,
    unit="s",
)
RESPONSE_BUSINESS = Family(
    "sales_response_business_seconds",
    "Time that clients waited for an answer, counting only working hours.",
    code="b",
    labels=("channel", "kind"),
    quantiles_by=("channel",),
    kind=Kind.HISTOGRAM,
    scale=SECOND,
    bounds=RESPONSE_BOUNDS,
    unit="s",
)
DUE = Family(
    "sales_responses_due",
    "Responses given, plus inbound calls missed or abandoned after more than 5 s, "
    "plus chats closed while the client waited.",
    code="d",
    labels=("channel",),
    windows=_LIVE,
)
IN_TIME = Family(
    "sales_responses_in_time",
    "Responses within the target.",
    code="t",
    labels=("channel",),
    windows=_LIVE,
)
LEADS_OPENED = Family(
    "sales_leads_opened",
    "Leads opened, by their first temperature.",
    code="lo",
    labels=("temperature",),
)
LEADS_WARMED = Family("sales_leads_warmed", "Leads that became warm or hot after they were cold.", code="lw")
RATING_SUM = Family("sales_rating_score_sum", "Sum of the scores that clients gave, 1 to 5.", code="gs")
RATING_COUNT = Family("sales_rating_score_count", "Ratings that clients gave.", code="gc")

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
