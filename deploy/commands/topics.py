"""`sales-pulse topics`: make the topics that the contract needs, and say what differs on existing ones."""

import asyncio
from typing import Annotated, Any

import typer

from deploy.errors import DeployError

app = typer.Typer(
    no_args_is_help=True,
    help="The Kafka topics of the product.\n\nExample: sales-pulse topics create",
)


@app.callback()
def topics() -> None:
    """The Kafka topics of the product."""


@app.command("create")
def create(
    servers: Annotated[str | None, typer.Option(help="Kafka brokers as host:port, comma separated.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Topics are <prefix>.events and so on.")] = None,
    partitions: Annotated[int | None, typer.Option(min=1, max=1000, help="Partitions of new topics.")] = None,
    replication: Annotated[int | None, typer.Option(min=1, max=100, help="Copies of new topics.")] = None,
    *,
    mend_clock: Annotated[
        bool, typer.Option("--mend-clock", help="Have brokers timestamp records on topics where senders do.")
    ] = False,
) -> None:
    """Create missing topics and compare existing ones with what the contract needs.

    Example: sales-pulse topics create --servers kafka-1:9092,kafka-2:9092 --partitions 16 --replication 3
    """
    from producers.clock import mend
    from producers.errors import TopicsError
    from producers.settings import KafkaSettings
    from producers.topics import ensure

    flags: dict[str, Any] = {
        "kafka_servers": servers,
        "topic_prefix": prefix,
        "partitions": partitions,
        "replication": replication,
    }
    settings = KafkaSettings(**{name: value for name, value in flags.items() if value is not None})
    try:
        mended = asyncio.run(mend(settings)) if mend_clock else ()
        result = asyncio.run(ensure(settings))
    except TopicsError as error:
        raise DeployError(str(error)) from error
    for name in result.created:
        print(f"created  {name}")
    for name in result.found:
        print(f"found    {name}")
    for line in mended:
        print(f"mended   {line}")
    for difference in result.differences:
        print(f"differs  {difference}")
