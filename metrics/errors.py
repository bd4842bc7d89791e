"""Everything that can go wrong in this room, as one small tree.

MetricsError
├── CalendarError   the working calendar cannot be read; names the place in the file
├── WindowError     a moment or window that the cells cannot answer
└── ViewError       the Redis view cannot be read or understood
"""


class MetricsError(Exception):
    """A failure that a person can act on: its text is one clear line."""


class CalendarError(MetricsError):
    """The working calendar is not usable; the text names the place and what to write instead."""


class WindowError(MetricsError):
    """The asked moment or window lies outside what the cells still hold."""


class ViewError(MetricsError):
    """The view in Redis is missing, damaged or of another version."""
