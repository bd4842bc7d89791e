"""What the generated walls and alerts take from settings: currency, targets, zone, and where things are served."""

from dataclasses import dataclass, field
from typing import Any

from grafana.channels import AlertSettings, Channel, channels
from metrics.family import Family
from metrics.kpi import Kpi
from metrics.settings import PublicSettings

DATA_SOURCE = "sales-prometheus"
"""Fixed uid of the provisioned Prometheus data source."""
PAST_SOURCE = "sales-past"
"""And of the one with a sample a day, over years."""
SQL_SOURCE = "sales-sql"
"""And of the ledger's tables in PostgreSQL, where there are some."""


def _default(name: str) -> Any:
    return PublicSettings.model_fields[name].default


@dataclass(frozen=True)
class Look:
    """Settings of what is generated; the defaults are those of the settings, so committed files are stable.

    currency: ISO 4217 code of the base currency. call_target, chat_target, callback_target, lead_target: seconds.
    timezone: IANA name.
    exporter: address from which a browser reaches the exporter, for links to `/api/v1/explain`.
    grafana: address from which a person who reads an alert reaches Grafana.
    runbook: address of a copy of the runbook, where that is not Grafana's. channels: whom alerts reach.
    postgres: address of the ledger's tables, "" where there are none.
    """

    currency: str = _default("currency")
    call_target: float = _default("call_target_seconds")
    chat_target: float = _default("chat_target_seconds")
    callback_target: float = _default("callback_target_seconds")
    lead_target: float = _default("lead_target_seconds")
    timezone: str = _default("timezone")
    exporter: str = _default("public_url")
    grafana: str = _default("grafana_url")
    runbook: str = ""
    postgres: str = _default("grafana_postgres")
    channels: tuple[Channel, ...] = field(default=(), hash=False)

    @classmethod
    def of(cls, settings: AlertSettings) -> "Look":
        """The look of one installation."""
        return cls(
            currency=settings.currency,
            call_target=settings.call_target_seconds,
            chat_target=settings.chat_target_seconds,
            callback_target=settings.callback_target_seconds,
            lead_target=settings.lead_target_seconds,
            timezone=settings.timezone,
            exporter=settings.public_url,
            grafana=settings.grafana_url,
            runbook=settings.runbook_url or "",
            postgres=settings.grafana_postgres,
            channels=channels(settings),
        )

    @property
    def targets(self) -> dict[str, float]:
        """Channel → seconds within which an answer is in time."""
        return {"call": self.call_target, "chat": self.chat_target}

    def unit(self, shown: Kpi | Family) -> str:
        """Grafana's name of a unit; money is shown in the base currency."""
        return f"currency{self.currency}" if shown.unit == "currency" else shown.unit
