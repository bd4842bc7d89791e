"""What gateways refuse, ignore and hold: families of the ways in, by the sender who can mend it."""

from functools import partial

from metrics.family import Family, Source

_family = partial(Family, source=Source.SERVICE, windows=(), credited=False)

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

FAMILIES = (REFUSED, UNKNOWN_FIELDS, CLIENTS, IN_FLIGHT, READY)
