"""How every process logs: one line per event on standard error, for people (text) or machines (json).

Libraries that use the standard logging module (Faust, aiokafka, uvicorn) go through the same formatter. Whoever says
a line, it is written once and then counted, see `deploy.repeats`.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

from deploy.repeats import Repeats, add_times

LogFormat = Literal["text", "json"]

_QUIET = {"aiokafka": logging.WARNING, "httpx": logging.WARNING, "uvicorn.access": logging.WARNING}
"""Libraries that narrate each step; what they warn of is still heard."""
_BROKEN_OFF = "ASGI callable returned without completing response."
"""uvicorn's, of an answer that is broken off so that it is seen: whoever does that says why (`metrics.streamed`)."""


class _Handler(logging.StreamHandler[TextIO]):
    """Counts what is said again; `logging.shutdown`, at the end of a process, has it write the last counts."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._repeats = Repeats(self.handle)
        self.addFilter(self._repeats)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Nothing is said of a line that nobody can read, as its stream is gone; of other mistakes all."""
        if not isinstance(sys.exc_info()[1], OSError) and not self.stream.closed:
            super().handleError(record)

    def close(self) -> None:
        """Write what was counted."""
        self._repeats.close()
        super().close()


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg != _BROKEN_OFF


def configure(log_format: LogFormat) -> None:
    """Set up structlog and standard logging, at the level of SALES_LOG_LEVEL, else `info`."""
    name = (os.environ.get("SALES_LOG_LEVEL") or "info").upper()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    stream = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process; it was started without one
    last: list[Processor]
    if log_format == "json":
        # Without the variables of each frame: passwords are among them.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last = [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer(default=str)]
    else:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain, pad_event_to=0)]
    handler = _Handler(stream)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[add_times, remove, *last])
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    root = logging.getLogger()
    for former in root.handlers:
        if isinstance(former, _Handler):
            former.close()  # or its thread would write to a stream that its owner has closed
    root.handlers[:] = [handler]
    root.setLevel(name if name in logging.getLevelNamesMapping() else "INFO")
    for logger, minimum in _QUIET.items():
        logging.getLogger(logger).setLevel(minimum)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
