"""Everything that can go wrong in this room, as one small tree.

MetricsError
├── CalendarError   the working calendar cannot be read; names the place in the file
├── WindowError     a moment or window that the cells cannot answer
├── AskedError      a request with a parameter, manager or team that is unknown or contradicts another
├── AwayError       what an answer needs cannot be reached now
├── SendError       a digest could not be delivered; says to whom, why, and whether it may have arrived
└── ViewError       the Redis view cannot be read or understood
"""


class MetricsError(Exception):
    """A failure that a person can act on: its text is one clear line."""


class CalendarError(MetricsError):
    """The working calendar is not usable; the text names the place and what to write instead."""


class WindowError(MetricsError):
    """The asked moment or window lies outside what the cells still hold."""


class AskedError(MetricsError):
    """The request asks for what there is not; the text names the parameter."""


class AwayError(MetricsError):
    """Kafka, Redis or a worker is needed and away; the same request may be answered later."""


class SendError(MetricsError):
    """A digest was not delivered, or nobody knows whether it was; the text never holds a secret."""


class ViewError(MetricsError):
    """The view in Redis is missing, damaged or of another version."""
