"""The types of each topic as structs.

Made by `sales-pulse generate` from the models; do not edit.
"""

from producers.events.wire.structs.calls import CallAnswered, CallEnded, CallStarted
from producers.events.wire.structs.chats import ChatClosed, ChatHandedOff, ChatMessage
from producers.events.wire.structs.costs import CostBooked
from producers.events.wire.structs.deals import DealChanged, DealDeleted, InvoiceChanged, LeadChanged, LeadDeleted
from producers.events.wire.structs.payments import PaymentReceived, PaymentRefunded
from producers.events.wire.structs.reference import ManagerChanged, PipelineChanged, PlanSet, RateSet
from producers.events.wire.structs.service import MeetingHeld, RatingGiven

__all__ = [
    "MOMENTS",
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
    "ReferenceEvent",
]

Event = (
    CallStarted
    | CallAnswered
    | CallEnded
    | ChatMessage
    | ChatHandedOff
    | ChatClosed
    | LeadChanged
    | LeadDeleted
    | DealChanged
    | DealDeleted
    | InvoiceChanged
    | PaymentReceived
    | PaymentRefunded
    | MeetingHeld
    | RatingGiven
    | CostBooked
)
ReferenceEvent = ManagerChanged | PipelineChanged | PlanSet | RateSet

MOMENTS = (
    "time",
    "started_at",
    "answered_at",
    "created_at",
    "closed_at",
    "issued_at",
    "due_at",
)
"""The fields of all types that hold moments."""
