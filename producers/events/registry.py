"""Which types there are, and on which topic each may stand: the models of each domain's module, as they stand there."""

from types import ModuleType

from producers.events import calls, chats, costs, deals, payments, reference, service
from producers.events.envelope import Event


def type_of(model: type[Event]) -> str:
    """The contract's type of an event class."""
    name: str = model.model_fields["type"].default
    return name


def keyed(model: type[Event]) -> str:
    """The Kafka key of an event class, with fields of `data` between braces."""
    template: str = model.model_fields["data"].annotation.keyed  # type: ignore[union-attr]
    return template


def _models(domains: tuple[ModuleType, ...]) -> dict[str, type[Event]]:
    found = [getattr(domain, name) for domain in domains for name in vars(domain) if name in domain.__all__]
    return {type_of(model): model for model in found}


_HAPPENING = (calls, chats, deals, payments, service, costs)
DOMAINS: tuple[ModuleType, ...] = (*_HAPPENING, reference)
EVENT_TYPES = _models(_HAPPENING)
REFERENCE_TYPES = _models((reference,))
ALL_TYPES = EVENT_TYPES | REFERENCE_TYPES
