"""The secret that makes hashes of numbers and addresses: the same for all ways in."""

import hashlib
import hmac

import phonenumbers
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from producers.settings import SOURCES

_SHORTEST_KEY = 16


class IdentitySettings(BaseSettings):
    """What identities need."""

    model_config = SOURCES

    identity_key: SecretStr | None = Field(
        None,
        description="secret of the installation that turns phone numbers and e-mails into hashes; the same for all "
        "ways in (gateway, Bitrix24, Asterisk, import), 16 characters or more, and never changed",
    )
    identity_region: str = Field(
        "RU", description="country (two letters) whose numbers are written without a country code"
    )

    @property
    def key(self) -> bytes | None:
        """The secret; None when identities are not used."""
        return self.identity_key.get_secret_value().encode() if self.identity_key is not None else None

    @field_validator("identity_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(f"is too short to keep phone numbers secret; take {_SHORTEST_KEY} characters or more")
        return value

    @field_validator("identity_region")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{value!r} is not a country that has a numbering plan; write two letters, like RU")
        return value.upper()


def hashed_name(name: str, key: bytes) -> str:
    """What somebody's name is known by, however it is spaced and in whatever case."""
    return keyed_hash(f"name:{' '.join(name.split()).casefold()}", key)


def keyed_hash(value: str, key: bytes) -> str:
    """What a normalised number or address is known by: nobody without the key can try numbers out."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]
