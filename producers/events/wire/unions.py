"""All types of a topic on the wire, as what its decoder gives."""

from producers.events.wire.calls import CallAnswered, CallEnded, CallStarted
from producers.events.wire.chats import ChatClosed, ChatHandedOff, ChatMessage
from producers.events.wire.deals import DealChanged, DealDeleted, InvoiceChanged, LeadChanged, LeadDeleted
from producers.events.wire.payments import CostBooked, PaymentReceived, PaymentRefunded
from producers.events.wire.reference import ManagerChanged, PipelineChanged, PlanSet, RateSet
from producers.events.wire.service import MeetingHeld, RatingGiven

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
