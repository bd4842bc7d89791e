"""The event contract: what every producer may send and every consumer may rely on.

`CallEnded.of(source=…, time=…, call_id=…, …)` makes an event, `parse` reads one and says what is wrong with
it, `producers.events.wire` is the fast form for consumers, `producers.events.intake` judges whole records.
"""

from producers.errors import Refused
from producers.events.calls import CallAnswered, CallEnded, CallStarted
from producers.events.chats import ChatClosed, ChatHandedOff, ChatMessage
from producers.events.deals import DealChanged, DealDeleted, InvoiceChanged, LeadChanged, LeadDeleted
from producers.events.envelope import Event
from producers.events.parsing import explain, parse, problems
from producers.events.payments import CostBooked, PaymentReceived, PaymentRefunded
from producers.events.reference import ManagerChanged, PipelineChanged, PlanSet, RateSet
from producers.events.registry import ALL_TYPES, EVENT_TYPES, REFERENCE_TYPES, type_of
from producers.events.rules import MAX_BYTES, REASONS
from producers.events.service import MeetingHeld, RatingGiven

__all__ = [
    "ALL_TYPES",
    "EVENT_TYPES",
    "MAX_BYTES",
    "REASONS",
    "REFERENCE_TYPES",
    "CallAnswered",
    "CallEnded",
    "CallStarted",
    "ChatClosed",
    "ChatHandedOff",
    "ChatMessage",
    "CostBooked",
    "DealChanged",
    "DealDeleted",
    "Event",
    "InvoiceChanged",
    "LeadChanged",
    "LeadDeleted",
    "ManagerChanged",
    "MeetingHeld",
    "PaymentReceived",
    "PaymentRefunded",
    "PipelineChanged",
    "PlanSet",
    "RateSet",
    "RatingGiven",
    "Refused",
    "explain",
    "parse",
    "problems",
    "type_of",
]
