"""Where alerts go: one setting for each channel, and the receivers of Alertmanager that they make.

Secrets are in files that Alertmanager reads itself, so that nothing that is generated holds one.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator
from pydantic_settings import NoDecode

from metrics.digest.settings import ADDRESS, CarrierSettings
from metrics.settings import Address, PublicSettings

SALES_TEAM, OPERATIONS, WATCHDOG = "sales", "operations", "watchdog"
"""Receivers: of alerts about sales, of alerts about the service, and of the one that says that alerts work."""
IN_FILE = "file"
"""In place of a webhook's URL that is a secret: it is in the channel's file."""
_URL = re.compile(
    r"https?://(?:[^\x00-\x20\x7f\s,/?#@:%\[\]\\^`{|}]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    r"(?:[/?#](?:[^\x00-\x20\x7f\s,%{}]|%[0-9A-Fa-f]{2})*)?", re.ASCII
)  # fmt: skip
"""What Alertmanager takes for an address and for no template, and has no user in it: a password is a secret."""
_SERVER = re.compile(r"(?:[^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)
_LONGEST = 1 << 63
"""Telegram's numbers are less."""
_WORDS = ("summary", "description", "wall", "dashboard", "runbook_url")
TEXT = "{{ range .Alerts }}" + "".join(f"{{{{ .Annotations.{word} }}}}\n" for word in _WORDS) + "{{ end }}"
TITLE = "{{ .Status | toUpper }} {{ .CommonLabels.alertname }}"
_Listed = Annotated[tuple[str, ...], NoDecode]


class AlertSettings(PublicSettings, CarrierSettings):
    """Receivers of alerts: one setting for each channel; its secret is in a file of that channel's name."""

    runbook_url: Address | None = None
    """URL of a copy of deploy/RUNBOOK.md for links in alerts; without it they lead to its page in Grafana."""
    alerts_telegram: _Listed = ()
    """Telegram chats, by number, comma separated; the bot's token is in the file `telegram`."""
    alerts_slack: _Listed = ()
    """Slack channels like #sales, comma separated; the incoming webhook's URL is in the file `slack`."""
    alerts_email: _Listed = ()
    """E-mail addresses, comma separated, over SALES_DIGEST_SMTP; the password of its user is in the file `email`."""
    alerts_webhook: _Listed = ()
    """Webhooks that receive Alertmanager's JSON: URLs, comma separated, or `file` for the one in the file
    `webhook`. In each of these four, a prefix `sales=` or `operations=` limits a receiver to those alerts."""
    alerts_watchdog: str = ""
    """URL that is called every minute while alerts work (a dead man's switch), or `file` if it is in `watchdog`."""
    alerts_secrets: Path = Path("/run/secrets")
    """Folder of the files telegram, slack, email, webhook and watchdog, as Alertmanager sees it."""

    @field_validator("alerts_telegram", "alerts_slack", "alerts_email", "alerts_webhook", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("alerts_telegram", "alerts_slack", "alerts_email", "alerts_webhook")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        is_right, wanted = _KINDS[info.field_name]
        for number, (_, to) in enumerate(map(_whose, value), 1):
            if not is_right(to):
                # Not what it is: that may be a secret in the wrong place.
                raise ValueError(f"number {number} is not {wanted}")
        return tuple(dict.fromkeys(value))

    @field_validator("alerts_watchdog")
    @classmethod
    def _called(cls, value: str) -> str:
        if value and not _is_hook(value):
            raise ValueError(f"it is not {_HOOK}")
        return value

    @model_validator(mode="after")
    def _telegram(self) -> Self:
        if self.alerts_telegram and not _is_address(self.digest_telegram_api):
            raise ValueError("SALES_DIGEST_TELEGRAM_API is no http(s) address without user and password")
        return self

    @model_validator(mode="after")
    def _mail_server(self) -> Self:
        if not self.alerts_email:
            return self
        needed = {"SALES_DIGEST_SMTP": self.digest_smtp, "SALES_DIGEST_FROM": self.digest_from}
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"SALES_ALERTS_EMAIL needs {' and '.join(missing)}")
        if not _SERVER.fullmatch(self.digest_smtp) or not _is_email(self.digest_from):
            raise ValueError(
                "SALES_ALERTS_EMAIL: Alertmanager does not take this SALES_DIGEST_SMTP or SALES_DIGEST_FROM"
            )
        if self.digest_smtp_security == "tls" and not self.digest_smtp.endswith(":465"):
            raise ValueError("SALES_ALERTS_EMAIL: Alertmanager speaks TLS from the start at port 465 only")
        return self


