"""What all ways to people have in common: what is sent, what is tried again, and what nobody can know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from metrics.digest.told import Digest

_LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Message:
    """A digest, ready to go. key: of its period and scope: the same again is the same message. png: b"" without."""

    key: str
    digest: Digest
    page: str
    png: bytes = b""


class Way(Protocol):
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


def patient(send: Callable[[Message], None], message: Message, patience: float) -> None:
    """Send it, again where it was not taken, for at most so many seconds. Raises DeliveryError."""
    retrying = Retrying(
        retry=retry_if_exception_type(LaterError), wait=_wait, stop=stop_after_delay(patience), reraise=True
    )
    retrying(send, message)


_backoff = wait_random_exponential(max=60)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, LaterError) else 0.0
    return max(_backoff(state), min(after, _LONGEST_SECONDS))
