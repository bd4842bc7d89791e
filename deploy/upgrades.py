"""HTTP as uvicorn speaks it, but an offer of HTTP/2 is overlooked: Java's HttpClient makes one with its first request.

The parser (llhttp) drops the body of a request that asks for an upgrade. A server may overlook the offer (RFC 9110).
"""

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_LINE = b"\r\n"
_END = _LINE * 2
_OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)
_LONGEST = 64 * 1024


class Protocol(HttpToolsProtocol):
    """One connection."""

    _begun = b""

    def data_received(self, data: bytes) -> None:
        """Take the offer out of a request's head, which waits until it is whole."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            data = self._begun + data
            head, end, body = data.partition(_END)
            if not end and len(data) < _LONGEST:
                self._begun = data
                return
            self._begun = b""
            data = _OFFER.sub(b"", head + _LINE) + end[2:] + body if end else data
        super().data_received(data)
