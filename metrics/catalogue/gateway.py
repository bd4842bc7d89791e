"""The ways in: gateways, a portal's connector, and imports; what they take and refuse, by who can fix it."""

from functools import partial

from metrics.family import Family, Source

_family = partial(Family, source=Source.SERVICE, windows=(), credited=False)

EVENTS = _family(
    "sales_gateway_events_total",
    "Events that came in by gateways, by source: accepted (Kafka has them), refused (the contract does not allow them) "
    "or tried (dry_run).",
    labels=("source", "outcome"),
    unit="short",
    counter=True,
)
REQUESTS = _family(
    "sales_gateway_requests_total",
    "Requests with events, by the status of the answer.",
    labels=("status",),
    unit="short",
    counter=True,
)
SECONDS = _family(
    "sales_gateway_request_seconds", "Time from a request to its answer (histogram).", labels=(), unit="s"
)
REFUSED = _family(
    "sales_gateway_refused_total",
    "Events and requests that gateways refused, by source (empty where nobody proved who sent them) and reason: of the "
    "contract, forbidden, or the HTTP status.",
    labels=("source", "reason"),
    unit="short",
    counter=True,
)
UNKNOWN_FIELDS = _family(
    "sales_gateway_unknown_fields_total",
    "Fields that the contract does not know, ignored, found in the events looked at: the first ten of a request.",
    labels=("source",),
    unit="short",
    counter=True,
)
CLIENTS = _family(
    "sales_gateway_clients_total",
    "Events whose client was given by a number or an address, by source and whether the client was known.",
    labels=("source", "outcome"),
    unit="short",
    counter=True,
)
IN_FLIGHT = _family("sales_gateway_in_flight_bytes", "Bytes of requests that wait for Kafka.", labels=(), unit="bytes")
READY = _family("sales_gateway_ready", "1 while Kafka takes events from a gateway.", labels=(), unit="bool")
TOKEN_EXPIRY = _family(
    "sales_gateway_token_expiry_timestamp_seconds",
    "When the last token or secret of a source runs out, of sources for which all of them have a last day.",
    labels=("source",),
    unit="short",
)

FAMILIES = (EVENTS, REQUESTS, SECONDS, REFUSED, UNKNOWN_FIELDS, CLIENTS, IN_FLIGHT, READY, TOKEN_EXPIRY)

BITRIX24_HOOKS = _family(
    "sales_bitrix24_hooks_total",
    "Hooks of the portal by what became of them: accepted, ignored (they concern nothing that is read) or refused.",
    labels=("outcome",),
    counter=True,
)
BITRIX24_EVENTS = _family("sales_bitrix24_events_total", "Events published, by type.", labels=("type",), counter=True)
BITRIX24_REFUSED = _family(
    "sales_bitrix24_refused_total",
    "Entities of the portal that do not fit the contract and were left out.",
    counter=True,
)
BITRIX24_CLIENTS = _family(
    "sales_bitrix24_clients_total",
    "Calls of the portal whose number was looked up in the identities, by whether its client was known.",
    labels=("outcome",),
    unit="short",
    counter=True,
)
BITRIX24_FAILURES = _family(
    "sales_bitrix24_failures_total",
    "Attempts that failed and are tried again, by what was tried: drain (fetch what hooks told of), chats, reconcile.",
    labels=("task",),
    counter=True,
)
BITRIX24_RECONCILED = _family(
    "sales_bitrix24_reconciled_timestamp_seconds",
    "When the last reconciliation ended, Unix seconds; 0 before the first.",
    unit="dateTimeAsIso",
)
BITRIX24_FORBIDDEN = _family(
    "sales_bitrix24_forbidden",
    "1 for what the webhook may not read (deals, calls, …), as the last reconciliation found it.",
    labels=("what",),
    unit="bool",
)
BITRIX24_HIDDEN = _family(
    "sales_bitrix24_hidden",
    "Deals or invoices that were published and that the webhook may not read any more, of those looked at last. They "
    "stay counted as they were.",
    labels=("kind",),
    unit="short",
)
BITRIX24_WAITING = _family("sales_bitrix24_waiting", "Changes that the portal told of and that wait to be fetched.")
BITRIX24_OLDEST = _family(
    "sales_bitrix24_oldest_timestamp_seconds",
    "Since when the oldest of these changes waits, Unix seconds; 0 when none does.",
    unit="dateTimeAsIso",
)

BITRIX24_FAMILIES = (
    BITRIX24_HOOKS,
    BITRIX24_EVENTS,
    BITRIX24_REFUSED,
    BITRIX24_CLIENTS,
    BITRIX24_FAILURES,
    BITRIX24_RECONCILED,
    BITRIX24_FORBIDDEN,
    BITRIX24_HIDDEN,
    BITRIX24_WAITING,
    BITRIX24_OLDEST,
)
"""Shown by the gateway, too, where a portal is connected."""

IMPORT_LINES = _family(
    "sales_import_lines_total",
    "Lines of files that were imported or are followed, by source, format and what became of them: taken, left_out or "
    "refused.",
    labels=("source", "format", "outcome"),
    unit="short",
    counter=True,
)
IMPORT_EVENTS = _family(
    "sales_import_events_total",
    "Events that imports sent, by source and format.",
    labels=("source", "format"),
    unit="short",
    counter=True,
)
IMPORT_CLIENTS = _family(
    "sales_import_clients_total",
    "Calls of an exchange's logs, and rows of tables, whose client was looked up by a number or an address, by source, "
    "format and whether the client was known.",
    labels=("source", "format", "outcome"),
    unit="short",
    counter=True,
)
IMPORT_AT = _family(
    "sales_import_timestamp_seconds",
    "When the last import of a source ended (import), and when its log was last looked at (follow), Unix seconds.",
    labels=("source", "format", "mode"),
    unit="dateTimeAsIso",
)
IMPORT_FAMILIES = (IMPORT_LINES, IMPORT_EVENTS, IMPORT_CLIENTS, IMPORT_AT)
"""Not scraped from us: `sales-pulse import --metrics` writes them for node exporter."""
