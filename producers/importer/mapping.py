"""The YAML file that says which columns of a foreign table make which fields of which events."""

import difflib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from producers.events.rules import is_source
from producers.importer.cells import NOTHING
from producers.importer.durations import Clock
from producers.importer.errors import MappingProblem
from producers.importer.forms import alike

NO_SOURCE = (
    "{!r} is not a URI-reference, as the source of events has to be; write one like crm://history, which begins with a "
    "letter and is in ASCII"
)


class _MappingModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Names = tuple[str, ...]
"""One name or a list of them in YAML."""


def _several(value: Any) -> Any:
    """A list of texts from one or several; YAML reads what looks like a number as one."""
    listed = value if isinstance(value, list | tuple) or value is None else (value,)
    return listed and tuple(str(one) if type(one) in (int, float) else one for one in listed)


class MappedColumn(_MappingModel):
    """Where one field comes from: a column (its texts changed by `values`), several joined, or a constant."""

    column: Names | None = None
    """Of several, the first that is not empty."""
    join: Names | None = None
    """Columns whose texts are put together with `with` between them."""
    with_: Annotated[str, Field(alias="with")] = "-"
    phone: Names | None = None
    email: Names | None = None
    """For `client_id`: columns of the client's numbers and addresses, by which the identities know whose they are."""
    listed: bool = False
    """For `client_id`: an id of a client list that was imported before."""
    hash: bool = False
    """For ids: the text is a person's name, and is known by its hash alone, with the key of the identities."""
    constant: str | int | float | bool | None = None
    values: dict[str, str] | None = None
    default: str | int | float | bool | None = None
    """Used for an empty cell, and for a text that `values` does not have."""
    prefix: str = ""
    format: Names = ()
    """For times: as in strptime (%B: names of months), `unix`, `excel`; the first that fits."""
    plus: Names | None = None
    """For times: columns of durations, which are added; an empty one is none."""
    clock: Clock | None = None
    """For `plus`: what 2:05 means."""
    decimal: Literal[".", ","] | None = None
    """For amounts: the decimal mark. Found out from the whole column where it is not said."""
    scale: Decimal | None = None
    """For numbers: multiplied by this, `0.01` for percent."""
    places: Annotated[int, Field(ge=0, le=4)] | None = None
    """For amounts: rounded to so many decimals (half to even)."""
    absolute: bool = False
    """For amounts: without their sign, where `when` tells what a negative one is."""
    width: Annotated[int, Field(ge=1, le=64)] | None = None
    """For `sequence`: zeros are put before it up to this width."""

    _names = field_validator("column", "join", "format", "phone", "email", "plus", mode="before")(_several)

    @field_validator("format")
    @classmethod
    def _one_meaning(cls, value: Names) -> Names:
        if found := alike(value):
            raise ValueError(f"{found[0]} and {found[1]} fit the same texts, and mean other days; leave one of them")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = sum(origin is not None for origin in (self.column, self.join, self.constant))
        if origins > 1 or (origins == 0 and not self.addresses):
            raise ValueError("give one of column, join and constant")
        if self.hash and (not self.columns or self.values is not None or self.width is not None or self.listed):
            raise ValueError("hash is for a column or join, without values, width and listed")
        return self

    @property
    def columns(self) -> Names:
        """The columns that it takes its text from."""
        return self.column or self.join or ()

    @property
    def addresses(self) -> Names:
        """The columns with numbers and addresses of the client."""
        return (self.phone or ()) + (self.email or ())

    @property
    def is_identity(self) -> bool:
        """Whether it is resolved by the identities."""
        return bool(self.addresses) or self.listed


