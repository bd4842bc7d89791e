"""The handshake of CloudEvents' web hooks: a sender asks first whether its events are expected here (OPTIONS)."""

import re

from starlette.requests import Request
from starlette.responses import Response

from producers.gateway.auth import Gatekeeper, is_loopback

_MOST_DIGITS = 9
_is_origin = re.compile(r"[A-Za-z0-9_.\-*:/\[\]]{1,253}").fullmatch


def answer(request: Request, gatekeeper: Gatekeeper, events_per_second: int) -> Response:
    """Permission for whoever asks, at the rate asked for or the limit of a source, in requests a minute.

    It is no login: deliveries need their token all the same. A callback is never called, as the answer is here.
    """
    headers = {"Allow": "OPTIONS, POST"}
    origin = request.headers.get("webhook-request-origin", "")
    host = request.client.host if request.client else None
    if _is_origin(origin) and (gatekeeper.closed or is_loopback(host)):
        asked = request.headers.get("webhook-request-rate", "").strip()
        most = events_per_second * 60
        is_rate = asked.isascii() and asked.isdecimal() and len(asked) <= _MOST_DIGITS and int(asked) > 0
        headers["WebHook-Allowed-Origin"] = origin
        headers["WebHook-Allowed-Rate"] = str(min(int(asked), most) if is_rate else most)
    return Response(status_code=200 if origin else 204, headers=headers)
