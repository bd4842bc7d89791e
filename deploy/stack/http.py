"""Asking a server of the stack by HTTP whether it is ready."""

import httpx


def answers_ok(url: str, timeout: float = 1.0) -> bool:
    """Whether GET answers with 200 within `timeout` seconds; no answer at all is False, too."""
    try:
        # A proxy of the machine has no business between us and loopback.
        with httpx.Client(trust_env=False, timeout=timeout) as client:
            return client.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
