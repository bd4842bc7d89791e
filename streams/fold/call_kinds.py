"""What kind of call one is: its number, whether it was answered, and what it is to clients who wait for a call."""

from itertools import product
from typing import Final

from streams.fold.encoding import decoder
from streams.fold.line import CONTACT, MISSED, NO_ROLE, Reach
from streams.fold.localtime import SECOND
from streams.fold.state import Call

CALL: Final = "c"
KINDS: Final = tuple(product(("inbound", "outbound"), ("answered", "missed", "abandoned", "busy", "failed")))
"""What `Call.kind` numbers; encoded state depends on the order, so that new values go to the end."""
NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}
ANSWERED: Final = NUMBERS["inbound", "answered"]

UNANSWERED: Final = frozenset({NUMBERS["inbound", "missed"], NUMBERS["inbound", "abandoned"]})
_ATTEMPTS: Final = frozenset(
    n for (direction, end), n in NUMBERS.items() if direction == "outbound" and end != "failed"
)
CONTACTS: Final = _ATTEMPTS | {ANSWERED}
_TOO_SHORT: Final = 5 * SECOND
_ANONYMOUS: Final = "anonymous:"

decode_call: Final = decoder(Call)


def is_unanswered(call: Call) -> bool:
    """Whether a response was due that nobody gave."""
    return call.kind in UNANSWERED and call.time - call.started > _TOO_SHORT


def is_outbound(call: Call) -> bool:
    """Whether we called, and it was an attempt."""
    return call.kind in _ATTEMPTS


def role_of(call: Call) -> int:
    """Whether it is contact, an attempt of the client's that nobody answered, or neither."""
    kind = call.kind
    if kind in CONTACTS:
        return CONTACT
    return MISSED if kind in UNANSWERED and call.time - call.started > _TOO_SHORT else NO_ROLE


def reach_of(call: Call) -> Reach | None:
    """Since when and until when it touches leads; None when it does not."""
    if call.kind in _ATTEMPTS:
        return call.started, call.started
    if call.kind == ANSWERED and call.answered is not None:
        return call.answered, call.time
    return None


def until_of(call: Call) -> int:
    """The latest moment that it speaks of: it may be said to have begun after its end."""
    time, started, answered = call.time, call.started, call.answered
    last = time if time >= started else started
    return last if answered is None or answered <= last else answered


def is_anonymous(client: str) -> bool:
    """Whether nobody can call the client back."""
    return client.startswith(_ANONYMOUS)
