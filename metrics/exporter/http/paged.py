"""Answers to GET /metrics on their way: put together while they are read, from compressed text that all share.

A scrape of a thousand people is a hundred megabytes as plain text. Who reads it slowly, or not at all, must not hold
them: what he holds is the compressed text of that moment, which is the exporter's own until it changes. Of pages that
are still under way so many bytes of it are kept, and then the oldest is given up: whoever reads it sees that it is not
whole.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import structlog

from metrics.errors import AwayError
from metrics.exporter.exposition.packed import Packed, gzipped, unpack
from metrics.streamed import Streamed

log = structlog.get_logger(__name__)
MOST_BYTES = 64 << 20
_PIECE = 32 * 1024
"""That is put together at a time."""


class ScrapedPage:
    """One moment's text, for as many as asked for it. `parts`: compressed; none when it was given up."""

    def __init__(self, pieces: Sequence[Packed], kind: str, *, packs: bool) -> None:
        """kind: the media type. packs: whether it is sent as gzip."""
        self.kind, self.readers = kind, 0
        self.read: Callable[[bytes], bytes] = bytes if packs else unpack
        if packs:
            self.parts = gzipped(pieces)
            length, self.headers = sum(map(len, self.parts)), {"content-encoding": "gzip", "vary": "accept-encoding"}
        else:
            self.parts = [one.deflated for one in pieces]
            length, self.headers = sum(one.size for one in pieces), {}
        self.headers["content-length"] = str(length)
        self.size = sum(map(len, self.parts))

    def pieces(self) -> Iterator[bytes]:
        """What is sent, piece by piece. Raises AwayError when it was given up meanwhile."""
        found = bytearray()
        for place in range(len(self.parts)):
            if not self.parts:
                raise AwayError("it was read too slowly, and others wait")
            found += self.read(self.parts[place])
            if len(found) >= _PIECE:
                yield bytes(found)
                found.clear()
        yield bytes(found)


class Pages:
    """All that are under way, the oldest first."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._under_way: dict[ScrapedPage, None] = {}
        self._sum = 0
        self.given_up = 0

    def answer(self, page: ScrapedPage) -> Streamed:
        """For one who asked."""
        return Streamed(self._sent(page), page.kind, known=(AwayError,), headers=page.headers)

    async def _sent(self, page: ScrapedPage) -> AsyncIterator[bytes]:
        page.readers += 1
        if page.parts and page not in self._under_way:
            self._under_way[page] = None
            self._sum += page.size
            self._bound()
        try:
            for piece in page.pieces():
                yield piece
        finally:
            page.readers -= 1
            if not page.readers:
                self._end(page)

    def _end(self, page: ScrapedPage) -> None:
        if page in self._under_way:
            del self._under_way[page]
            self._sum -= page.size

    def _bound(self) -> None:
        while self._sum > self._most and len(self._under_way) > 1:
            oldest = next(iter(self._under_way))
            self._end(oldest)
            oldest.parts = []
            self.given_up += oldest.readers
            log.warning("gave up a page of /metrics that is read too slowly", so_far=self.given_up)
