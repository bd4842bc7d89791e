"""The fast form of the contract: what the worker decodes, about ten times quicker than the pydantic models.

Accepts and refuses exactly what the models do: what the fast path does not take, the models judge, and their
verdict counts. The figures behind the choice of msgspec are in producers/events/README.md.
"""

from producers.errors import Refused
from producers.events.units import instant, money, us
from producers.events.wire.calls import CallAnswered, CallEnded, CallStarted
from producers.events.wire.chats import ChatClosed, ChatHandedOff, ChatMessage
from producers.events.wire.deals import DealChanged, DealDeleted, InvoiceChanged, LeadChanged, LeadDeleted
from producers.events.wire.decoding import decode, decode_made, decode_reference, encode
from producers.events.wire.envelope import Envelope
from producers.events.wire.payments import CostBooked, PaymentReceived, PaymentRefunded
from producers.events.wire.reference import ManagerChanged, PipelineChanged, PlanSet, RateSet
from producers.events.wire.service import MeetingHeld, RatingGiven
from producers.events.wire.unions import Event, ReferenceEvent

__all__ = [
    "CallAnswered",
    "CallEnded",
    "CallStarted",
    "ChatClosed",
    "ChatHandedOff",
    "ChatMessage",
    "CostBooked",
    "DealChanged",
    "DealDeleted",
    "Envelope",
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
    "ReferenceEvent",
    "Refused",
    "decode",
    "decode_made",
    "decode_reference",
    "encode",
    "instant",
    "money",
    "us",
]
