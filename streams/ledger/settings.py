"""Settings of `sales-pulse ledger`."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator

from metrics.settings import BusinessSettings
from producers.settings import KafkaSettings


class LedgerSettings(KafkaSettings, BusinessSettings):
    """Where the index lies, and where it is asked."""

    ledger_listen: str = Field(default="127.0.0.1:9810", pattern=r"^\S+:\d{1,5}$")
    """Host and port on which it answers the exporter."""
    ledger_url: str = "sqlite:///.local/ledger/ledger.sqlite"
    """The file of the index: sqlite:///relative/path, or with four slashes an absolute one."""

    audit_share: float = Field(default=0.05, gt=0, le=1)
    """Share of a core that the ledger's standing audit takes at most; it compares what is shown every ten minutes."""

    ledger_postgres: SecretStr | None = None
    """PostgreSQL in which the ledger keeps tables for SQL, like postgresql://sales@db.example.com/sales; without it
    there are none."""
    ledger_postgres_password: SecretStr | None = None
    """Password of that user, where the address has none."""

    @field_validator("ledger_postgres")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_address(value.get_secret_value()):
            # Not the value: it may hold a password.
            raise ValueError("is not an address of a database; write postgresql://user@host:5432/database")
        return value

    @field_validator("ledger_url")
    @classmethod
    def _is_sqlite(cls, value: str) -> str:
        found = urlsplit(value)
        if found.scheme != "sqlite" or found.netloc or len(found.path) < 2 or found.query or found.fragment:
            # Not the value: a URL of another kind may hold a password.
            raise ValueError(
                f"{found.scheme or 'what has no scheme'}: is not an index that can be kept; "
                "write sqlite:/// and the path of a file"
            )
        return value

    @property
    def ledger_file(self) -> Path:
        """Path of the index."""
        return Path(unquote(urlsplit(self.ledger_url).path[1:]))


def _is_address(url: str) -> bool:
    """Whether PostgreSQL's own library can read it, and it names a database."""
    from psycopg import ProgrammingError  # noqa: PLC0415 - where somebody wants it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        found = conninfo_to_dict(url)
    except ProgrammingError:
        return False
    return url.startswith(("postgresql://", "postgres://")) and bool(found.get("dbname"))
