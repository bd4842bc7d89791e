"""Asking a server of the stack by HTTP whether it is ready."""

import httpx

_TIMEOUT = 1.0


def answers_ok(url: str) -> bool:
    """Whether GET answers with 200 within a second; no answer at all is False, too."""
    try:
        # A proxy of the machine has no business between us and loopback.
        with httpx.Client(trust_env=False, timeout=_TIMEOUT) as client:
            return client.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
