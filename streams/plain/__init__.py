"""The plain definition of every number: slow, and so simple that it can be checked against numbers.md by eye.

It shares no code with `streams.fold`. `sales-pulse audit`, the explainer and the laws hold the service against it.
"""

from streams.plain.calendar import PlainCalendar
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.log import PlainPartition, recompute
from streams.plain.rules import PlainRules

__all__ = ["Contribution", "OpenThing", "PlainCalendar", "PlainPartition", "PlainRules", "recompute"]
