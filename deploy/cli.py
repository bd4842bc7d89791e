"""The `sales-pulse` command: knows every command, imports only the one that is asked for, and explains failures."""

import functools
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from importlib.util import find_spec
from keyword import iskeyword
from typing import Annotated, Any, Literal

import typer

COMMANDS = {
    "up": "Run everything on this machine: Kafka, Redis, worker, ledger, exporter, gateway, simulator.",
    "topics": "Create the topics that the contract needs, or report differences.",
    "rights": "Create Kafka users, each with a password and only the rights it needs.",
    "worker": "Run one Faust worker; additional ones share the partitions.",
    "exporter": "Serve the numbers to Prometheus, and the wall to people.",
    "ledger": "Keep the index that explains every number.",
    "gateway": "Accept events over HTTP, and the Bitrix24 webhook.",
    "simulate": "Simulate a believable sales floor.",
    "import": "Import history from JSON Lines, tables or Asterisk's logs.",
    "bitrix24": "Load a Bitrix24 portal's history, or repair what its webhook missed.",
    "forget": "Remove the link between a client and a person's phone numbers and addresses.",
    "reference": "Apply plans, managers and rates from a YAML file.",
    "dead-letters": "Show what was refused and why; resend it after a fix, or dismiss it.",
    "web-config": "Create web users with random passwords.",
    "backup": "Back up the records that count as plain files, incrementally.",
    "restore": "Fill an empty cluster from a backup.",
    "audit": "Recompute every number from the log and compare with what is shown.",
    "digest": "Send a day's or week's numbers by mail or chat.",
    "forecast": "Measure how often the forecast intervals would have held.",
    "history": "Write past values for Prometheus, or keep a Prometheus of the past filled.",
    "generate": "Rewrite everything generated, or check that it is up to date.",
    "bench": "Measure how fast this machine folds events.",
}
"""Every command and its line in `--help`; the module is deploy/commands/<name>.py (for the keyword import_.py)."""

_LONGEST = 400
"""Of what is said of one setting: its value, which may stand in it, may be a whole file."""

LogFormat = Literal["text", "json"]
_LOG_FORMAT = typer.Option("--log-format", envvar="SALES_LOG_FORMAT", help="Format of log lines.")


def find(name: str) -> str | None:
    """Name of the module that holds a command, or None where it does not exist."""
    stem = name.replace("-", "_")
    module = f"deploy.commands.{stem}_" if iskeyword(stem) else f"deploy.commands.{stem}"
    return module if find_spec(module) else None


