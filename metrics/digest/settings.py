"""Settings of `sales-pulse digest`: whom it tells, how, and where it remembers what it sent."""

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from metrics.settings import Address, BusinessSettings

SLACK, TELEGRAM = "slack", "telegram"
_ATOM = r"[^\x00-\x20\x7f@\s<>,;:\"()\[\]\\.]+"
ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*")


class CarrierSettings(BaseSettings):
    """What digests and alerts go by: a mail server, Telegram's API."""

    model_config = BusinessSettings.model_config

    digest_smtp: str = Field(default="", pattern=r"^(\S+:\d{1,5})?$")
    """Host and port of the mail server, like smtp.example.com:587."""
    digest_smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: starttls, tls (port 465) or none."""
    digest_smtp_user: str = ""
    """User of the mail server; without one there is no login."""
    digest_from: str = ""
    """Address that mails come from."""
    digest_telegram_api: str = Field(default="https://api.telegram.org", pattern=r"^https?://\S+$")
    """URL of Telegram's Bot API, or of your own server."""

    @field_validator("digest_from")
    @classmethod
    def _from(cls, value: str) -> str:
        if value and not ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r} is not an e-mail address")
        return value


class DigestSettings(CarrierSettings):
    """Whom a digest goes to."""

    digest_to: Annotated[tuple[str, ...], NoDecode] = ()
    """Recipients, comma separated: e-mail addresses, `slack`, `telegram`."""
    digest_language: Literal["en", "ru"] = "en"
    """In which language it is written: en or ru."""
    digest_at: time = time(8)
    """Local time of day after which `--loop` sends the digest of the last day or week."""
    digest_dir: Path = Path(".local/digest")
    """Folder of the pages, and of what was sent to whom; if it is lost, the last period is sent again."""
    digest_exporter: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """URL of the exporter; by default from SALES_EXPORTER_LISTEN."""
    digest_smtp_password: SecretStr = SecretStr("")
    """That user's password."""
    digest_slack_url: SecretStr = SecretStr("")
    """URL of Slack's incoming webhook, a secret: it is all that one needs to write there."""
    digest_telegram_token: SecretStr = SecretStr("")
    """Token of the Telegram bot."""
    digest_telegram_chat: str = ""
    """Number or @name of the Telegram chat that the bot writes to."""
    public_url: Address = "http://127.0.0.1:9808"
    """Address under which people reach the exporter; the digest's link leads there."""

    @field_validator("digest_to", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("digest_to")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, one in enumerate(value, 1):
            if one not in {SLACK, TELEGRAM} and not ADDRESS.fullmatch(one):
                # Not what it is: that may be a web hook's address, which is a secret.
                raise ValueError(f"number {number} is not an e-mail address and neither {SLACK} nor {TELEGRAM}")
        return tuple(dict.fromkeys(value))

    @field_validator("digest_slack_url")
    @classmethod
    def _hook(cls, value: SecretStr) -> SecretStr:
        url = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (url.scheme not in {"http", "https"} or not url.hostname):
            raise ValueError("this is not an http(s) address; copy it whole from Slack's page of incoming web hooks")
        return value

    @field_validator("digest_telegram_token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(r"\d+:[\w-]+", value.get_secret_value()):
            raise ValueError("this is not a token of a bot; copy it whole from @BotFather, like 123456:AbC-dEf")
        return value

    @field_validator("digest_at")
    @classmethod
    def _local(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("this is a local time of day without a zone, like 08:00")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Say what is missing for whom it goes to, before anything is asked."""
        needs = {
            SLACK: {"SALES_DIGEST_SLACK_URL": self.digest_slack_url.get_secret_value()},
            TELEGRAM: {
                "SALES_DIGEST_TELEGRAM_TOKEN": self.digest_telegram_token.get_secret_value(),
                "SALES_DIGEST_TELEGRAM_CHAT": self.digest_telegram_chat,
            },
        }
        mail = {"SALES_DIGEST_SMTP": self.digest_smtp, "SALES_DIGEST_FROM": self.digest_from}
        for one in self.digest_to:
            if missing := [name for name, value in needs.get(one, mail).items() if not value]:
                raise ValueError(f"SALES_DIGEST_TO has {one}, which needs {' and '.join(missing)}")
        return self
