"""What the connector tells Prometheus about itself, beside the gateway's own numbers."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters and gauges of one connector."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.hooks = Counter(
            "sales_bitrix24_hooks", "Hooks by what became of them.", ["outcome"], registry=self.registry
        )
        self.events = Counter("sales_bitrix24_events", "Events published by type.", ["type"], registry=self.registry)
        self.refused = Counter(
            "sales_bitrix24_refused", "Entities that do not fit the contract.", registry=self.registry
        )
        self.clients = Counter(
            "sales_bitrix24_clients",
            "Calls whose number was looked up, by whether its client was known.",
            ["outcome"],
            registry=self.registry,
        )
        self.failures = Counter(
            "sales_bitrix24_failures", "Attempts that failed, by what was tried.", ["task"], registry=self.registry
        )
        self.reconciled = Gauge(
            "sales_bitrix24_reconciled_timestamp_seconds", "When the last reconciliation ended.", registry=self.registry
        )
        self.forbidden = Gauge(
            "sales_bitrix24_forbidden",
            "1 for what the webhook may not read, as the last reconciliation found it.",
            ["what"],
            registry=self.registry,
        )
        self.hidden = Gauge(
            "sales_bitrix24_hidden",
            "Published entities that the webhook may not read any more, of those looked at last.",
            ["kind"],
            registry=self.registry,
        )
        for kind in ("deal", "invoice"):
            self.hidden.labels(kind).set(0)
        self._waiting = Gauge("sales_bitrix24_waiting", "Changes that wait to be fetched.", registry=self.registry)
        self._oldest = Gauge(
            "sales_bitrix24_oldest_timestamp_seconds", "Since when the oldest change waits.", registry=self.registry
        )

        # There from the start: nobody sees the first of each as an increase.
        for outcome in ("accepted", "ignored", "refused"):
            self.hooks.labels(outcome)
        for outcome in ("known", "new"):
            self.clients.labels(outcome)
        for task in ("drain", "chats", "reconcile"):
            self.failures.labels(task)

    def watch(self, waiting: Callable[[], tuple[int, float | None]]) -> None:
        """Read the spool's size when asked for numbers."""
        self._waiting.set_function(lambda: waiting()[0])
        self._oldest.set_function(lambda: waiting()[1] or 0.0)
