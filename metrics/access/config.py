"""The web config: a YAML file as Prometheus's exporter-toolkit has it, and the teams of its users."""

import re
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from metrics.errors import MetricsError

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_HARDEST = 15
"""log2 of the rounds: more, and one log-in takes seconds."""
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_HEADERS = Literal[
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
]
_VISIBLE = re.compile(r"[\x20-\x7e]*")
Version = Literal["TLS12", "TLS13"]


class WebConfigError(MetricsError):
    """The web config cannot be used; names the file, the field and what to write. Never says a hash or a key."""


class _WebConfigModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Tls(_WebConfigModel):
    """`tls_server_config`. Paths are relative to the web config's folder."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    prefer_server_cipher_suites: bool = True

    @model_validator(mode="after")
    def _asks_by_an_authority(self) -> "Tls":
        if self.client_auth_type != "NoClientCert" and self.client_ca_file is None:
            raise ValueError(f"client_auth_type: {self.client_auth_type} needs client_ca_file")
        return self

    @property
    def asks_everybody(self) -> bool:
        """Whether nobody gets in without a certificate."""
        return self.client_auth_type == "RequireAndVerifyClientCert"

    def files(self) -> tuple[Path, ...]:
        """What it is made of."""
        return (self.cert_file, self.key_file, *([self.client_ca_file] if self.client_ca_file else []))

    def context(self, into: ssl.SSLContext | None = None) -> ssl.SSLContext:
        """A context, or that one with today's certificates. Raises WebConfigError, and changes nothing then."""
        try:
            made = self._filled(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            return made if into is None else self._filled(into)
        except (OSError, ssl.SSLError) as error:
            names = ", ".join(map(str, self.files()))
            raise WebConfigError(f"tls_server_config: {names} cannot be used together ({error})") from error

    def _filled(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version, context.maximum_version = _VERSIONS[self.min_version], _VERSIONS[self.max_version]
        # An encrypted key would ask for its password at a terminal that nobody watches.
        context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
        context.verify_mode = {
            "NoClientCert": ssl.CERT_NONE,
            "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
            "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
        }[self.client_auth_type]
        return context


class Http(_WebConfigModel):
    """`http_server_config`. These servers speak HTTP/1.1, whatever http2 says."""

    http2: bool = True
    headers: dict[_HEADERS, str] = Field(default_factory=dict)

    @field_validator("headers")
    @classmethod
    def _printable(cls, headers: dict[_HEADERS, str]) -> dict[_HEADERS, str]:
        for name, value in headers.items():
            if not _VISIBLE.fullmatch(value):
                raise ValueError(f"{name} has a character that no header may have; write it on one line")
        return headers


class User(_WebConfigModel):
    """What one user may see. teams: nothing else; without them, everything."""

    teams: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = None


class WebConfig(_WebConfigModel):
    """The whole file."""

    tls_server_config: Tls | None = None
    http_server_config: Http = Http()
    basic_auth_users: dict[str, str] = Field(default_factory=dict)
    users: dict[str, User] = Field(default_factory=dict)

    @field_validator("tls_server_config", "http_server_config", "basic_auth_users", "users", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any, info: Any) -> Any:
        # A key with nothing behind it is null in YAML.
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @field_validator("users", mode="before")
    @classmethod
    def _nobody_is_null(cls, value: Any) -> Any:
        return {name: {} if of is None else of for name, of in value.items()} if isinstance(value, dict) else value

    @field_validator("basic_auth_users")
    @classmethod
    def _hashes(cls, users: dict[str, str]) -> dict[str, str]:
        for name, hashed in users.items():
            found = _BCRYPT.fullmatch(hashed)
            if ":" in name or not name:
                raise ValueError(f"{name!r} is not a name that Basic authentication can send; use one without a colon")
            if found is None:
                raise ValueError(
                    f"the password of {name!r} is not a bcrypt hash; make one with: sales-pulse web-config"
                )
            if int(found[1]) > _HARDEST:
                raise ValueError(f"the hash of {name!r} has a cost of {found[1]}; use at most {_HARDEST}")
        return users

    def teams_of(self, name: str) -> frozenset[str] | None:
        """The teams that a user is limited to; None for everything."""
        teams = self.users[name].teams if name in self.users else None
        return None if teams is None else frozenset(teams)


def load(path: Path) -> WebConfig:
    """Read a web config. Raises WebConfigError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WebConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WebConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: what looks like a date and is none
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        raise WebConfigError(f"{path}: is not YAML{place}: {getattr(error, 'problem', 'it cannot be read')}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise WebConfigError(f"{path}: has no fields; write tls_server_config:, basic_auth_users: or users:")
    try:
        return _beside(path, WebConfig.model_validate(content))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        told = "is not known here" if fault["type"] == "extra_forbidden" else fault["msg"]
        raise WebConfigError(f"{path}: {place}: {told.removeprefix('Value error, ')}") from None


def _beside(path: Path, config: WebConfig) -> WebConfig:
    """The same, with paths from where the file lies."""
    tls = config.tls_server_config
    if tls is None:
        return config
    folder = path.parent
    names = ("cert_file", "key_file", "client_ca_file")
    moved = {name: folder / value for name in names if (value := getattr(tls, name))}
    return config.model_copy(update={"tls_server_config": tls.model_copy(update=moved)})
