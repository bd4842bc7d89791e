"""Settings of the gateway: where it listens, who may send, and how much."""

import re
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from producers.events.registry import ALL_TYPES
from producers.settings import KafkaSettings

_UNTIL = re.compile(r"(\S.*?)\s+until\b\s*(.*)")


class Credential(NamedTuple):
    """What a source proves itself with. `until`: the last day (UTC) on which it is taken, where there is one."""

    source: str
    secret: SecretStr
    until: date | None = None


Rights = tuple[tuple[str, tuple[str, ...]], ...]


class GatewaySettings(KafkaSettings):
    """Read like all settings; secrets never print."""

    gateway_listen: str = Field("127.0.0.1:8080", description="host:port to listen on")
    gateway_tokens: Annotated[tuple[Credential, ...], NoDecode] = Field(
        (),
        description="source=token pairs, comma separated; the token in clear or as sha256:<hex>, if need be followed "
        "by its last day: until 2027-12-31 (UTC). Several for one source are all valid, so that it can be rotated. "
        "Without any token or secret only loopback may send",
    )
    gateway_secrets: Annotated[tuple[Credential, ...], NoDecode] = Field(
        (),
        description="source=whsec_… pairs for Standard Webhooks signatures, comma separated; until as for tokens",
    )
    gateway_rights: Annotated[Rights, NoDecode] = Field(
        (),
        description="which types a source may send, like pbx://spb=sales.call.*,sales.chat.*;crm://a=sales.*: "
        "semicolons between sources, commas between types. A source that is not named may send all types of events, "
        "but no reference data",
    )
    gateway_body_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="largest body accepted, bytes; with gzip before and after decompression"
    )
    gateway_events_per_second: int = Field(20_000, ge=1, description="most events per second from one source")
    gateway_in_flight_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="most bytes that wait for Kafka; beyond it the answer is 503"
    )
    gateway_request_log: bool = Field(
        False,
        description="also log accepted requests: sources, events, seconds; refused ones always are",
    )
    gateway_timeout: float = Field(10.0, gt=0, description="seconds to wait for Kafka before the answer is 503")

    @field_validator("gateway_listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not (host and port.isdecimal() and int(port) < 65_536):
            raise ValueError(f"{value!r} is not a host:port; write one like 127.0.0.1:8080")
        return value

    @field_validator("gateway_tokens", "gateway_secrets", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = []
        for number, item in enumerate(filter(None, (part.strip() for part in value.split(","))), 1):
            # A source may hold "=", a token of base64 too: the pair is cut where a source cannot go on.
            source, equals, secret = item.partition("=")
            if not (source and equals and secret):
                # The item itself may be a secret: it is not repeated.
                raise ValueError(f"pair {number} is not source=secret; write them like pbx://spb=LONG-RANDOM-TEXT")
            secret, until = _last_day(secret, f"pair {number} (of {source})")
            pairs.append(Credential(source, SecretStr(secret), until))
        return tuple(pairs)

    @field_validator("gateway_rights", mode="before")
    @classmethod
    def _rights(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        rights = []
        for item in filter(None, (part.strip() for part in value.split(";"))):
            # A source may hold "=", a type may not.
            source, _, listed = item.rpartition("=")
            patterns = tuple(part.strip() for part in listed.split(",") if part.strip())
            if not (source and patterns):
                raise ValueError(f"{item!r} is not source=types; write it like pbx://spb=sales.call.*")
            for pattern in patterns:
                if not any(fnmatchcase(kind, pattern) for kind in ALL_TYPES):
                    near = get_close_matches(pattern, ALL_TYPES, n=1)
                    like = near[0] if near else "sales.call.*"
                    raise ValueError(f"{source}: {pattern!r} fits no type of the contract; write one like {like}")
            rights.append((source, patterns))
        return tuple(rights)


def _last_day(said: str, whose: str) -> tuple[str, date | None]:
    """A secret, and until when it is taken. Raises ValueError, which does not repeat the secret."""
    found = _UNTIL.fullmatch(said)
    if found is None:
        return said, None
    try:
        return found[1], date.fromisoformat(found[2])
    except ValueError as error:
        raise ValueError(f"{whose}: after until stands no date; write it like TOKEN until 2027-12-31") from error
