"""The kinds of values in the contract as pydantic types: each refuses with what is wrong and what to send.

`OnWire` beside a kind is its form in the structs, which are written from the models (`struct_source.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from producers.events import rules


@dataclass(frozen=True)
class OnWire:
    """A kind of value in the structs: its annotation, and what no msgspec type can express, as Python.

    check: with `{}` for the value; `time` is the event's. "" where the type says everything.
    """

    annotation: str
    check: str = ""


def on_wire(annotation: Any) -> OnWire | None:
    """The wire's form of a field's kind, whether the field may be absent or not; None where its type says it."""
    if isinstance(annotation, OnWire):
        return annotation
    return next((found for part in get_args(annotation) if (found := on_wire(part)) is not None), None)


HAPPENED = OnWire("Moment", "EARLIEST <= {0} <= time or is_soon({0}, time)")
DUE = OnWire("Moment", "in_range({})")


def _must(holds: Callable[[str], object], kind: str, advice: str) -> AfterValidator:
    def check(text: str) -> str:
        if not holds(text):
            raise PydanticCustomError(kind, advice)
        return text

    return AfterValidator(check)


def _text_of_decimal(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def _moment(value: Any) -> Any:
    moment = rules.parse_time(value) if isinstance(value, str) else value
    if moment is None or (isinstance(moment, datetime) and moment.tzinfo is None):
        raise PydanticCustomError(
            "rfc3339", "is not an RFC 3339 time with a zone; send one like 2026-11-23T09:15:02Z or +03:00"
        )
    if not isinstance(moment, datetime):
        return value
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("time_out_of_range", "is beyond the calendar; send when it happened") from error


def _in_range(moment: datetime) -> datetime:
    if not rules.EARLIEST <= moment < rules.LATEST:
        raise PydanticCustomError("time_out_of_range", "is before the year 2000 or after 9998; send when it happened")
    return moment


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _schema(pattern: str, description: str, example: str) -> Any:
    return Field(json_schema_extra={"pattern": f"^({pattern})$", "description": description, "examples": [example]})


Id = Annotated[str, StringConstraints(min_length=1, max_length=rules.ID_LENGTH), OnWire("Id")]
Source = Annotated[
    str,
    StringConstraints(max_length=rules.ATTRIBUTE_LENGTH),
    _must(rules.is_source, "uri_reference", "is not a URI-reference; send one like pbx://spb, percent-encode the rest"),
    Field(
        json_schema_extra={
            "minLength": 1,
            "format": "uri-reference",
            "description": "the system that sent it",
            "examples": ["bitrix24://portal-7"],
        }
    ),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T09:15:02Z"]}),
]
EventTime = Annotated[Instant, AfterValidator(_in_range)]
Moment = Annotated[Instant, HAPPENED]
"""When something happened: at most 10 minutes after the event's time, which the event checks."""
DueMoment = Annotated[Instant, DUE]
"""When something is due: it may lie ahead."""
Money = Annotated[
    str,
    BeforeValidator(_text_of_decimal),
    OnWire("str", "is_money({}) is not None"),
    _must(
        rules.is_money, "money", 'is not an amount; send a decimal string like "1250.00", up to 4 places, not negative'
    ),
    _schema(rules.MONEY, "decimal, up to 4 places, never negative", "1250.00"),
]
Currency = Annotated[
    str,
    OnWire("str", "known_currency({})"),
    _must(rules.is_currency, "currency", "is not an ISO 4217 code; send three capital letters like RUB"),
    _schema(rules.CURRENCY, "ISO 4217", "RUB"),
]
Rate = Annotated[
    str,
    BeforeValidator(_text_of_decimal),
    OnWire("str", "is_rate({})"),
    _must(rules.is_rate, "rate", 'is not a rate; send a decimal string above zero like "92.5"'),
    _schema(rf"(?=[0.]*[1-9]){rules.RATE}", "units of the base currency for one unit, above zero", "92.5"),
]
Scope = Annotated[
    str,
    OnWire("str", "is_scope({}) is not None"),
    _must(rules.is_scope, "scope", "is not a scope; send manager:<id>, team:<id> or company"),
    _schema(rules.SCOPE, "whose plan it is", "manager:m-3"),
]
Period = Annotated[
    str,
    OnWire("str", "is_period({})"),
    _must(rules.is_period, "period", "is not a period; send a month 2026-11, a quarter 2026-Q4 or a year 2026"),
    _schema(rules.PERIOD, "a month, a quarter or a year", "2026-11"),
]
Day = Annotated[
    str,
    OnWire("str", "is_date({})"),
    _must(rules.is_date, "date", "is not a day; send one like 2026-11-23"),
    Field(json_schema_extra={"pattern": f"^{rules.DATE}$", "format": "date", "examples": ["2026-11-23"]}),
]
Score = Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole), OnWire("Annotated[int, Meta(ge=1, le=5)]")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), OnWire("Annotated[float, Meta(ge=0, le=1)]")]
