"""`sales-pulse worker`: one Faust worker; more of them share the partitions."""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    worker_id: Annotated[str | None, typer.Option(help="name of this worker, unique (SALES_WORKER_ID)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="data folder of this worker only (SALES_DATA_DIR)")] = None,
    listen: Annotated[
        str | None, typer.Option(help="host:port of /metrics and /healthz (SALES_WORKER_METRICS_LISTEN)")
    ] = None,
    store: Annotated[str | None, typer.Option(help="memory or rocksdb (SALES_STORE)")] = None,
) -> None:
    """Fold events into numbers, until SIGTERM or Ctrl-C; start more workers to share the partitions.

    Example: sales-pulse worker --worker-id worker-1 --data-dir .local/worker-1
    """
    from deploy.cli import explain
    from streams.runtime.worker import run
    from streams.settings import WorkerSettings

    given: dict[str, Any] = {
        "worker_id": worker_id,
        "data_dir": data_dir,
        "worker_metrics_listen": listen,
        "store": store,
    }
    settings = WorkerSettings(**{name: value for name, value in given.items() if value is not None})
    try:
        run(settings)
    except Exception as error:  # noqa: BLE001 - every failure ends the process at once
        told = explain(error)
        if told is None:
            traceback.print_exception(error)
        line, status = told or ("this is a fault of the worker; its supervisor should start it again", 1)
        logging.shutdown()  # what was counted meanwhile comes first: the reason stands last
        typer.echo(f"sales-pulse worker: {line}", err=True)
        sys.stderr.flush()
        # Threads of Kafka clients must not hold up a worker that its supervisor shall start again.
        os._exit(status)