_HOOK = "an http(s) address without user and password, and not `file` (a secret one stands in the channel's file)"


def _is_address(to: str) -> bool:
    if not _URL.fullmatch(to):
        return False
    try:
        return urlsplit(to).port != 0
    except ValueError:  # above 65535
        return False


def _is_hook(to: str) -> bool:
    return to == IN_FILE or _is_address(to)


def _is_chat(to: str) -> bool:
    return re.fullmatch(r"-?[1-9][0-9]{0,18}", to) is not None and abs(int(to)) < _LONGEST


def _is_email(to: str) -> bool:
    # Alertmanager takes {{ for a template; with = it is a receiver that is misspelt.
    return ADDRESS.fullmatch(to) is not None and "{{" not in to and "=" not in to


_KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "alerts_telegram": (_is_chat, "the number of a chat, like -1001234567890"),
    "alerts_slack": (re.compile(r"[#@]?[\w.-]+").fullmatch, "a channel, like #sales"),
    "alerts_email": (_is_email, "an e-mail address"),
    "alerts_webhook": (_is_hook, _HOOK),
}


def _whose(one: str) -> tuple[str, str]:
    """For which receiver, "" for both; and where to."""
    receiver, sign, to = one.partition("=")
    return (receiver, to) if sign and receiver in {SALES_TEAM, OPERATIONS} else ("", one)


class Channel(NamedTuple):
    """Entries of one kind of a receiver in Alertmanager's configuration. receiver: "" for sales and operations."""

    receiver: str
    kind: str
    entry: dict[str, Any]


def channels(settings: AlertSettings) -> tuple[Channel, ...]:
    """What the settings choose."""
    return tuple(_channels(settings))


def _channels(settings: AlertSettings) -> Iterator[Channel]:
    def secret(name: str) -> str:
        return str(settings.alerts_secrets / name)

    def hook(to: str, name: str) -> dict[str, str]:
        return {"url_file": secret(name)} if to == IN_FILE else {"url": to}

    for receiver, to in map(_whose, settings.alerts_telegram):
        token, chat = {"bot_token_file": secret("telegram")}, {"chat_id": int(to), "parse_mode": "", "message": TEXT}
        api = {"api_url": settings.digest_telegram_api}
        yield Channel(receiver, "telegram_configs", {**token, **api, **chat, "send_resolved": True})
    for receiver, to in map(_whose, settings.alerts_slack):
        entry = {"api_url_file": secret("slack"), "channel": to, "title": TITLE, "text": TEXT, "send_resolved": True}
        yield Channel(receiver, "slack_configs", entry)
    for receiver, to in map(_whose, settings.alerts_email):
        yield Channel(receiver, "email_configs", {"to": to, **_mail(settings, secret("email"))})
    for receiver, to in map(_whose, settings.alerts_webhook):
        yield Channel(receiver, "webhook_configs", {**hook(to, "webhook"), "send_resolved": True})
    if settings.alerts_watchdog:
        yield Channel(
            WATCHDOG, "webhook_configs", {**hook(settings.alerts_watchdog, "watchdog"), "send_resolved": False}
        )


def _mail(settings: AlertSettings, password: str) -> dict[str, Any]:
    user = settings.digest_smtp_user
    return {
        "from": settings.digest_from,
        "smarthost": settings.digest_smtp,
        "require_tls": settings.digest_smtp_security == "starttls",
        **({"auth_username": user, "auth_password_file": password} if user else {}),
        "headers": {"Subject": TITLE},
        "text": TEXT,
        "html": "",
        "send_resolved": True,
    }


def receivers(found: tuple[Channel, ...]) -> list[dict[str, Any]]:
    """Alertmanager's receivers; one without entries tells nobody."""
    made: list[dict[str, Any]] = []
    for name in (SALES_TEAM, OPERATIONS, WATCHDOG):
        one: dict[str, Any] = {"name": name}
        for channel in found:
            if channel.receiver == name or (not channel.receiver and name != WATCHDOG):
                one.setdefault(channel.kind, []).append(dict(channel.entry))
        made.append(one)
    return made
