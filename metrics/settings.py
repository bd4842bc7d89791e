"""Settings that say how the business is measured; every process that computes or shows numbers reads the same ones."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, RedisDsn, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from metrics.calendar import Calendar, load
from metrics.links import Template, links
from metrics.redis_address import sentinels

ENV_FILES = (".local/stack.env", ".env")
"""Later ones win; the environment wins over both."""
SECRETS = Path("/run/secrets")
"""Where containers are given files, each called as the setting that it holds; all others win over them."""


def _listed(value: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(item for part in value.split(",") if (item := part.strip()))


class BusinessSettings(BaseSettings):
    """What a number means here: zone, currency, calendar, targets; and where the view is."""

    model_config = SettingsConfigDict(
        env_prefix="SALES_",
        env_file=ENV_FILES,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    app_id: str = Field(default="sales-pulse", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """Consumer group, and prefix of changelogs and Redis keys; applications with different ids share nothing."""
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """As in redis-py: redis://, rediss:// or unix://, with user and password; or redis+sentinel:// (rediss+sentinel://),
    several hosts with commas between, and the name that Sentinel gives the primary."""
    timezone: str = "UTC"
    """IANA name of the zone in which minutes, hours and days are counted."""
    currency: str = Field(default="RUB", pattern=r"^[A-Z]{3}$")
    """ISO 4217 code of the base currency, in which money is shown."""
    calendar: Path | None = None
    """YAML file of working hours (see metrics/calendar.py); Mon-Fri 09:00-18:00 without one."""
    call_target_seconds: float = Field(default=20, gt=0)
    """An inbound call answered within this time is in time."""
    chat_target_seconds: float = Field(default=60, gt=0)
    """A chat message answered within this time is in time."""
    callback_target_seconds: float = Field(default=1200, gt=0)
    """A missed client called back within this much working time is called back in time."""
    lead_target_seconds: float = Field(default=300, gt=0)
    """A lead touched within this much working time after its creation is touched in time."""
    ready_stages: Annotated[tuple[str, ...], NoDecode] = ()
    """Deal stages that make a client ready to close, comma separated."""
    ready_probability: float = Field(default=0.7, ge=0, le=1)
    """A deal at least this probable makes its client ready to close."""

    max_managers: int = Field(default=2000, ge=1)
    """Managers shown under their own ids on /metrics, those of the roster first; the rest sum to `other`."""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; write one like Europe/Moscow")
        return value

    @field_validator("ready_stages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value) if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        found = sentinels(url)
        if found is None and not url.startswith("unix://"):
            TypeAdapter(RedisDsn).validate_python(url)
        if "?" in url:
            from redis.asyncio.connection import parse_url  # noqa: PLC0415 - few addresses have options

            parse_url(url if found is None else found.redis)
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.timezone)

    def working_calendar(self) -> Calendar:
        """Read the calendar file. Raises CalendarError, naming the place."""
        return load(self.calendar, self.zone)


Address = Annotated[
    str, Field(pattern=r"^https?://[A-Za-z0-9._~:/\[\]-]+$"), AfterValidator(lambda url: url.rstrip("/"))
]
"""Where a browser finds something: http(s), without query, spaces or quotes, since it is put in front of paths."""


class PublicSettings(BusinessSettings):
    """What dashboards, alerts and the runbook take from settings, besides how the business is measured."""

    public_url: Address = "http://127.0.0.1:9808"
    """Address under which people reach the exporter; links of dashboards to the entities behind a number lead there."""
    grafana_url: Address = "http://127.0.0.1:3000"
    """Address under which people reach Grafana; links in alerts lead there."""
    grafana_postgres: str = Field(
        default="", pattern=r"^(postgres(ql)?://[A-Za-z0-9._\[\]:-]+/[A-Za-z0-9_-]+(\?sslmode=[a-z-]+)?)?$"
    )
    """Where Grafana finds the ledger's tables, as postgresql://host:5432/database?sslmode=require, without a user: it
    is `sales_reader`. With it there are a data source for them and the dashboard *Entities*."""


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ANCESTOR = re.compile(r"'none'|'self'|https?://[A-Za-z0-9*._-]+(:\d{1,5}|:\*)?")


class WebSettings(BaseSettings):
    """Who may read what a process shows. Without a web config and a proxy only this machine may."""

    model_config = BusinessSettings.model_config

    web_config: Path | None = None
    """YAML file as Prometheus's exporter-toolkit has it: TLS, users with bcrypt hashes, and teams per user."""
    web_proxy_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    """Header in which a single-sign-on proxy names the user, like X-Forwarded-Email."""
    web_proxy_from: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses or networks of that proxy, comma separated; from anybody else the header means nothing."""
    web_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further names by which this machine may read without a user, comma separated; else localhost and 127.0.0.1."""
    web_frame_ancestors: str = "'none'"
    """Pages that may show ours in a frame: 'none', 'self' or addresses like https://portal.example.com, with spaces."""

    @field_validator("web_proxy_from", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = []
        for item in _listed(value):
            try:
                found.append(ipaddress.ip_network(item))
            except ValueError as error:
                raise ValueError(f"{item!r} is not an address or network; write 10.0.0.7 or 10.0.0.0/24") from error
        return tuple(found)

    @field_validator("web_hosts", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return _listed(value) if isinstance(value, str) else value

    @field_validator("web_hosts")
    @classmethod
    def _without_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+", host):
                raise ValueError(
                    f"{host!r} is not a host name; write it without scheme and port, like wall.example.com"
                )
        return value

    @field_validator("web_frame_ancestors")
    @classmethod
    def _ancestors(cls, value: str) -> str:
        wrong = [one for one in value.split() if not _ANCESTOR.fullmatch(one)]
        if wrong or not value.split():
            raise ValueError("write 'none', 'self' or addresses like https://portal.example.com, with spaces between")
        return " ".join(value.split())

    @model_validator(mode="after")
    def _header_and_addresses(self) -> Self:
        if bool(self.web_proxy_header) is not bool(self.web_proxy_from):
            raise ValueError("SALES_WEB_PROXY_HEADER and SALES_WEB_PROXY_FROM go together: set both or none")
        return self


class LoginSettings(BaseSettings):
    """As whom our own commands read an exporter that asks for a user."""

    model_config = BusinessSettings.model_config

    web_user: str = ""
    """User of the exporter's web config, one without teams."""
    web_password: SecretStr = SecretStr("")
    """That user's password."""

    @property
    def pair(self) -> tuple[str, str] | None:
        """Name and password; None where nobody is asked for one."""
        return (self.web_user, self.web_password.get_secret_value()) if self.web_user else None


class ViewSettings(BusinessSettings):
    """How long the view is believed."""

    view_max_age: float = Field(default=60, gt=0)
    """Seconds without a heartbeat from a partition's owner after which sales numbers are withheld."""


class ExporterSettings(ViewSettings):
    """Settings of `sales-pulse exporter`."""

    exporter_listen: str = Field(default="127.0.0.1:9808", pattern=r"^\S+:\d{1,5}$")
    """Host and port of /metrics, the JSON API and the wall."""
    ledger_address: Address = "http://127.0.0.1:9810"
    """URL of `sales-pulse ledger`, which explains numbers."""
    entity_links: Annotated[Mapping[str, tuple[Template, ...]], NoDecode] = {}
    """Where people look entities up, as kind=address, comma separated, like deal=https://crm.example.com/deals/{number}/
    with {id}, {number} (digits that an id begins with) or {client}; of one source kind@source=address, with * at the
    end of the source for all that begin so; several for a kind: the first that fits."""

    @field_validator("entity_links", mode="before")
    @classmethod
    def _templates(cls, value: object) -> object:
        return links(value) if isinstance(value, str) else value


class PastSettings(ViewSettings):
    """Settings of `sales-pulse history`."""

    past_dir: Path = Path(".local/past")
    """Folder of the past's database: the Prometheus of the past serves `data` in it."""
