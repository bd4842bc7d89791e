"""Makes a period's digest once and brings it to everybody who has not got it yet."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import structlog

from metrics.digest.asked import ExporterClient
from metrics.digest.delivery import DeliveryError, DeliveryWay, LaterError, Message, RefusedError, UnsureError, patient
from metrics.digest.page import page
from metrics.digest.period import DigestPeriod
from metrics.digest.picture import PictureError, picture
from metrics.digest.sent import DONE, TRYING, Sent, writing
from metrics.digest.settings import DigestSettings
from metrics.digest.told import told
from metrics.errors import SendError

log = structlog.get_logger(__name__)
_PATIENCE_SECONDS = 600.0


@dataclass
class DigestRun:
    """One set of recipients. ways: by what they are called in the settings. stop: nothing more is begun."""

    settings: DigestSettings
    exporter: ExporterClient
    ways: Mapping[str, DeliveryWay]
    draw: Callable[[str], bytes] = picture
    patience: float = _PATIENCE_SECONDS
    stop: Event = field(default_factory=Event)
    _given_up: set[tuple[str, str]] = field(default_factory=set)
    """Digests and whom they did not reach for good: it was said, and a person has to do something first."""

    def message(self, period: DigestPeriod, team: str = "") -> Message:
        """The digest of a period, with its picture where one can be had."""
        digest = told(self.exporter.facts(period, team), self.settings.digest_language, self.settings.public_url)
        text, png = page(digest), b""
        try:
            png = self.draw(text)
        except PictureError as error:
            log.warning(str(error))
        return Message(key(period, team), digest, text, png)

    def missing(self, sent: Sent, period: DigestPeriod, team: str = "") -> list[str]:
        """Who has not got it yet and may get it. Says once of whom nobody knows."""
        found, called = [], key(period, team)
        for to in self.ways:
            state = sent.state(called, to)
            if (called, to) in self._given_up:
                continue
            if state == TRYING:
                self._given_up.add((called, to))
                log.warning("nobody knows whether this arrived; --again sends it again", digest=period.name, to=to)
            elif state != DONE:
                found.append(to)
        return found

    def deliver(self, sent: Sent, message: Message, to: Iterable[str]) -> None:
        """Bring it to them, each for himself. Raises SendError, which says who has not got it."""
        failed = patient({one: self._sending(sent, message, one) for one in to}, self.patience, self.stop)
        self._given_up |= {(message.key, one) for one, error in failed.items() if not isinstance(error, LaterError)}
        if failed:
            told = ". ".join(f"{one}: {error}{_next(error)}" for one, error in failed.items())
            raise SendError(f"the digest {message.key} was not delivered. {told}")

    def _sending(self, sent: Sent, message: Message, to: str) -> Callable[[], None]:
        def send() -> None:
            sent.note(message.key, to, TRYING)
            try:
                self.ways[to].send(message)
            except UnsureError:
                raise
            except DeliveryError:
                sent.note(message.key, to, "")
                raise
            sent.note(message.key, to, DONE)
            log.info("digest sent", digest=message.key, to=to)

        return send


def _next(error: DeliveryError) -> str:
    """What a person has to do."""
    if isinstance(error, UnsureError):
        return "; it may have arrived: --again sends it again"
    if isinstance(error, RefusedError):
        return "; it is not tried again by itself: set that right and run `sales-pulse digest`"
    return ""


def key(period: DigestPeriod, team: str = "") -> str:
    """What a digest is called, in files and in what was sent."""
    return f"{period.name}-{team}" if team else period.name


def kept(folder: Path, message: Message) -> list[Path]:
    """Write page and picture into a folder. Returns the files. Raises SendError."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        found = [folder / f"{message.stem}.html"]
        found[0].write_text(message.page)
        if message.png:
            found.append(folder / f"{message.stem}.png")
            found[1].write_bytes(message.png)
    return found
