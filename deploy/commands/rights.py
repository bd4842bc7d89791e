"""`sales-pulse rights`: Kafka's users, one per process, with their passwords and no more rights than each needs."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

_SHORTEST = 12


def command(
    folder: Annotated[
        Path, typer.Argument(help="a file per user, named like the user (sales-worker, …), with its password")
    ],
) -> None:
    """Create Kafka users with the rights of deploy/docs/security.md; run it again after changing a password.

    Kafka is that of SALES_KAFKA_SERVERS, asked as somebody who may give rights; names follow SALES_TOPIC_PREFIX and
    SALES_APP_ID. Without a file a user gets its rights and no password.

    Example: sales-pulse rights /run/secrets/kafka
    """
    from deploy.errors import DeployError
    from producers.errors import RightsError
    from producers.rights import grant, rights
    from streams.settings import WorkerSettings

    settings = WorkerSettings()
    passwords = _passwords(folder)
    try:
        asyncio.run(grant(settings, rights(settings.topic_prefix, settings.app_id), passwords))
    except RightsError as error:
        raise DeployError(str(error)) from error
    for user in passwords:
        print(f"user     {user}")


def _passwords(folder: Path) -> dict[str, str]:
    """User → password, of those that have a file."""
    from deploy.errors import MisuseError
    from producers.rights import users

    found = {}
    for user in users():
        path = folder / user
        if not path.exists():
            continue
        try:
            password = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MisuseError(f"{path} cannot be read: {error}") from error
        if len(password) < _SHORTEST:
            raise MisuseError(f"the password in {path} is shorter than {_SHORTEST} characters")
        found[user] = password
    if not found:
        raise MisuseError(f"{folder} has no file named as one of {', '.join(users())}")
    return found
