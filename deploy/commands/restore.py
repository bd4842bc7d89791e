"""`sales-pulse restore`: a backup into an empty cluster, where workers then fold the same numbers from it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[Path, typer.Argument(help="where the backup is")],
    spool: Annotated[
        Path | None, typer.Option(help="folder of the Bitrix24 connector; default: by the settings")
    ] = None,
) -> None:
    """Make the topics and fill them from FOLDER. Refuses a cluster that holds anything.

    Example: sales-pulse restore /mnt/backup/sales-pulse
    """
    asyncio.run(_restore(folder, spool))


async def _restore(folder: Path, spool: Path | None) -> None:
    from deploy.progress import Progress
    from deploy.stopping import asked_to_stop
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.settings import KafkaSettings
    from streams.backup.restore import prepare, put, put_spools, records_of
    from streams.plain.kafka import kafka_log

    settings = KafkaSettings()
    stop = asked_to_stop()
    async with kafka_log(settings) as log:
        manifest = await prepare(settings, log, folder)
    for path in put_spools(folder, manifest, spool or Bitrix24Settings().spool):
        print(f"restored {path}")
    with Progress("restored", records_of(manifest)) as bar:

        def told(count: int) -> None:
            bar.advance(count, bar.count + count)

        is_whole = await put(settings, folder, manifest, told, stop.is_set)
    if not is_whole:
        print("stopped before the end: the cluster holds a part; delete the topics and restore again")
        raise typer.Exit(1)
    print(f"{records_of(manifest):,} records restored, as they were on {manifest['made_at']}; start the workers")
