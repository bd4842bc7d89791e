"""The fast form of the contract: what the worker decodes, about ten times quicker than the pydantic models.

Accepts and refuses exactly what the models do: what the fast path does not take, the models judge, and their
verdict counts. The structs are written from the models. The figures behind the choice of msgspec are in
producers/events/README.md.
"""

from producers.errors import Refused
from producers.events.units import instant, money, us
from producers.events.wire import structs
from producers.events.wire.decoding import decode, decode_each, decode_made, decode_reference, encode
from producers.events.wire.envelope import Envelope
from producers.events.wire.structs import *  # noqa: F403 - all types, which are generated

__all__ = [
    "Envelope",
    "Refused",
    "decode",
    "decode_each",
    "decode_made",
    "decode_reference",
    "encode",
    "instant",
    "money",
    "us",
]
__all__ += structs.__all__