class When(_MappingModel):
    """What has to hold of one column: all that is said of it."""

    column: str
    is_: Annotated[Names | None, Field(alias="is")] = None
    not_: Annotated[Names | None, Field(alias="not")] = None
    filled: bool | None = None
    negative: bool | None = None
    """Whether the amount in it is below zero: how many tables show a refund or a credit."""

    _names = field_validator("is_", "not_", mode="before")(_several)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) or value is None else (value,)


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Rule(_MappingModel):
    """How a row makes one event. `when`: one condition or several, all of which have to hold."""

    type: MappedColumn
    time: MappedColumn
    id: MappedColumn | None = None
    sequence: MappedColumn | None = None
    when: tuple[When, ...] = ()
    data: dict[str, MappedColumn]

    _columns = field_validator("type", "time", "id", "sequence", mode="before")(_as_column)
    _conditions = field_validator("when", mode="before")(_listed)

    @field_validator("data", mode="before")
    @classmethod
    def _fields(cls, value: Any) -> Any:
        return {name: _as_column(one) for name, one in value.items()} if isinstance(value, dict) else value


class MappingFile(_MappingModel):
    """The whole file. `source` is the CloudEvents source; `timezone` is for times that say none."""

    format: Literal["csv", "jsonl"] = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Found out from the header where it is not said."""
    escape: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """What stands before a quote inside a quoted cell, where it is not doubled."""
    encoding: str | None = None
    """Found out from the file where it is not said."""
    empty: Names = NOTHING
    """Texts that stand in cells where there is nothing."""
    sheet: str | None = None
    """Of a spreadsheet: the name of the sheet; the first one where it is not said."""
    source: Annotated[str, Field(min_length=1)]
    timezone: str | None = None
    events: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; write one like Europe/Moscow")
        return value

    _empty = field_validator("empty", mode="before")(_several)

    @field_validator("source")
    @classmethod
    def _is_source(cls, value: str) -> str:
        if not is_source(value):
            raise ValueError(NO_SOURCE.format(value))
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(f"{value!r} is not an encoding; write one like utf-8 or cp1251") from None
        return value


def load_mapping(path: Path) -> MappingFile:
    """Read a mapping file. Raises MappingProblem with all that is wrong, one `file:line: place: what` a line."""
    try:
        written = path.read_text("utf-8-sig")
        content = yaml.safe_load(written)
        node = yaml.compose(written, Loader=yaml.SafeLoader)
    except OSError as error:
        raise MappingProblem(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingProblem(f"{path}: is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise MappingProblem(f"{path}{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: what looks like a date and is none
        raise MappingProblem(f"{path}: is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise MappingProblem(f"{path}: is not a mapping; begin with sales-pulse import --template")
    try:
        return MappingFile.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        places = [tuple(problem["loc"]) for problem in problems]
        # A list is said to be too short where what is in it is wrong.
        said = [
            _said(path, node, problem)
            for problem, place in zip(problems, places, strict=True)
            if problem["type"] != "too_short" or not any(other[: len(place)] == place != other for other in places)
        ]
        raise MappingProblem("\n".join(dict.fromkeys(said))) from error


def _said(path: Path, node: Any, problem: Any) -> str:
    place = tuple(problem["loc"])
    line = _line(node, place)
    where = ".".join(str(part) for part in place) or "the file"
    kind, message = problem["type"], problem["msg"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys(place), 1)
        message = "is not a key here" + (
            f"; did you mean {near[0]}?" if near else f"; keys are {', '.join(_keys(place))}"
        )
    elif kind == "missing":
        message = "is missing"
    elif kind == "too_short":
        message = "is empty; give at least one"
    elif place[-1:] == ("[key]",):
        message = (
            f"YAML reads a key as {str(problem['input']).lower()}; write keys like yes, no, on, off and 1 in quotes"
        )
    elif kind.endswith("_type") or kind.startswith("model_"):
        message = f"{message[:1].lower()}{message[1:]}: {str(problem['input'])[:80]!r}"
    else:
        message = message.removeprefix("Value error, ")
    return f"{path}:{line}: {where}: {message}"


def _keys(place: Sequence[str | int]) -> list[str]:
    """The keys that are known where an unknown one was found."""
    model: Any = MappingFile
    for part in place[:-1]:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = next(_models(model.model_fields[part].annotation), model)
    return [one.alias or name for name, one in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[Any]:
    """The models inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)


def _line(node: Any, place: Sequence[str | int]) -> int:
    """The line of a place in the file, or of the last part of it that is there."""
    line: int = node.start_mark.line + 1
    for part in place:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if found is not None:
                line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
