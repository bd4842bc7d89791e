"""Makes a period's digest once and brings it to everybody who has not got it yet."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from metrics.digest.asked import Exporter
from metrics.digest.delivery import DeliveryError, Message, UnsureError, Way, patient
from metrics.digest.page import page
from metrics.digest.period import Period
from metrics.digest.picture import PictureError, picture
from metrics.digest.sent import DONE, TRYING, Sent
from metrics.digest.settings import DigestSettings
from metrics.digest.told import told
from metrics.errors import SendError

log = structlog.get_logger(__name__)
_PATIENCE_SECONDS = 600.0


@dataclass
class Run:
    """One set of recipients. ways: by what they are called in the settings."""

    settings: DigestSettings
    exporter: Exporter
    ways: Mapping[str, Way]
    draw: Callable[[str], bytes] = picture
    patience: float = _PATIENCE_SECONDS

    def message(self, period: Period, team: str = "") -> Message:
        """The digest of a period, with its picture where one can be had."""
        digest = told(self.exporter.facts(period, team), self.settings.digest_language, self.settings.public_url)
        text, png = page(digest), b""
        try:
            png = self.draw(text)
        except PictureError as error:
            log.warning(str(error))
        return Message(key(period, team), digest, text, png)

    def missing(self, sent: Sent, period: Period, team: str = "") -> list[str]:
        """Who has not got it yet. Says of whom nobody knows."""
        found = []
        for to in self.ways:
            state = sent.state(key(period, team), to)
            if state == TRYING:
                log.warning("nobody knows whether this arrived; --again sends it again", digest=period.name, to=to)
            elif state != DONE:
                found.append(to)
        return found

    def deliver(self, sent: Sent, message: Message, to: Iterable[str]) -> None:
        """Bring it to them, each for himself. Raises SendError, which says who has not got it."""
        failed = []
        for one in to:
            try:
                patient(self._noting(sent, one), message, self.patience)
            except DeliveryError as error:
                unsure = "; it may have arrived: --again sends it again" if isinstance(error, UnsureError) else ""
                failed.append(f"{one}: {error}{unsure}")
            else:
                sent.note(message.key, one, DONE)
                log.info("digest sent", digest=message.key, to=one)
        if failed:
            raise SendError(f"the digest {message.key} was not delivered. {'. '.join(failed)}")

    def _noting(self, sent: Sent, to: str) -> Callable[[Message], None]:
        def send(message: Message) -> None:
            sent.note(message.key, to, TRYING)
            try:
                self.ways[to].send(message)
            except UnsureError:
                raise
            except DeliveryError:
                sent.note(message.key, to, "")
                raise

        return send


def key(period: Period, team: str = "") -> str:
    """What a digest is called, in files and in what was sent."""
    return f"{period.name}-{team}" if team else period.name


def kept(folder: Path, message: Message) -> list[Path]:
    """Write page and picture into a folder. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "".join(one if one.isalnum() or one in "-_" else "_" for one in message.key)
    found = [folder / f"{stem}.html"]
    found[0].write_text(message.page)
    if message.png:
        found.append(folder / f"{stem}.png")
        found[1].write_bytes(message.png)
    return found
