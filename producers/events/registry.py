"""Which types there are, and on which topic each may stand."""

from producers.events.calls import CallAnswered, CallEnded, CallStarted
from producers.events.chats import ChatClosed, ChatHandedOff, ChatMessage
from producers.events.deals import DealChanged, DealDeleted, InvoiceChanged, LeadChanged, LeadDeleted
from producers.events.envelope import Event
from producers.events.payments import CostBooked, PaymentReceived, PaymentRefunded
from producers.events.reference import ManagerChanged, PipelineChanged, PlanSet, RateSet
from producers.events.service import MeetingHeld, RatingGiven


def type_of(model: type[Event]) -> str:
    """The contract's type of an event class."""
    name: str = model.model_fields["type"].default
    return name


def _by_type(*models: type[Event]) -> dict[str, type[Event]]:
    return {type_of(model): model for model in models}


EVENT_TYPES = _by_type(
    CallStarted,
    CallAnswered,
    CallEnded,
    ChatMessage,
    ChatHandedOff,
    ChatClosed,
    LeadChanged,
    LeadDeleted,
    DealChanged,
    DealDeleted,
    InvoiceChanged,
    PaymentReceived,
    PaymentRefunded,
    MeetingHeld,
    RatingGiven,
    CostBooked,
)
REFERENCE_TYPES = _by_type(ManagerChanged, PipelineChanged, PlanSet, RateSet)
ALL_TYPES = EVENT_TYPES | REFERENCE_TYPES
