"""An answer in a stream that may break on the way: whoever reads it is not told that this was all."""

from collections.abc import AsyncIterator, Callable, Mapping

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Send
from typing_extensions import override

log = structlog.get_logger(__name__)


class Streamed(StreamingResponse):
    """A stream that ends without its last chunk when one of the `known` errors breaks it; the log says why, in a line.

    By that every client knows that it has not got all (curl ends with 18). What was sent are whole lines.
    broken: is told of the error.
    """

    def __init__(
        self, content: AsyncIterator[str] | AsyncIterator[bytes], media_type: str, *,
        known: tuple[type[Exception], ...],
        headers: Mapping[str, str] | None = None, broken: Callable[[Exception], None] = lambda _: None,
    ) -> None:  # fmt: skip
        super().__init__(content, media_type=media_type, headers=headers)
        self._known, self._broken = known, broken

    @override
    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except self._known as error:
            self._broken(error)
            log.warning("an answer was broken off; whoever reads it sees that it is not whole", why=str(error))
