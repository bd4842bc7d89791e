"""Settings of the Bitrix24 connector: four connect a portal, the rest have defaults that suit a cloud portal."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from producers.settings import KafkaSettings

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_BEFORE = Path(".local/bitrix24")
"""Where the spool was by default."""
_NEEDED = ("bitrix24_webhook_url", "bitrix24_application_token", "bitrix24_client_key")


class Bitrix24Settings(KafkaSettings):
    """Read like all settings; secrets never print, not in errors either."""

    model_config = SettingsConfigDict(**{**KafkaSettings.model_config, "hide_input_in_errors": True})

    bitrix24_webhook_url: SecretStr | None = Field(
        None, description="inbound REST webhook, https://<portal>/rest/<user>/<secret>/"
    )
    bitrix24_application_token: SecretStr | None = Field(
        None, description="application_token that the portal's outgoing webhook sends; of several webhooks with commas"
    )
    bitrix24_client_key: SecretStr | None = Field(
        None, description="long random text; clients are known only by hashes keyed with it. Never change it"
    )
    bitrix24_mapping: Path | None = Field(None, description="YAML file: what stages, fields and people mean")
    bitrix24_spool: Path | None = Field(
        None,
        description="folder of what is received and remembered; keep it. Default: .local/bitrix24 where that is there "
        "already, else ~/.local/share/sales-pulse/bitrix24",
    )
    bitrix24_identity: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9.:_@-]{1,128}$",
        description="what the portal is called in the log, for good. Default: its address when it was first connected",
    )
    bitrix24_member_id: str | None = Field(
        None,
        description="the portal's member_id; hooks of others are refused. Default: learnt from the first hook",
    )
    bitrix24_requests_per_second: float = Field(
        2.0, gt=0, le=10_000, description="how fast the portal's limit drains (Enterprise: 5)"
    )
    bitrix24_burst: int = Field(
        40, ge=1, le=10_000, description="requests before the limit bites; below the portal's 50 (Enterprise: 250)"
    )
    bitrix24_reconcile_seconds: float = Field(300.0, gt=0, description="between two reconciliations, seconds")
    bitrix24_poll_seconds: float = Field(20.0, gt=0, description="between two looks at open-line chats, seconds")
    bitrix24_coalesce_seconds: float = Field(
        0.5, ge=0, description="how long changes gather before they are fetched, seconds"
    )
    currency: str = Field("RUB", pattern=r"^[A-Z]{3}$", description="base currency of all numbers")
    ready_stages: str = Field("", description="stages whose clients are ready to close, as the worker has them")

    @property
    def wanted(self) -> bool:
        """Whether anybody has set the connector up."""
        return any(getattr(self, name) is not None for name in _NEEDED)

    @property
    def domain(self) -> str:
        """The portal's host, with its port where there is one."""
        return urlsplit(self.url).netloc.lower()

    @property
    def spool(self) -> Path:
        """The folder of the spool, wherever the process was started."""
        if self.bitrix24_spool is not None:
            return self.bitrix24_spool
        if (_BEFORE / "connector.sqlite3").exists():
            return _BEFORE
        return Path.home() / ".local" / "share" / "sales-pulse" / "bitrix24"

    @property
    def url(self) -> str:
        """The REST webhook's address with one slash at its end; a secret."""
        return _text(self.bitrix24_webhook_url).rstrip("/") + "/"

    @property
    def token(self) -> str:
        """The token that hooks must carry; a secret."""
        return _text(self.bitrix24_application_token)

    @property
    def client_key(self) -> str:
        """The key of client hashes; a secret."""
        return _text(self.bitrix24_client_key)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.wanted:
            return self
        missing = [f"SALES_{name.upper()}" for name in _NEEDED if not _text(getattr(self, name))]
        if missing:
            raise ValueError(f"the Bitrix24 connector also needs {', '.join(missing)}")
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "/rest/" not in parts.path:
            raise ValueError("SALES_BITRIX24_WEBHOOK_URL is not like https://<portal>/rest/<user>/<secret>/")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("SALES_BITRIX24_WEBHOOK_URL must begin with https: its path is a password")
        if len(self.client_key) < 16:
            raise ValueError("SALES_BITRIX24_CLIENT_KEY is too short to keep phone numbers secret; take 16 or more")
        return self


def _text(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
