"""Every command that reads a file that people write, with every kind of wrong one: words, and no traceback."""

import os
from pathlib import Path

import pytest

from deploy.cli import explain, main
from deploy.settings_page import GROUPS

WRONG = {
    "cp1251": "managers:\n- {id: m, name: Иван}\n".encode("cp1251"),
    "binary": bytes(range(256)) * 40,
    "gzip cut off": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb",
    "brackets without end": b"[" * 5_000,
    "a folder": None,
    "nothing there": None,
}
PLACES = {
    "import jsonl": ["import", "{}", "--dry-run"],
    "import mapping": ["import", "table.csv", "--mapping", "{}", "--dry-run"],
    "import table": ["import", "{}", "--format", "csv", "--mapping", "mapping.yaml", "--dry-run"],
    "import queue log": ["import", "{}", "--format", "asterisk-queue-log", "--mapping", "mapping.yaml", "--dry-run"],
    "reference": ["reference", "apply", "{}", "--dry-run"],
    "generate settings": ["generate", "--to", "made", "--settings", "{}"],
    "restore": ["restore", "{}"],
    "restore manifest": ["restore", "kept"],
    "web-config file": ["web-config", "web"],
}
"""Command lines; {} is the wrong file."""
NONSENSE = (
    "x" * 5000,
    "-1",
    "nan",
    "1e999",
    "\x7f\x01",
    "https://[::1",
    "{}",
    "редис",
    "a=b=c;;,,",
    "redis+sentinel://[",
)
WELL = {("web-config file", "nothing there"), ("generate settings", "brackets without end")}
"""What is no mistake, and lines that are no settings, of which dotenv warns."""
UNDER = {"restore manifest": "kept/manifest.json", "web-config file": "web/web.yml"}
"""Where it lies instead."""


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A folder of its own, a Kafka that nobody runs, and a mapping and a table that are right."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SALES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SALES_KAFKA_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("SALES_IDENTITY_KEY", "0123456789abcdef")
    Path("table.csv").write_text("id,amount\n1,2\n")
    Path("mapping.yaml").write_text("source: crm://a\nevents: []\n")
    for folder in ("kept", "web"):
        Path(folder).mkdir()


def put(path: Path, wrong: str) -> None:
    """Make the wrong file."""
    if wrong == "a folder":
        path.mkdir(parents=True)
    elif wrong != "nothing there":
        path.write_bytes(WRONG[wrong] or b"")


def said(arguments, capsys) -> tuple[int, str]:
    """Exit status and last line. What nobody explains is raised, as a person would see a traceback."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return ended.value.code or 0, told.err.strip()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_file_is_one_line(place, wrong, capsys):
    """A status, and words of a bounded length."""
    put(Path(UNDER.get(place, "given")), wrong)
    status, told = said([argument.format("given") for argument in PLACES[place]], capsys)
    assert status in {1, 2} or (place, wrong) in WELL
    assert told or (place, wrong) in WELL
    assert len(told) < 4000


@pytest.mark.parametrize("wrong", ["cp1251", "binary"])
def test_wrong_settings_are_one_line(wrong, capsys):
    """Of every command, since each reads them."""
    put(Path(".env"), wrong)
    status, told = said(["topics", "create"], capsys)
    assert (status, told.splitlines()[-1]) == (2, told)
    assert told.startswith("sales-pulse: .env: is not in UTF-8 (byte ")


@pytest.mark.parametrize("kind", [kind for _, kind in GROUPS], ids=lambda kind: kind.__name__)
def test_nonsense_in_any_setting_is_one_line(kind, monkeypatch):
    """Taken, or refused by name: nothing that a process raises with a traceback, and no pattern."""
    for name in kind.__annotations__.keys() & kind.model_fields.keys():
        setting = f"SALES_{name.upper()}"
        for value in NONSENSE:
            monkeypatch.setenv(setting, value)
            if (refused := _refused(kind)) is not None:
                told = explain(refused)
                assert told is not None, (setting, value, refused)
                assert len(told[0]) < 1000, setting
                assert "pattern" not in told[0], told
        monkeypatch.delenv(setting)


def _refused(kind) -> Exception | None:
    """What a process would end with."""
    try:
        kind()
    except Exception as error:  # noqa: BLE001 - any of them
        return error
    return None
