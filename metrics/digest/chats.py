"""Digests in chats: Slack by an incoming web hook, Telegram by a bot, which takes the picture, too.

The addresses of both are secrets: no error says them.
"""

from html import escape
from typing import Any

import httpx

from metrics.digest.certificates import not_accepted
from metrics.digest.delivery import LaterError, Message, RefusedError, UnsureError
from metrics.digest.page import subject
from metrics.digest.plain import lines
from metrics.digest.settings import DigestSettings

_SECTION, _HEADER = 3000, 150
"""Characters that Slack takes in a section and a header."""
_CAPTION, _TEXT = 1024, 4096
"""Characters that Telegram takes under a file and in a message."""


class Slack:
    """The channel of an incoming web hook."""

    def __init__(self, settings: DigestSettings, client: httpx.Client) -> None:
        self._url = settings.digest_slack_url.get_secret_value()
        self._client = client

    def send(self, message: Message) -> None:
        """Post it."""
        answer = _posted(self._client, self._url, "Slack", json=self._content(message))
        if answer.is_success:
            return
        told = f"Slack says {answer.status_code} {answer.text[:100]}"
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise LaterError(told, _seconds(answer.headers.get("retry-after")))
        raise RefusedError(f"{told}; see SALES_DIGEST_SLACK_URL")

    def _content(self, message: Message) -> dict[str, Any]:
        digest, title = message.digest, subject(message.digest)
        _, *body = lines(digest, lambda text: f"*{_slack(text)}*", _slack)
        link = f"<{_slack(digest.link)}|{_slack(digest.words['openWall'])}> · {_slack(digest.as_of)}"
        return {
            "text": _slack(title),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": title[:_HEADER], "emoji": False}},
                *({"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in _cut(body, _SECTION)),
                {"type": "context", "elements": [{"type": "mrkdwn", "text": link[:_SECTION]}]},
            ],
        }


class Telegram:
    """A chat that the bot writes to."""

    def __init__(self, settings: DigestSettings, client: httpx.Client) -> None:
        self._base = (
            f"{settings.digest_telegram_api.rstrip('/')}/bot{settings.digest_telegram_token.get_secret_value()}"
        )
        self._chat = settings.digest_telegram_chat
        self._client = client

    def send(self, message: Message) -> None:
        """Send the picture with its title, else as much of the text as a message takes."""
        digest = message.digest
        link = f'<a href="{escape(digest.link)}">{escape(digest.words["openWall"])}</a>'
        told = {"chat_id": self._chat, "parse_mode": "HTML"}
        if message.png:
            caption = f"<b>{escape(subject(digest)[: _CAPTION // 2])}</b>\n{link}"
            file = {"document": (f"{message.stem}.png", message.png, "image/png")}
            self._ask("sendDocument", data=told | {"caption": caption}, files=file)
            return
        written = lines(digest, lambda text: f"<b>{escape(text)}</b>", escape)
        text = next(_cut(written, _TEXT - len(link) - 2))
        preview = {"link_preview_options": {"is_disabled": True}}
        self._ask("sendMessage", json=told | preview | {"text": f"{text}\n\n{link}"})

    def _ask(self, method: str, **content: Any) -> None:
        answer = _posted(self._client, f"{self._base}/{method}", "Telegram", **content)
        try:
            told = dict(answer.json())
        except (ValueError, TypeError):
            told = {}
        if answer.is_success and told.get("ok"):
            return
        text = f"Telegram says {answer.status_code} {str(told.get('description', ''))[:200]}"
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise LaterError(text, _seconds(dict(told.get("parameters") or ()).get("retry_after")))
        raise RefusedError(f"{text}; see SALES_DIGEST_TELEGRAM_TOKEN and SALES_DIGEST_TELEGRAM_CHAT")


def _posted(client: httpx.Client, url: str, name: str, **content: Any) -> httpx.Response:
    try:
        return client.post(url, **content)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        if wrong := not_accepted(error):
            raise RefusedError(f"{name}: {wrong}") from None
        raise LaterError(f"{name} cannot be reached: {type(error).__name__}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnsureError(f"{name} did not answer: {type(error).__name__}") from None


def _slack(text: str) -> str:
    """Text without what Slack reads as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(found: Any, most: int) -> Any:
    """Texts of whole lines, none longer than so many characters."""
    text = ""
    for line in found:
        if text and len(text) + 1 + len(line) > most:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line[:most]
    if text.strip():
        yield text


def _seconds(value: object) -> float:
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return 0.0
