"""Settings of the gateway: where it listens, who may send, and how much."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from producers.settings import KafkaSettings

Pairs = tuple[tuple[str, SecretStr], ...]


class GatewaySettings(KafkaSettings):
    """Read like all settings; secrets never print."""

    gateway_listen: str = Field("127.0.0.1:8080", description="host:port to listen on")
    gateway_tokens: Annotated[Pairs, NoDecode] = Field(
        (),
        description="source=token pairs, comma separated; the token as it is or as sha256:<hex>. "
        "Several for one source rotate. Without any token or secret only loopback may send",
    )
    gateway_secrets: Annotated[Pairs, NoDecode] = Field(
        (), description="source=whsec_… pairs for Standard Webhooks signatures, comma separated"
    )
    gateway_body_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="largest body taken, bytes")
    gateway_events_per_second: int = Field(20_000, ge=1, description="most events a second of one source")
    gateway_in_flight_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="most bytes that wait for Kafka; beyond it the answer is 503"
    )
    gateway_request_log: bool = Field(
        False,
        description="log requests that are taken, too: sources, events, seconds; refused ones always are",
    )
    gateway_timeout: float = Field(10.0, gt=0, description="seconds to wait for Kafka before the answer is 503")

    @field_validator("gateway_listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not (host and port.isdecimal() and int(port) < 65_536):
            raise ValueError(f"{value!r} is no host:port; write one like 127.0.0.1:8080")
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
            pairs.append((source, SecretStr(secret)))
        return tuple(pairs)
