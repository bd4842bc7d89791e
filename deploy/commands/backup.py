"""`sales-pulse backup`: the records that count, reference, identities and connectors' memories, as plain files."""

import asyncio
import time
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Annotated

import structlog
import typer

_AT = time_of_day(3, 17)
_AGAIN_SECONDS = 3600.0


def command(
    folder: Annotated[Path, typer.Argument(help="folder of the backup")],
    spool: Annotated[
        Path | None, typer.Option(help="folder of the Bitrix24 connector; default: from the settings")
    ] = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="keep running: back up now, then every night at 03:17 by SALES_TIMEZONE")
    ] = False,
) -> None:
    """Back up what is new since the last backup in FOLDER, or everything. May run at any time.

    Example: sales-pulse backup /mnt/backup/sales-pulse
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if nightly:
        _each_night(folder, spool)
    asyncio.run(_take(folder, spool))


def _each_night(folder: Path, spool: Path | None) -> None:
    """Until a signal ends it; what fails is said, and tried again after an hour."""
    from aiokafka.errors import KafkaError

    from deploy.stopping import end_when_asked
    from metrics.settings import BusinessSettings
    from producers.errors import ProducersError
    from streams.errors import StreamsError

    log, zone = structlog.get_logger(__name__), BusinessSettings().zone
    while True:
        try:
            asyncio.run(_take(folder, spool))
            pause = until_next(datetime.now(zone))
        except (KafkaError, OSError, StreamsError, ProducersError) as error:
            log.warning("no backup could be taken; trying again", error=str(error), seconds=_AGAIN_SECONDS)
            pause = _AGAIN_SECONDS
        end_when_asked()
        time.sleep(pause)


def until_next(now: datetime) -> float:
    """Seconds until it is 03:17 again, however long that night is."""
    at = datetime.combine(now.date(), _AT, tzinfo=now.tzinfo)
    if at.timestamp() <= now.timestamp():
        at = datetime.combine(now.date() + timedelta(days=1), _AT, tzinfo=now.tzinfo)
    return at.timestamp() - now.timestamp()


async def _take(folder: Path, spool: Path | None) -> None:
    from deploy.progress import CommandProgress
    from deploy.stopping import asked_to_stop
    from metrics.settings import BusinessSettings
    from producers.connectors.bitrix24.settings import Bitrix24Settings
    from producers.log_ends import LogEnds
    from producers.settings import KafkaSettings
    from streams.backup.take import BackupScope, Taking
    from streams.durable.topic_id import topic_id
    from streams.plain.kafka import kafka_log

    settings = KafkaSettings()
    spool = spool or Bitrix24Settings().spool
    stop = asked_to_stop()
    asking = LogEnds(settings, settings.events_topic, "sales-pulse-backup")
    try:
        identity = await topic_id(await asking.client(), settings.events_topic)
    finally:
        await asking.close()
    wanted = BackupScope(settings, BusinessSettings().app_id, identity, [spool])
    async with kafka_log(settings) as log:
        with CommandProgress("taken", None) as bar:
            taking = Taking(log, wanted, folder, lambda count: bar.advance(count, 0), stop.is_set)
            is_whole = await taking.run()
    left = ", ".join(f"{count:,} {reason}" for reason, count in sorted(taking.left_out.items()))
    print(f"{taking.taken:,} events taken into {folder}" + (f"; left out as refused: {left}" if left else ""))
    if not is_whole:
        print("stopped before the end; the same command goes on from there")
        raise typer.Exit(1)
