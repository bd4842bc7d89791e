"""`sales-pulse history`: what the recorded series would have been in the past, for Prometheus and Grafana."""

import asyncio
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.errors import MisuseError

if TYPE_CHECKING:
    from deploy.past.fill import Filled, PastDatabase
    from metrics.settings import PastSettings

_AFTER_MIDNIGHT = timedelta(minutes=10)
"""When a day that is over is filled in: what was on its way at midnight has arrived."""
_AGAIN_SECONDS = 60.0
_RARELY_SECONDS = 3600.0
"""Between attempts each of which works all days out again, once several have failed."""
_SETTLED_SECONDS = 1800.0
"""So long after the start an imported past may still be on its way; after it days that change wait for the night."""

app = typer.Typer(
    no_args_is_help=True,
    help="Give Prometheus and Grafana the past.\n\nExample: sales-pulse history openmetrics > past.txt",
)


@app.callback()
def history() -> None:
    """Name the group."""


@app.command()
def openmetrics(
    first: Annotated[
        str, typer.Option("--from", help="first local day, like 2026-01-31; default: the oldest held")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="last local day; default: yesterday")] = "",
    patience: Annotated[float, typer.Option(help="seconds to wait until the view is complete")] = 60.0,
) -> None:
    """Write past values of every recorded KPI, at the end of each local day, as OpenMetrics text.

    Numbers about the present have no past, and today is not over. The text is for
    `promtool tsdb create-blocks-from --max-block-duration=1458h openmetrics past.txt FOLDER`; `history fill` does both.

    Example: sales-pulse history openmetrics --from 2026-01-01 > past.txt
    """
    from deploy.past.view import read
    from metrics.exporter.kpi.runs import oldest
    from metrics.past import openmetrics as past
    from metrics.past import values
    from metrics.settings import PastSettings

    wanted = _day("--from", first), _day("--to", last)
    if wanted[0] and wanted[1] and wanted[0] > wanted[1]:
        raise MisuseError(f"--from {first} lies after --to {last}")
    board = asyncio.run(read(PastSettings(), patience))
    now = time.time()
    board.follow_clock(now)
    run = values.held(board, now)
    since, until = (max(run[0], wanted[0] or run[0]), min(run[1], wanted[1] or run[1])) if run else (date.max, date.min)
    if since > until:
        sys.stdout.write(past.END)
        return
    held = oldest(board.local(now).date())
    sys.stdout.writelines(past.document(board, values.ends(since, until, held), held, now))


@app.command()
def fill(
    folder: Annotated[Path | None, typer.Option(help="folder of the past's database (SALES_PAST_DIR)")] = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="keep running, and fill again after each local midnight")
    ] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait until the view is complete")] = 60.0,
) -> None:
    """Fill the Prometheus of the past: all complete days at first, then those that have changed.

    Run it after an import; Prometheus shows the result within a minute. Needs promtool. With --nightly it keeps running
    beside the Prometheus of the past and keeps it filled.

    Example: sales-pulse history fill
    """
    from deploy.past.blocks import promtool
    from deploy.past.fill import PastDatabase
    from metrics.settings import PastSettings

    promtool()
    settings = PastSettings(past_dir=folder) if folder else PastSettings()
    past = PastDatabase(settings.past_dir)
    if nightly:
        _keep_filled(past, settings, patience)
    began = time.monotonic()
    done = _fill(past, settings, patience)
    print(f"{done.days} days worked out, {done.blocks} blocks replaced in {time.monotonic() - began:.0f} s")


def _fill(past: "PastDatabase", settings: "PastSettings", patience: float) -> "Filled":
    from deploy.past.view import read

    with past.held():
        return past.fill(asyncio.run(read(settings, patience)), time.time())


def _keep_filled(past: "PastDatabase", settings: "PastSettings", patience: float) -> None:
    """Until a signal ends it; what cannot be done now is tried again, the more rarely the more often it has failed.

    A new installation's past comes with its first import: until it is there, nobody waits for the night.
    """
    import structlog
    from redis.exceptions import RedisError

    from deploy.errors import PastError
    from deploy.stopping import end_when_asked
    from metrics.errors import MetricsError

    log = structlog.get_logger(__name__)
    end_when_asked()
    pause = soon = _AGAIN_SECONDS
    while True:
        try:
            done = _fill(past, settings, patience)
        except (MetricsError, RedisError) as error:
            # Nothing has been worked out yet.
            log.warning("the past could not be filled; trying again", error=str(error), seconds=_AGAIN_SECONDS)
            time.sleep(_AGAIN_SECONDS)
        except (PastError, OSError) as error:
            log.warning("the past could not be filled; trying again", error=str(error), seconds=pause)
            time.sleep(pause)
            pause = min(2 * pause, _RARELY_SECONDS)
        else:
            pause = _AGAIN_SECONDS
            log.info("the past is filled", days=done.days, blocks=done.blocks)
            night, kept = _until_next(datetime.now(settings.zone)), past.kept()
            is_growing = kept is None or not kept.texts or (done.days > 0 and soon < _SETTLED_SECONDS)
            time.sleep(min(soon, night) if is_growing else night)
            soon = min(2 * soon, _RARELY_SECONDS)


def _until_next(now: datetime) -> float:
    """Seconds until the next local day has begun and settled."""
    midnight = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo) + timedelta(days=1)
    return (midnight + _AFTER_MIDNIGHT).timestamp() - now.timestamp()


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MisuseError(f"{name} {text} is not a date; write it like 2026-01-31") from None
