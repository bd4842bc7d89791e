"""Settings, mapping and command line: what is wrong is told in one line, and secrets are in none."""

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from deploy.cli import build, explain
from producers.connectors.bitrix24.errors import MappingError
from producers.connectors.bitrix24.meaning.mapping import Mapping, load_mapping
from producers.connectors.bitrix24.meaning.template import TEMPLATE
from producers.connectors.bitrix24.settings import Bitrix24Settings

GOOD = {
    "bitrix24_webhook_url": "https://b24.example.com/rest/1/topsecret/",
    "bitrix24_application_token": "another-topsecret",
    "bitrix24_client_key": "a topsecret of many letters",
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bitrix24_webhook_url": "https://b24.example.com/topsecret/"}, "SALES_BITRIX24_WEBHOOK_URL"),
        ({"bitrix24_webhook_url": "http://b24.example.com/rest/1/topsecret/"}, "https"),
        ({"bitrix24_client_key": "topsecret"}, "too short"),
        ({"bitrix24_application_token": None}, "SALES_BITRIX24_APPLICATION_TOKEN"),
    ],
)
def test_wrong_settings_are_told_without_secrets(changes, told):
    """The line names the setting and repeats no value."""
    with pytest.raises(ValidationError) as error:
        Bitrix24Settings(_env_file=None, **GOOD | changes)
    line, status = explain(error.value)
    assert told in line
    assert status == 2
    assert "topsecret" not in line + str(error.value) + repr(error.value)


def test_settings_print_no_secret():
    """Neither do good ones."""
    made = Bitrix24Settings(_env_file=None, **GOOD)
    assert made.wanted
    assert made.domain == "b24.example.com"
    assert "topsecret" not in f"{made!r}{made}{made.model_dump()}{made.model_dump_json()}"
    assert not Bitrix24Settings(_env_file=None).wanted


def test_the_template_is_a_mapping(tmp_path):
    """What is printed to begin with can be used as it is."""
    path = tmp_path / "mapping.yaml"
    path.write_text(TEMPLATE)
    mapping = load_mapping(path)
    assert mapping.deal_status("C2:FINAL_CHECK", "P") == "won"
    assert mapping.deal_status("LOSE", "F") == "lost"
    assert mapping.manager(12) == "m-petrova"
    assert mapping.manager("0") == "unknown"
    assert mapping.pipeline(0) == "main"
    assert mapping.stage_name("C2:PREPAYMENT") == "prepayment"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stages: {A: {status: sold}}", "stages.A.status"),
        ("stage: {}", "stage: "),
        ("cost_field: price", "cost_field"),
        ("a: [", "not YAML"),
        ("stages: {A: {status: won}}\nready_stages: [A]", "ready_stages: A ends a deal"),
    ],
)
def test_a_wrong_mapping_names_the_place(tmp_path, text, told):
    """One line, with the file."""
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(MappingError, match=told) as error:
        load_mapping(path)
    assert str(path) in str(error.value)
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("status", "semantic", "temperature"),
    [("NEW", "P", "cold"), ("X", "P", "warm"), ("X", None, "warm"), ("CONVERTED", "S", "hot"), ("X", "F", "cold")],
)
def test_temperatures_without_a_file(status, semantic, temperature):
    """New is cold, in work warm, converted hot, failed cold."""
    assert Mapping().temperature(status, semantic) == temperature


@pytest.mark.parametrize("command", ["backfill", "reconcile"])
def test_commands_ask_for_what_they_need(command, monkeypatch, tmp_path):
    """Without a portal they say which settings, and help shows no value of a secret."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(build(["bitrix24"]), ["bitrix24", command])
    assert explain(result.exception)[1] == 2
    assert "SALES_BITRIX24_WEBHOOK_URL" in str(result.exception)
    monkeypatch.setenv("SALES_BITRIX24_CLIENT_KEY", "topsecret")
    shown = CliRunner().invoke(build(["bitrix24"]), ["bitrix24", command, "--help"])
    assert shown.exit_code == 0
    assert "topsecret" not in shown.output


def test_the_command_refuses_unknown_tables():
    """A typing mistake is misuse."""
    result = CliRunner().invoke(build(["bitrix24"]), ["bitrix24", "backfill", "--only", "deels"])
    known = "contacts, companies, leads, deals, invoices, payments, activities, calls, ratings, processes"
    assert explain(result.exception) == (f"--only knows {known}, not deels", 2)
