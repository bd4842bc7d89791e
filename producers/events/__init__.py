"""The event contract: what every producer may send and every consumer may rely on.

`CallEnded.of(source=…, time=…, call_id=…, …)` makes an event, `parse` reads one and says what is wrong with
it, `producers.events.wire` is the fast form for consumers, `producers.events.intake` judges whole records.
"""

from producers.errors import Refused
from producers.events import calls, chats, costs, deals, payments, reference, service
from producers.events.calls import *  # noqa: F403 - each domain says in `__all__` which events it has
from producers.events.chats import *  # noqa: F403
from producers.events.costs import *  # noqa: F403
from producers.events.deals import *  # noqa: F403
from producers.events.envelope import Event
from producers.events.parsing import explain, parse, problems
from producers.events.payments import *  # noqa: F403
from producers.events.reference import *  # noqa: F403
from producers.events.registry import ALL_TYPES, EVENT_TYPES, REFERENCE_TYPES, type_of
from producers.events.rules import MAX_BYTES, REASONS
from producers.events.service import *  # noqa: F403

__all__ = [
    "ALL_TYPES",
    "EVENT_TYPES",
    "MAX_BYTES",
    "REASONS",
    "REFERENCE_TYPES",
    "Event",
    "Refused",
    "explain",
    "parse",
    "problems",
    "type_of",
]
__all__ += calls.__all__
__all__ += chats.__all__
__all__ += costs.__all__
__all__ += deals.__all__
__all__ += payments.__all__
__all__ += reference.__all__
__all__ += service.__all__