def _logging(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --log-format, and set logging up before it runs."""
    signature = inspect.signature(function, eval_str=True)
    if "log_format" in signature.parameters:
        return function
    option = inspect.Parameter(
        "log_format", inspect.Parameter.KEYWORD_ONLY, default="text", annotation=Annotated[LogFormat, _LOG_FORMAT]
    )

    @functools.wraps(function)
    def run(*args: Any, log_format: LogFormat, **kwargs: Any) -> Any:
        from deploy.logs import configure

        configure(log_format)
        _say_misspelt()
        return function(*args, **kwargs)

    parameters = [*signature.parameters.values(), option]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__  # typer would read the options of the function inside
    return run


def _say_misspelt() -> None:
    if any(name.upper().startswith("SALES_") for name in os.environ) or os.path.exists(".env"):  # noqa: PTH110 - quick
        import structlog

        from deploy.misspelt import misspelt

        for line in misspelt():
            structlog.get_logger(__name__).warning(line)


def _with_logging(app: typer.Typer) -> None:
    """Give every command of a group the option --log-format."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _logging(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _with_logging(group.typer_instance)


def build(arguments: Sequence[str]) -> typer.Typer:
    """Make the application: commands named among the arguments for real, the others by name and help only."""
    root = typer.Typer(
        name="sales-pulse",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_root)
    for name, line in COMMANDS.items():
        if (module_name := find(name)) is None:
            continue
        if name not in arguments:
            root.command(name, help=line)(_nothing)
            continue
        module = import_module(module_name)
        if isinstance(app := getattr(module, "app", None), typer.Typer):
            _with_logging(app)
            root.add_typer(app, name=name)
        else:
            root.command(name)(_logging(module.command))
    return root


def _nothing() -> None:
    """Stand for a command that this run does not call."""


def _say_version(wanted: bool) -> None:
    if wanted:
        from producers.compiled import FORM

        typer.echo(f"sales-pulse {metadata.version('sales-pulse')} ({FORM.told})")
        raise typer.Exit


def _root(
    *,
    log_format: Annotated[LogFormat | None, typer.Option("--log-format", help="Format of log lines.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Real-time metrics for sales departments: exact to the digit, live on the wall.

    Example: sales-pulse up --managers 40
    """
    if log_format:
        os.environ["SALES_LOG_FORMAT"] = log_format


def explain(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the exit status for an error that a person can act on; None for a fault of ours."""
    for (module, name), (tell, status) in _EXPLAINED.items():
        # A module that was never imported cannot have raised; so none is imported here.
        if (loaded := sys.modules.get(module)) and isinstance(error, getattr(loaded, name)):
            return tell(error), status
    return None


def _os_line(error: Any) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or "a server did not answer in time"


def _kafka_line(error: Any) -> str:
    """Without how aiokafka writes addresses."""
    servers = ",".join(map(":".join, re.findall(r"\('([^']+)', (\d+), <", str(error))))
    return f"Kafka does not answer (SALES_KAFKA_SERVERS: {servers})" if servers else f"Kafka: {error}"


def _settings_line(error: Any) -> str:
    """One line for a refused setting, naming it as it is written in the environment."""
    parts = []
    for fault in error.errors(include_url=False, include_context=False):
        place = ".".join(str(step) for step in fault["loc"])
        name = f"SALES_{place.upper()}" if error.title.endswith("Settings") and place else place or error.title
        is_form = fault["type"] == "string_pattern_mismatch"
        said = _form(name) if is_form else fault["msg"].removeprefix("Value error, ")
        parts.append(f"{name}: {said if len(said) <= _LONGEST else said[:_LONGEST] + ' …'}")
    return "; ".join(parts)


def _form(name: str) -> str:
    """What to say of a setting that is not in its form: no pattern, and not what was given, which may hold a secret."""
    from deploy.settings_page import rows

    default, what = next(((default, text) for _, one, default, text in rows() if one == name), ("", ""))
    like = f"; it looks like {default}" if default else ""
    return f"this is not in the form of this setting{like}" + (f" ({what})" if what else "")


_EXPLAINED: dict[tuple[str, str], tuple[Callable[[Any], str], int]] = {
    ("deploy.errors", "MisuseError"): (str, 2),
    ("deploy.errors", "DeployError"): (str, 1),
    ("producers.errors", "ProducersError"): (str, 1),
    ("metrics.errors", "MetricsError"): (str, 1),
    ("streams.errors", "StreamsError"): (str, 1),
    ("pydantic", "ValidationError"): (_settings_line, 2),
    ("pydantic_settings", "SettingsError"): (str, 2),
    ("aiokafka.errors", "KafkaError"): (_kafka_line, 1),
    ("redis.exceptions", "RedisError"): (lambda error: f"Redis: {error}", 1),
    ("sqlite3", "Error"): (lambda error: f"the index of what was read cannot be kept: {error}", 1),
    ("builtins", "OSError"): (_os_line, 1),
}
"""Errors that people can act on, by module and name → how to say it, and the exit status; the first match counts."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends with SystemExit (0 done, 1 failed, 2 misuse, 130 interrupted)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build(arguments)(arguments, prog_name="sales-pulse")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has had enough; Python would complain again at exit without this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if (told := explain(error)) is None:
            raise
        line, status = told
        logging.shutdown()  # what was counted meanwhile comes first: the reason stands last
        typer.echo(f"sales-pulse: {line}", err=True)
        sys.exit(status)


if __name__ == "__main__":
    main()
