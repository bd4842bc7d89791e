"""`sales-pulse restore`: a backup into an empty cluster, where workers then fold the same numbers from it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[Path, typer.Argument(help="folder of the backup")],
    spool: Annotated[
        Path | None, typer.Option(help="folder of the Bitrix24 connector; default: from the settings")
    ] = None,
) -> None:
    """Create the topics and fill them from FOLDER. Refuses a cluster that holds anything else.

    It may be killed at any moment: the same command resumes where it stopped.

    Example: sales-pulse restore /mnt/backup/sales-pulse
    """
    asyncio.run(_restore(folder, spool))


async def _restore(folder: Path, spool: Path | None) -> None:
    from deploy.progress import CommandProgress
    from deploy.stopping import asked_to_stop
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.settings import KafkaSettings
    from streams.backup.restore import put_spools, read_whole, records_of, restorer
    from streams.plain.kafka import kafka_log

    settings = KafkaSettings()
    stop = asked_to_stop()
    manifest = await asyncio.to_thread(read_whole, folder)
    async with restorer(settings, folder, manifest) as restoring:
        async with kafka_log(settings) as log:
            there = await restoring.prepare(log)
        if there:
            print(f"{there:,} records are there already, as the backup has them; going on behind them")
        for path in put_spools(folder, manifest, spool or Bitrix24Settings().spool):
            print(f"restored {path}")
        with CommandProgress("restored", records_of(manifest)) as bar:

            def told(count: int) -> None:
                bar.advance(count, there + bar.count + count)

            is_whole = await restoring.put(told, stop.is_set)
    if not is_whole:
        print("stopped before the end; the same command goes on from there")
        raise typer.Exit(1)
    print(f"{records_of(manifest):,} records restored, as they were on {manifest['made_at']}; start the workers")
