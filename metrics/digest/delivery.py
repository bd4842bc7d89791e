"""What all ways to people have in common: what is sent, what is tried again, and what nobody can know."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    sleep_using_event,
    stop_before_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from metrics.digest.told import Digest

_LONGEST_SECONDS = 300.0
_NAME_BYTES = 200
"""A file's name has 255 bytes at most, and a letter up to four."""


@dataclass(frozen=True)
class Message:
    """A digest, ready to go. key: of its period and scope: the same again is the same message. png: b"" without."""

    key: str
    digest: Digest
    page: str
    png: bytes = b""

    @property
    def stem(self) -> str:
        """What its files are called, without the ending."""
        found = "".join(one if one.isalnum() or one in "-_" else "_" for one in self.key)
        if len(found.encode()) <= _NAME_BYTES:
            return found
        shorter = found.encode()[: _NAME_BYTES - 20].decode(errors="ignore")
        return f"{shorter}-{hashlib.sha256(self.key.encode(errors='replace')).hexdigest()[:16]}"


class DeliveryWay(Protocol):
    """One way to one recipient."""

    def send(self, message: Message) -> None:
        """Deliver it once. Raises LaterError, RefusedError or UnsureError."""


class DeliveryError(Exception):
    """It was not delivered; the text says why, without secrets."""


class LaterError(DeliveryError):
    """It was not taken and may be later; after: seconds to wait at least."""

    def __init__(self, told: str, after: float = 0.0) -> None:
        super().__init__(told)
        self.after = after


class RefusedError(DeliveryError):
    """It was refused for good: something has to be set right first."""


class UnsureError(DeliveryError):
    """The answer did not come: it may have been delivered."""


def patient(sends: Mapping[str, Callable[[], None]], patience: float, stop: Event) -> dict[str, DeliveryError]:
    """Try each once, then again those that were not taken, for at most so many seconds or until the stop.

    Nobody waits for somebody else: each is tried again no sooner than it was told to, whatever the others do. Returns
    who has not got it, and why.
    """
    failed: dict[str, DeliveryError] = {}
    since = dict.fromkeys(sends, 0.0)
    """Who is to be tried → how long has to have been waited by then."""

    def wait(state: RetryCallState) -> float:
        return max(_backoff(state), min(since.values()) - state.idle_for)

    retrying = Retrying(
        retry=retry_if_result(bool),
        wait=wait,
        stop=stop_before_delay(patience) | stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        retry_error_callback=lambda _: None,
    )
    for attempt in retrying:
        waited = attempt.retry_state.idle_for
        for to in [one for one, then in since.items() if then <= waited]:
            if stop.is_set():
                break
            del since[to]
            failed.pop(to, None)
            try:
                sends[to]()
            except DeliveryError as error:
                failed[to] = error
                if isinstance(error, LaterError):
                    since[to] = waited + min(error.after, _LONGEST_SECONDS)
        attempt.retry_state.set_result(bool(since))
    return {to: LaterError("not tried, as it was asked to stop") for to in since} | failed


_backoff = wait_random_exponential(max=60)
