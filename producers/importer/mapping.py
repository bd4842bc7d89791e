"""The YAML file that says which columns of a foreign table make which fields of which events."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from producers.importer.errors import MappingProblem


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """Where one field comes from: a column (its texts changed by `values`), or a constant."""

    column: str | None = None
    constant: str | int | float | bool | None = None
    values: dict[str, str] | None = None
    default: str | int | float | bool | None = None
    """Used for an empty cell, and for a text that `values` does not have."""
    prefix: str = ""
    format: str | None = None
    """For times: as in strptime, or `unix`."""
    scale: Decimal | None = None
    """For numbers: multiplied by this, `0.01` for percent."""
    width: Annotated[int, Field(ge=1, le=64)] | None = None
    """For `sequence`: zeros are put before it up to this width."""


class When(_Strict):
    """A row makes this event only if its column has one of these texts (or any text at all, with `filled`)."""

    column: str
    is_: Annotated[tuple[str, ...] | None, Field(alias="is")] = None
    filled: bool = False


FieldSource = Annotated[Column | str, Field(union_mode="left_to_right")]


class Rule(_Strict):
    """How a row makes one event."""

    type: FieldSource
    time: FieldSource
    id: FieldSource | None = None
    sequence: FieldSource | None = None
    when: When | None = None
    data: dict[str, FieldSource]


class MappingFile(_Strict):
    """The whole file. `source` is the CloudEvents source; `timezone` is for times that say none."""

    format: Literal["csv", "jsonl"] = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    source: Annotated[str, Field(min_length=1)]
    timezone: str | None = None
    events: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one like Europe/Moscow")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"{value!r} is no encoding; write one like utf-8 or cp1251") from None
        return value


def load_mapping(path: Path) -> MappingFile:
    """Read a mapping file. Raises MappingProblem with all that is wrong, one `file: place: what` a line."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return MappingFile.model_validate(content)
    except OSError as error:
        raise MappingProblem(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingProblem(f"{path}: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
        raise MappingProblem("\n".join(dict.fromkeys(lines))) from error
