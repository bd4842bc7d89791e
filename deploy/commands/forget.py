"""`sales-pulse forget`: removes what links a person's numbers and addresses to a client."""

import asyncio
from typing import Annotated

import typer

from deploy.errors import MisuseError

REMAINS = {
    "numbers": "stay as they are; no number names a client",
    "log": "events stay under the opaque id, for as long as sales.events is kept. Where that id is a hash of the "
    "number (no CRM or client list had claimed it first), who holds SALES_IDENTITY_KEY and the number can compute it",
    "identities": "the removal is a tombstone: Kafka deletes what it replaces with its next compaction, at the latest "
    "after max.compaction.lag.ms of sales.identities",
    "worker, view, ledger and its tables in PostgreSQL": "the id alone, no number: in what waits until it is answered, "
    "in what explains a number until 800 days after all that it counts in",
    "dead letters": "records as they came, with what their sender wrote into them, until sales.dead-letters is cleaned "
    "or the topic's retention ends",
    "Bitrix24's spool": "ids of the portal's entities; what the portal still has of the person is for the portal",
    "backups": "the next `sales-pulse backup` into a folder replaces its claims; copies made of it before keep them "
    "until they are deleted",
    "from now on": "who calls or writes again is a new client, unless a client list or the CRM claims it first",
}
"""Place → what is left of a person there, and until when."""


def command(
    client: Annotated[str, typer.Argument(help="The client_id whose phone numbers and addresses are forgotten.")],
) -> None:
    """Remove a client's claims to phone numbers and addresses. Events stay, under their opaque id.

    Example: sales-pulse forget crm-1
    """
    removed = asyncio.run(_forget(client))
    if not removed:
        print(f"{client}: no number or address was known; nothing to remove")
        raise typer.Exit(1)
    print(f"{client}: {removed} claims removed")
    for place, remains in REMAINS.items():
        print(f"  {place}: {remains}")


async def _forget(client: str) -> int:
    from producers.identities.topic import opened
    from producers.settings import KafkaSettings

    async with opened(KafkaSettings()) as resolver:
        if resolver is None:
            raise MisuseError("set SALES_IDENTITY_KEY: without it there are no identities to forget")
        return await resolver.forget(client)
