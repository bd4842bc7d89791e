"""`sales-pulse audit`: recomputes every number from the log and compares it with what is shown."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.audit import AuditReport


def command(
    exporter: Annotated[
        str | None, typer.Option(help="URL of the exporter; default: from SALES_EXPORTER_LISTEN")
    ] = None,
    patience: Annotated[float, typer.Option(help="seconds to wait until what is shown is complete")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Recompute every number from the log with the plain, slow definition, and compare with what is shown.

    Every answer of the exporter (/metrics as it stands and at a moment, the KPIs of the API) and the view in Redis are
    compared as of their own records and moment, so events may keep arriving. Prints differences and exits 1 if any.

    Example: sales-pulse audit --json
    """
    report = asyncio.run(_audit(exporter, patience))
    if as_json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(report.lines()))
    if not report.is_equal:
        raise typer.Exit(1)


async def _audit(exporter: str | None, patience: float) -> "AuditReport":
    from aiokafka.errors import KafkaError
    from redis.exceptions import RedisError
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from metrics.settings import ExporterSettings
    from producers.settings import KafkaSettings
    from streams.audit import AuditError, audit

    kafka, business = KafkaSettings(), ExporterSettings()
    business.working_calendar()  # says what is wrong with its file; the plain definition only reads it
    columns = (TextColumn("recomputing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        class Shown:
            """Tells the progress bar."""

            def start(self, total: int) -> None:
                self.task = bar.add_task("recomputing", total=total)

            def advance(self, records: int) -> None:
                bar.advance(self.task, records)

        try:
            return await audit(
                kafka,
                business,
                exporter=exporter or f"http://{business.exporter_listen}",
                patience=patience,
                progress=Shown(),
            )
        except AuditError as error:
            problem = str(error)
        except KafkaError as error:
            problem = f"Kafka at {kafka.kafka_servers} cannot be read: {error}"
        except RedisError as error:
            problem = f"Redis cannot be read: {error}; set SALES_REDIS_URL"
    typer.echo(f"sales-pulse audit: {problem}", err=True)
    raise typer.Exit(1)
