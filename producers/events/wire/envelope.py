"""The CloudEvents attributes that every event carries."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from producers.events.rules import ATTRIBUTE_LENGTH, ID_LENGTH, SEQUENCE_LENGTH

Id = Annotated[str, Meta(min_length=1, max_length=ID_LENGTH)]
Moment = Annotated[datetime, Meta(tz=True)]


class Data(Struct, frozen=True, gc=False, omit_defaults=True):
    """What an event says; fields as in the contract, absent ones None."""


class Envelope(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type"):
    """An event as decoded. `type` is the contract's type, `time` has a zone, `data` is per type."""

    type: ClassVar[str]

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(min_length=1, max_length=ATTRIBUTE_LENGTH)]
    source: Annotated[str, Meta(min_length=1, max_length=ATTRIBUTE_LENGTH)]
    time: Moment
    subject: Annotated[str, Meta(max_length=ATTRIBUTE_LENGTH)] | None = None
    partitionkey: str | None = None
    sequence: Annotated[str, Meta(max_length=SEQUENCE_LENGTH)] | None = None

    @property
    def key(self) -> str:
        """The Kafka key that this event must have."""
        client: str = self.data.client_id  # type: ignore[attr-defined]
        return client
