"""`sales-pulse forget`: removes what links a person's numbers and addresses to a client."""

import asyncio
from typing import Annotated

import typer

from deploy.errors import MisuseError


def command(
    client: Annotated[str, typer.Argument(help="The client_id whose numbers and addresses are forgotten.")],
) -> None:
    """Remove a client's claims from the identities. Events stay, under the opaque id that they have.

    Example: sales-pulse forget crm-1
    """
    removed = asyncio.run(_forget(client))
    if not removed:
        print(f"{client}: no number or address was known; nothing to remove")
        raise typer.Exit(1)
    print(f"{client}: {removed} claims removed")
    print(
        "  its events stay; who holds SALES_IDENTITY_KEY and the number can still compute a hash that is an id in them"
    )
    print("  who calls or writes again is a new client, unless a client list or the CRM claims it first")


async def _forget(client: str) -> int:
    from producers.identities.topic import opened
    from producers.settings import KafkaSettings

    async with opened(KafkaSettings()) as resolver:
        if resolver is None:
            raise MisuseError("set SALES_IDENTITY_KEY: without it there are no identities to forget")
        return await resolver.forget(client)
