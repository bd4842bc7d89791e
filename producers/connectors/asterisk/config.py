"""How a PBX's names map to ours, and how a telephone number becomes a client id that nobody can read."""

import hashlib
import hmac
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from producers.events.rules import is_source
from producers.faults import say
from producers.identities import IdentitySettings, Met, Resolver, anonymous
from producers.importer.errors import MappingProblem
from producers.importer.mapping import NO_SOURCE

TEMPLATE = """\
# Whose calls an Asterisk's logs tell of: sales-pulse import queue_log --format asterisk-queue-log --mapping this.yaml
# The secret SALES_IDENTITY_KEY makes client ids, the same for all ways in; with another one, clients are others.
source: pbx://spb                # the CloudEvents source: one for each PBX
timezone: Europe/Moscow          # of the times in call records; the queue log has none
queues: {sales: north}           # queue → team; calls of queues that are not named are left out
agents:                          # agent or channel → manager
  PJSIP/101: m-1
  SIP/102: {manager: m-2, team: south}
inbound_contexts: [from-trunk]   # call records: which dialplan contexts are clients calling
outbound_contexts: [from-internal]
# trunks: [PJSIP/4501]           # lines to outside whose names look like extensions (two to six digits)
# queue_calls: records           # take calls of queues from the call records, where there is no queue log
# answers_first: true            # a menu or greeting answers calls before a telephone rings
"""


class AsteriskSettings(BaseSettings):
    """The secret of the adapter."""

    model_config = SettingsConfigDict(
        env_prefix="SALES_", env_file=(".local/stack.env", ".env"), extra="ignore", frozen=True
    )

    asterisk_client_key: SecretStr | None = Field(
        None, description="secret that turns numbers into client ids where SALES_IDENTITY_KEY is not set"
    )


class Agent(BaseModel):
    """Who answers behind an agent name or a channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manager: Annotated[str, Field(min_length=1, max_length=128)]
    team: str | None = None


class Config(BaseModel):
    """The YAML file; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(min_length=1)]
    timezone: str = "UTC"
    significant_digits: Annotated[int, Field(ge=4, le=15)] = 10
    queues: dict[str, str] = {}
    agents: dict[str, Agent] = {}
    inbound_contexts: tuple[str, ...] = ("from-trunk", "from-pstn")
    outbound_contexts: tuple[str, ...] = ("from-internal",)
    trunks: tuple[str, ...] = ()
    queue_calls: Literal["queue_log", "records"] = "queue_log"
    answers_first: bool = False

    @field_validator("agents", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: {"manager": agent} if isinstance(agent, str) else agent for name, agent in value.items()}

    @field_validator("source")
    @classmethod
    def _is_source(cls, value: str) -> str:
        if not is_source(value):
            raise ValueError(NO_SOURCE.format(value))
        return value

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; write one like Europe/Moscow")
        return value


class AsteriskNames:
    """A configuration with what knows clients: gives managers for agents and client ids for numbers.

    resolver: the installation's identities; without them numbers are hashed with `key`. met: how many calls they knew
    the client of.
    """

    def __init__(self, config: Config, key: SecretStr | None = None, resolver: Resolver | None = None) -> None:
        self.config = config
        self.zone = ZoneInfo(config.timezone)
        self.resolver = resolver
        self.met = Met()
        self._key = key.get_secret_value().encode() if key else b""

    def who(self, agent: str, queue: str = "") -> dict[str, Any]:
        """Return `manager_id` and `team_id` as far as they are known; a channel's serial number is cut off."""
        found = self.config.agents.get(agent) or self.config.agents.get(agent.rpartition("-")[0])
        known: dict[str, Any] = {}
        if found is not None:
            known["manager_id"] = found.manager
        if team := (found.team if found else None) or self.config.queues.get(queue):
            known["team_id"] = team
        return known

    def client(self, number: str, call: str) -> str:
        """Return the client of a number; a caller without one is a client of this call alone."""
        if self.resolver is not None:
            match = self.resolver.client(phone=number)
            if match is None:
                return anonymous(call)
            self.met.take(call, is_known=match.known)
            return match.client
        digits = "".join(c for c in number if c.isdigit())[-self.config.significant_digits :]
        if len(digits) < 4:
            return anonymous(call)
        return f"pbx-{hmac.new(self._key, digits.encode(), hashlib.sha256).hexdigest()[:24]}"


def load_config(path: Path) -> AsteriskNames:
    """Read the YAML file and the secret. Raises MappingProblem, naming the place."""
    key = AsteriskSettings().asterisk_client_key
    if IdentitySettings().key is None and (key is None or len(key.get_secret_value()) < 16):
        raise MappingProblem(
            "set SALES_IDENTITY_KEY to the secret that all ways in have, 16 characters or more "
            "(or SALES_ASTERISK_CLIENT_KEY, if this exchange has been imported with it)"
        )
    try:
        return AsteriskNames(Config.model_validate(yaml.safe_load(path.read_text("utf-8-sig"))), key)
    except OSError as error:
        raise MappingProblem(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingProblem(f"{path}: is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(str(p) for p in e['loc'])}: {say(e)}" for e in error.errors()]
        raise MappingProblem("\n".join(lines)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: what looks like a date and is none
        raise MappingProblem(f"{path}: {error}") from error
