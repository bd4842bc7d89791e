"""What the gateway tells Prometheus about itself."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from producers.senders import SenderNames

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewaySeries:
    """All series of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._events = Counter(
            "sales_gateway_events",
            "Events by source and what became of them: accepted, refused, or tried (dry_run).",
            ["source", "outcome"],
            registry=registry,
        )
        self._refused = Counter(
            "sales_gateway_refused",
            "Events and requests refused, by source (empty where nobody proved who sent them) and reason: of the "
            "contract, forbidden, or the HTTP status.",
            ["source", "reason"],
            registry=registry,
        )
        self._unknown = Counter(
            "sales_gateway_unknown_fields",
            "Fields that the contract does not know, found in the events looked at: the first ten of a request.",
            ["source"],
            registry=registry,
        )
        self._clients = Counter(
            "sales_gateway_clients",
            "Events whose client was given by a number or an address, by source and whether the client was known.",
            ["source", "outcome"],
            registry=registry,
        )
        self._requests = Counter("sales_gateway_requests", "Requests by status.", ["status"], registry=registry)
        # There from the start: nobody sees the first of each as an increase.
        for status in (202, 400, 401, 408, 429, 500, 503):
            self._requests.labels(str(status))
        self.seconds = Histogram(
            "sales_gateway_request_seconds", "Time from request to answer.", buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge(
            "sales_gateway_in_flight_bytes", "Bytes of requests that wait for Kafka.", registry=registry
        )
        self.ready = Gauge("sales_gateway_ready", "1 while Kafka takes events.", registry=registry)
        self._token_expiry = Gauge(
            "sales_gateway_token_expiry_timestamp_seconds",
            "When the last token or secret of a source runs out, of sources for which all of them have a last day.",
            ["source"],
            registry=registry,
        )
        self._name = SenderNames()
        self._children: dict[tuple[str, ...], Counter] = {}
        """What `labels` gives for an outcome or status; asking it costs more than counting."""

    def token_expiry(self, ends: Mapping[str, float]) -> None:
        """Source → when its last token or secret runs out (Unix s)."""
        for source, end in ends.items():
            self._token_expiry.labels(self._name(source)).set(end)

    def answered(self, status: int, seconds: float) -> None:
        """A request got its answer."""
        self._child(self._requests, str(status)).inc()
        self.seconds.observe(seconds)

    def events(self, source: str, outcome: str, count: int) -> None:
        """So many events were accepted, refused or tried."""
        self._child(self._events, self._name(source), outcome).inc(count)

    def refused(self, source: str, reason: str) -> None:
        """Something was refused."""
        self._refused.labels(self._name(source), reason).inc()

    def unknown(self, source: str, count: int) -> None:
        """Fields were unknown."""
        self._unknown.labels(self._name(source)).inc(count)

    def clients(self, source: str, outcome: str) -> None:
        """A client was resolved: known or new."""
        self._clients.labels(self._name(source), outcome).inc()

    def _child(self, of: Counter, *labels: str) -> Counter:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = of.labels(*labels)
        return child
