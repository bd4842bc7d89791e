"""CloudEvents 1.0 as the contract uses it: the attributes, and the builder that producers call."""

from datetime import datetime
from hashlib import sha256
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from producers.events.fields import DUE, HAPPENED, EventTime, Source, on_wire
from producers.events.rules import AHEAD, ATTRIBUTE_LENGTH, EARLIEST, LATEST, SEQUENCE_LENGTH


class ContractModel(BaseModel):
    """Strict about types, silent about unknown fields, never changed once made."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Data(ContractModel):
    """What an event says. `keyed`: the Kafka key, with fields between braces."""

    keyed: ClassVar[str]
    times: ClassVar[tuple[str, ...]] = ()
    """Fields that may not lie after the event."""
    dues: ClassVar[tuple[str, ...]] = ()
    """Fields that may."""

    @property
    def key(self) -> str:
        """The Kafka key."""
        return self.keyed.format_map(vars(self))

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        kinds = {name: on_wire(kind) for name, kind in get_annotations(cls).items()}
        cls.times = tuple(name for name, kind in kinds.items() if kind is HAPPENED)
        cls.dues = tuple(name for name, kind in kinds.items() if kind is DUE)


class ClientData(Data):
    """Data about a client, whose id is the Kafka key."""

    keyed: ClassVar[str] = "{client_id}"

    client_id: str

    @property
    @override
    def key(self) -> str:
        # Most events have this one: no template is filled for it.
        return self.client_id


class Needed(NamedTuple):
    """That an optional field has to be given when another one has one of some values; advice: what is told then."""

    name: str
    when: str
    values: tuple[str, ...]
    advice: str


def _tell(schema: dict[str, Any], model: "type[ConditionalData]") -> None:
    name, when, values, _ = model.needed
    meets = {"const": values[0]} if len(values) == 1 else {"enum": [*values]}
    schema["if"] = {"properties": {when: meets}}
    schema["then"] = {"required": [name], "properties": {name: {"type": "string"}}}


class ConditionalData(ClientData):
    """Data of which one field hangs on another."""

    model_config = ConfigDict(json_schema_extra=_tell)

    needed: ClassVar[Needed]

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        name, when, values, advice = self.needed
        if getattr(self, name) is None and getattr(self, when) in values:
            raise PydanticCustomError(name, f"is missing; {advice}", {"field": f"data.{name}"})
        return self


class Attributes(ContractModel):
    """The CloudEvents attributes, whatever the type."""

    specversion: Literal["1.0"]
    id: str = Field(
        min_length=1, max_length=ATTRIBUTE_LENGTH, description="with source, unique: the same pair is the same event"
    )
    source: Source
    type: str = Field(min_length=1)
    time: EventTime = Field(description="when it happened in the business; it alone decides the window")
    subject: Annotated[str, StringConstraints(max_length=ATTRIBUTE_LENGTH)] | None = None
    partitionkey: str | None = Field(None, description="equals the Kafka key")
    sequence: Annotated[str, StringConstraints(max_length=SEQUENCE_LENGTH)] | None = Field(
        None, description="version of the entity, of equal width within a source"
    )


class Event(Attributes):
    """One event of the contract; subclasses fix `type` and `data`, and give an `example` of the latter."""

    example: ClassVar[dict[str, Any]]
    entity: ClassVar[tuple[str, str] | None] = None
    """What it is a version of: the kind of entity, and the field of `data` that names it. None: it has no versions."""

    specversion: Literal["1.0"] = "1.0"
    data: Any

    @property
    def key(self) -> str:
        """The Kafka key."""
        key: str = self.data.key
        return key

    @classmethod
    def of(
        cls,
        *,
        source: str,
        time: datetime | str,
        id: str | None = None,  # noqa: A002 - the contract's name
        sequence: str | None = None,
        subject: str | None = None,
        **data: Any,
    ) -> Self:
        """The event with `data` given flat. Raises pydantic's `ValidationError` that names the field.

        Without an `id` one is derived from everything else, so that publishing it again is the same event.
        """
        envelope = {"source": source, "time": time, "sequence": sequence, "subject": subject, "data": data}
        event = cls.model_validate({**envelope, "id": id if id is not None else "derived"})
        if id is not None:
            return event
        return event.model_copy(update={"id": sha256(event.to_json()).hexdigest()[:32]})

    def to_json(self) -> bytes:
        """The value of the Kafka record: structured JSON, absent fields left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @model_validator(mode="after")
    def _times_in_data(self) -> Self:
        for name in self.data.times:
            moment = getattr(self.data, name)
            if moment is not None and (moment < EARLIEST or moment - self.time > AHEAD):
                raise PydanticCustomError(
                    "time_in_data",
                    "is before the year 2000 or more than 10 minutes after the event's time; send when it happened",
                    {"field": f"data.{name}"},
                )
        for name in self.data.dues:
            moment = getattr(self.data, name)
            if moment is not None and not EARLIEST <= moment < LATEST:
                raise PydanticCustomError(
                    "time_in_data",
                    "is before the year 2000 or after 9998; send the day it is due",
                    {"field": f"data.{name}"},
                )
        return self
