"""`sales-pulse topics create`, and the settings that it reads."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from deploy.commands.topics import app
from deploy.errors import DeployError
from deploy.stack.ports import free_port
from producers import clock, topics
from producers.errors import KafkaRejected, TopicsError
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.topics import ensure, specs


@pytest.mark.integration
def test_topics_are_created_and_found(kafka: str, topic_prefix: str):
    """The first run creates four topics, the second finds them, a third says what differs."""
    run = ["create", "--servers", kafka, "--prefix", topic_prefix, "--partitions", "3"]
    first, second = CliRunner().invoke(app, run), CliRunner().invoke(app, run)
    assert first.output.splitlines() == [
        f"created  {topic_prefix}.{n}" for n in ("events", "reference", "identities", "dead-letters")
    ]
    assert second.output == first.output.replace("created", "found  ")
    third = CliRunner().invoke(app, [*run[:-1], "4"])
    assert f"differs  {topic_prefix}.events has 3 partitions" in third.output
    assert (first.exit_code, third.exit_code) == (0, 0)


def test_no_kafka_is_one_line():
    """Where nobody listens the command fails with one line that names the address."""
    address = f"127.0.0.1:{free_port()}"
    result = CliRunner().invoke(app, ["create", "--servers", address])
    assert isinstance(result.exception, DeployError)
    assert address in str(result.exception)
    assert "\n" not in str(result.exception)


def test_a_majority_must_have_each_record():
    """Of three copies two must be written; one copy is enough for itself."""
    for copies, needed in ((1, "1"), (2, "1"), (3, "2")):
        assert {s.config["min.insync.replicas"] for s in specs(KafkaSettings(replication=copies))} == {needed}


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Environment over `.env` over what the local stack wrote."""
    monkeypatch.chdir(tmp_path)
    for name in ("SALES_KAFKA_SERVERS", "SALES_TOPIC_PREFIX", "SALES_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.env").write_text(
        "SALES_KAFKA_SERVERS=a:1\nSALES_TOPIC_PREFIX=stack\nSALES_PARTITIONS=3\n"
    )
    (tmp_path / ".env").write_text("SALES_TOPIC_PREFIX=mine\nSALES_PARTITIONS=4\n")
    monkeypatch.setenv("SALES_PARTITIONS", "5")
    settings = KafkaSettings()
    assert (settings.kafka_servers, settings.topic_prefix, settings.partitions) == ("a:1", "mine", 5)
    assert settings.events_topic == "mine.events"


def test_secrets(monkeypatch: pytest.MonkeyPatch):
    """SASL needs a user; its password reaches the client and nothing printed."""
    monkeypatch.setenv("SALES_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(ValidationError, match="SALES_KAFKA_SASL_USERNAME"):
        KafkaSettings()
    monkeypatch.setenv("SALES_KAFKA_SASL_USERNAME", "wall")
    monkeypatch.setenv("SALES_KAFKA_SASL_PASSWORD", "hush")
    settings = KafkaSettings()
    assert settings.client_options()["sasl_plain_password"] == "hush"
    assert "hush" not in repr(settings)


async def test_a_missing_certificate_is_told():
    """A wrong path of a certificate is no outage: the error names the setting."""
    settings = KafkaSettings(kafka_security_protocol="SSL", kafka_ssl_cafile="/nowhere/ca.pem")
    with pytest.raises(TopicsError, match="SALES_KAFKA_SSL"):
        await ensure(settings)
    with pytest.raises(KafkaRejected, match="SALES_KAFKA_SSL"):
        await SalesPublisher(settings).start()


class Closed:
    """An admin client of somebody who may not read the settings of topics."""

    async def describe_configs(self, resources):
        (one,) = resources
        return [SimpleNamespace(resources=[(29, None, 2, one.name, [])])]

    async def describe_topics(self, names):
        return [{"topic": name, "partitions": [{"replicas": [1]}] * 8} for name in names]


def _compared(admin, name, *, lenient=False):
    settings = KafkaSettings(_env_file=None)
    (spec,) = [spec for spec in topics.specs(settings) if spec.name == name]
    return topics._compare(admin, [spec], settings, lenient=lenient)


@pytest.mark.parametrize("read", [clock._set, _compared])
async def test_settings_that_may_not_be_read_are_told(read):
    """By both who read them: neither "no difference" nor "mended" nor a KeyError."""
    with pytest.raises(TopicsError, match=r"settings of topic sales\.events cannot be read: TopicAuthorizationFailed"):
        await read(Closed(), "sales.events")


async def test_who_may_go_on_without_is_told_so():
    """A worker's user that may not read settings: a remark, and nothing is held against the topic."""
    said, clocks = await _compared(Closed(), "sales.events", lenient=True)
    assert any("settings of topic sales.events cannot be read" in one for one in said)
    assert clocks == []
