"""`sales-pulse web-config`: users with random passwords in a web config, which says who may read."""

import os
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

_KNOWN = {"wall": "WALL_PASSWORD", "prometheus": "METRICS_PASSWORD"}
"""Users that there always are, and what says their passwords: the environment, or a file of that name in lower case."""
_COST = 10


def command(
    folder: Annotated[Path, typer.Argument(help="folder of web.yml")],
    add: Annotated[str | None, typer.Option(help="add a user, or give one a new password")] = None,
    teams: Annotated[str, typer.Option(help="with --add: limit the user to these teams, comma separated")] = "",
) -> None:
    """Write FOLDER/web.yml with the users wall and prometheus, or add a user; print each generated password once.

    Processes pick up the change within a second. Prometheus's password is beside it, in prometheus.password.

    Example: sales-pulse web-config deploy/web --add anna --teams north
    """
    from deploy.errors import MisuseError
    from metrics.access.config import WebConfig, load

    if teams and not add:
        raise MisuseError("--teams limits the user that --add adds: give --add as well")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "web.yml"
    config = load(path) if path.exists() else WebConfig()
    content = config.model_dump(mode="json", exclude_unset=True)
    users = content.setdefault("basic_auth_users", {})
    if add:
        users[add] = _hashed(_told(add))
        listed = [team.strip() for team in teams.split(",") if team.strip()]
        content["users"] = {**(content.get("users") or {}), add: {"teams": listed} if listed else {}}
    else:
        for name, variable in _KNOWN.items():
            _keep(folder, users, name, os.environ.get(variable) or _in_file(variable))
    WebConfig.model_validate(content)
    _write(path, _text(content))


def _keep(folder: Path, users: dict[str, str], name: str, given: str) -> None:
    """See that a user is there, with the password that is given."""
    import bcrypt

    known = users.get(name)
    if known is not None and not (given and not bcrypt.checkpw(given.encode(), known.encode())):
        return
    password = given or _told(name)
    users[name] = _hashed(password)
    if name == "prometheus":
        # Its image runs as another user; the folder is shared with nobody else.
        _write(folder / "prometheus.password", password, 0o644)


def _in_file(variable: str) -> str:
    from metrics.settings import SECRETS

    path = SECRETS / variable.lower()
    return path.read_text().strip() if path.is_file() else ""


def _told(name: str) -> str:
    password = secrets.token_urlsafe(18)
    print(f"{name}: {password}")
    return password


def _hashed(password: str) -> str:
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()


def _text(content: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    beside.chmod(mode)
    beside.replace(path)
