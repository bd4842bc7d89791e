"""Where Kafka is and how to talk to it: the settings that every process of the product shares."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")
SOURCES = SettingsConfigDict(
    env_prefix="SALES_",
    env_file=(".local/stack.env", ".env"),
    secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    env_ignore_empty=True,
    extra="ignore",
    frozen=True,
)
"""Where settings are read: the environment, `.env`, then `.local/stack.env` that the local stack writes.

Last of all a file of a setting's name in /run/secrets, as containers are given them: it is in no environment.
"""


class KafkaSettings(BaseSettings):
    """Read from flags, and from the sources of all settings."""

    model_config = SOURCES

    kafka_servers: str = Field("127.0.0.1:9092", description="Kafka brokers as host:port, comma separated")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how to log in, with one of the SASL protocols"
    )
    kafka_sasl_username: str | None = Field(None, description="user name for SASL")
    kafka_sasl_password: SecretStr | None = Field(None, description="password for SASL")
    kafka_ssl_cafile: str | None = Field(None, description="PEM file of the authority that signed the brokers")
    kafka_ssl_certfile: str | None = Field(None, description="PEM file of this client's certificate")
    kafka_ssl_keyfile: str | None = Field(None, description="PEM file of this client's key")
    kafka_ssl_password: SecretStr | None = Field(None, description="password of the key file")
    topic_prefix: str = Field(
        "sales", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="topics are <prefix>.events and so on"
    )
    partitions: int = Field(8, ge=1, le=1000, description="partitions of new topics")
    replication: int = Field(1, ge=1, le=100, description="copies of new topics")

    @property
    def events_topic(self) -> str:
        """The topic of everything that happens."""
        return f"{self.topic_prefix}.events"

    @property
    def reference_topic(self) -> str:
        """The compacted topic of plans, managers and rates."""
        return f"{self.topic_prefix}.reference"

    @property
    def identities_topic(self) -> str:
        """The compacted topic of which client a number or address belongs to."""
        return f"{self.topic_prefix}.identities"

    @property
    def dead_letters_topic(self) -> str:
        """The topic of records that could not be used."""
        return f"{self.topic_prefix}.dead-letters"

    def certificates(self) -> dict[str, str | None]:
        """What a certificate is for → its file."""
        return {"kafka-authority": self.kafka_ssl_cafile, "kafka-client": self.kafka_ssl_certfile}

    @model_validator(mode="after")
    def _sasl_has_a_user(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError(
                f"SALES_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs "
                "SALES_KAFKA_SASL_USERNAME and SALES_KAFKA_SASL_PASSWORD"
            )
        return self

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for every aiokafka client: where, and how to log in.

        Raises `OSError` or `ssl.SSLError` when a certificate file cannot be read.
        """
        # Settings are read without Kafka too.
        from producers.kafka_fetched import accept_all  # noqa: PLC0415
        from producers.kafka_insides import watch_all  # noqa: PLC0415

        accept_all()
        watch_all()
        options: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.kafka_servers.split(",") if server.strip()],
            "security_protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = _secret(self.kafka_sasl_password)
        if self.kafka_security_protocol.endswith("SSL"):
            from aiokafka.helpers import create_ssl_context  # noqa: PLC0415 - settings are read without Kafka too

            options["ssl_context"] = create_ssl_context(
                cafile=self.kafka_ssl_cafile,
                certfile=self.kafka_ssl_certfile,
                keyfile=self.kafka_ssl_keyfile,
                password=_secret(self.kafka_ssl_password),
            )
        return options


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None
