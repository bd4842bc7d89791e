import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
import typer
from aiokafka.errors import KafkaConnectionError
from pydantic_settings import BaseSettings

from deploy import cli
from deploy.errors import DeployError, MisuseError
from deploy.settings_page import GROUPS
from metrics.errors import MetricsError
from producers.errors import TopicsError


class FloorSettings(BaseSettings):
    desks: int = 1


def _refused() -> None:
    FloorSettings(desks="many")  # type: ignore[arg-type]


def _raise(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("fail", "line", "status"),
    [
        (_raise(MisuseError("--days is too small")), "--days is too small", 2),
        (_raise(DeployError("no Kafka")), "no Kafka", 1),
        (_raise(TopicsError("Kafka cannot be reached")), "Kafka cannot be reached", 1),
        (_raise(MetricsError("calendar.yaml: no such day")), "calendar.yaml: no such day", 1),
        (_raise(FileNotFoundError(2, "No such file or directory", "plans.yaml")), "plans.yaml: No such file", 1),
        (_raise(TimeoutError()), "a server did not answer in time", 1),
        (
            _raise(KafkaConnectionError("Unable to bootstrap from [('10.0.0.1', 9092, <AddressFamily.AF_INET: 2>)]")),
            "Kafka does not answer (SALES_KAFKA_SERVERS: 10.0.0.1:9092)",
            1,
        ),
        (_refused, "SALES_DESKS: Input should be a valid integer", 2),
    ],
)
def test_failures_are_one_line(fail: Callable[[], None], line: str, status: int) -> None:
    """What a person can act on is one line and a status, whichever room it comes from."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any of them
        fail()
    told = cli.explain(caught.value)
    assert told is not None
    assert told[0].startswith(line)
    assert "\n" not in told[0]
    assert told[1] == status


def test_faults_of_ours_are_not_hidden() -> None:
    """A bug keeps its traceback."""
    assert cli.explain(KeyError("x")) is None
    assert cli.explain(ZeroDivisionError()) is None


def test_validation_error_of_no_setting_names_the_field() -> None:
    """Only settings are shown with the prefix SALES_."""

    class Deal(pydantic.BaseModel):
        amount: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Deal.model_validate({"amount": "x"})
    told = cli.explain(caught.value)
    assert told is not None
    assert told[0].startswith("amount: ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--version"], 0, "sales-pulse "),
        (["--help"], 0, "Example: sales-pulse up"),
        (["no-such"], 2, "No such command"),
        (["up", "--only", "kafka", "--without", "redis"], 2, "exclude each other"),
        (["up", "--only", "kafak"], 2, "'kafak' is not a part of the stack"),
        (["generate", "--log-format", "xml"], 2, "log-format"),
    ],
)
def test_exit_status(arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for success, 2 for misuse, and a line that helps."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert (left.value.code or 0) == status
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_help_imports_no_command() -> None:
    """Help is quick because nothing heavy is loaded for it."""
    heavy = ["faust", "aiokafka", "pydantic", "redis", "structlog", "fastapi", "uvicorn", "yaml"]
    code = (
        "import sys\nfrom deploy.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - began < 10


def test_log_formats(tmp_path: Any) -> None:
    """Our own log lines and those of libraries look alike, on standard error."""
    code = (
        "import logging, structlog\nfrom deploy.logs import configure\nconfigure({!r})\n"
        "structlog.get_logger('ours').info('folded', events=3)\n"
        "logging.getLogger('theirs').warning('slow %s', 'disk')\n"
        "logging.getLogger('aiokafka').info('unheard')"
    )
    seen = {}
    for form in ("text", "json"):
        done = subprocess.run([sys.executable, "-c", code.format(form)], capture_output=True, text=True, check=True)
        assert done.stdout == ""
        seen[form] = done.stderr.splitlines()
        assert len(seen[form]) == 2
    import json

    ours, theirs = map(json.loads, seen["json"])
    assert (ours["event"], ours["events"], ours["level"], ours["logger"]) == ("folded", 3, "info", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("slow disk", "warning", "theirs")
    assert "folded" in seen["text"][0]
    assert "events=3" in seen["text"][0]
    assert "slow disk" in seen["text"][1]


def _commands() -> list[tuple[str, str]]:
    """Every command and group with its help."""

    def walk(path: str, command: Any) -> Iterator[tuple[str, str]]:
        yield path, command.help or ""
        for name, one in getattr(command, "commands", {}).items():
            yield from walk(f"{path} {name}", one)

    return list(walk("sales-pulse", typer.main.get_command(cli.build(list(cli.COMMANDS)))))


def test_every_help_has_an_example_that_exists() -> None:
    """Whatever is asked for help shows a line to begin with, which is of itself, with options that it has."""
    told = _commands()
    assert len(told) > len(cli.COMMANDS)
    for path, text in told:
        found = re.search(r"Example: (sales-pulse[^\n]*)", text)
        assert found, path
        assert found[1].startswith(path), (path, found[1])


PATTERNED = [
    (model, f"{str(model.model_config.get('env_prefix', '')).upper()}{name.upper()}", rule.pattern)
    for _, model in GROUPS
    for name, field in model.model_fields.items()
    for rule in field.metadata
    if getattr(rule, "pattern", None)
]


@pytest.mark.parametrize(("model", "name", "pattern"), PATTERNED, ids=[name for _, name, _ in PATTERNED])
def test_no_pattern_is_shown(model: Any, name: str, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting in a wrong form is named, without what was given; nobody has to read a regular expression."""
    monkeypatch.setenv(name, "? ?")
    with pytest.raises(pydantic.ValidationError) as caught:
        model(_env_file=None)
    told = cli.explain(caught.value)
    assert told is not None
    line = next(part for part in told[0].split("; ") if part.startswith(name))
    assert pattern not in told[0]
    assert "pattern" not in line
    assert "this is not in the form" in line
    assert "? ?" not in line
