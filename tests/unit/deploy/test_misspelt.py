"""Misspelt settings are named, with the setting that was meant; those that exist are not."""

from pathlib import Path

import pytest

from deploy import cli
from deploy.misspelt import misspelt
from deploy.settings_page import rows


def test_names_what_was_meant():
    """In the environment, in any case; what is not ours is left alone."""
    given = {"SALES_TIMEZON": "UTC", "sales_kafka_server": "x", "SALES_XYZ": "", "SALESMAN": "", "PATH": ""}
    assert list(misspelt(given)) == [
        "SALES_TIMEZON is not a setting; did you mean SALES_TIMEZONE?",
        "sales_kafka_server is not a setting; did you mean SALES_KAFKA_SERVERS?",
        "SALES_XYZ is not a setting",
    ]
    assert list(misspelt({name: "" for _, name, _, _ in rows()})) == []


def test_files_of_settings_are_looked_at():
    """And named; a file's name that the environment has too is said once."""
    Path(".env").write_text("SALES_STOR=rocksdb\nSALES_STORE=memory\nSALES_BOTH=1\n")
    assert list(misspelt({"SALES_BOTH": "2"})) == [
        "SALES_BOTH is not a setting",
        ".env: SALES_STOR is not a setting; did you mean SALES_STORE?",
    ]


def test_every_command_says_it(capsys: pytest.CaptureFixture[str]):
    """Before it does anything."""
    Path(".env").write_text("SALES_STOR=rocksdb\n")
    with pytest.raises(SystemExit):
        cli.main(["generate", "--check", "--log-format", "json"])
    assert "SALES_STOR is not a setting; did you mean SALES_STORE?" in capsys.readouterr().err
