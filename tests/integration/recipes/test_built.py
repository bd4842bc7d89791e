"""Recipes in languages that are built first, and those that need a Connect worker and a database, as they stand.

`pytest -m slow tests/integration/recipes`; what is missing on a machine is told.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import httpx
import pytest

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.integration.producers.test_gateway_process import running
from tests.integration.recipes.blocks import Servers, arrived, block

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
GO = "module recipe\n\ngo 1.24\n"
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>recipes</groupId><artifactId>recipes</artifactId><version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>{}</dependencies>
</project>
"""
CLOUDEVENTS = ["io.cloudevents:cloudevents-kafka:4.0.1", "org.apache.kafka:kafka-clients:4.1.1"]
CONNECT = [
    "org.apache.kafka:connect-runtime:4.1.1",
    "org.apache.kafka:connect-json:4.1.1",
    "org.apache.kafka:connect-transforms:4.1.1",
    "io.debezium:debezium-connector-postgres:3.3.1.Final",
    "ch.qos.logback:logback-classic:1.5.18",
]
BENTHOS = """\
package main

import (
	"context"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

func main() { service.RunCLI(context.Background()) }
"""


def needs(*programs):
    """Skip, and say why, where a program is missing."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        pytest.skip(f"{', '.join(missing)} not on this machine")


def run(*command, cwd, **environment):
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def dependencies(folder, artifacts, *goals):
    """Let Maven bring jars to target/dependency."""
    text = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    (folder / "pom.xml").write_text(POM.format(text))
    run("mvn", "-q", "-B", *goals, "dependency:copy-dependencies", cwd=folder)


@pytest.fixture
async def servers(kafka, topic_prefix):
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=4)
    await ensure(settings)
    return settings, Servers(kafka, settings.events_topic)


async def test_java(servers, tmp_path):
    """Structured with Kafka's own client, and binary with the SDK."""
    needs("mvn", "java")
    settings, put = servers
    sources = tmp_path / "src/main/java"
    sources.mkdir(parents=True)
    for name in ("Structured", "Binary"):
        (sources / f"{name}.java").write_text(put.put(block("java", "java", f"class {name}")))
    dependencies(tmp_path, CLOUDEVENTS, "compile")
    for name in ("Structured", "Binary"):
        run("java", "-cp", "target/classes:target/dependency/*", name, cwd=tmp_path)
    assert await arrived(settings) == {f"meeting-{number}": ("клиент-7", True) for number in (3, 4)}


async def test_confluent_kafka_go(servers, tmp_path):
    """The Go client of librdkafka."""
    needs("go", "gcc")
    settings, put = servers
    (tmp_path / "main.go").write_text(put.put(block("librdkafka", "go")))
    (tmp_path / "go.mod").write_text(GO)
    run("go", "get", "github.com/confluentinc/confluent-kafka-go/v2/kafka@v2.11.1", cwd=tmp_path)
    run("go", "run", ".", cwd=tmp_path)
    assert await arrived(settings) == {"meeting-2": ("клиент-7", True)}


async def test_benthos(servers, tmp_path):
    """Lines of a file become events, in batches, through the gateway."""
    needs("go")
    settings, put = servers
    (tmp_path / "main.go").write_text(BENTHOS)
    (tmp_path / "go.mod").write_text(GO)
    run("go", "get", "github.com/redpanda-data/benthos/v4/public/service@v4.60.0", cwd=tmp_path)
    run("go", "get", "./...", cwd=tmp_path)
    run("go", "build", "-o", "benthos", ".", cwd=tmp_path)
    rows = [
        {"number": n, "held_at": "2026-11-02T10:00:00+03:00", "client": f"клиент-{n}", "manager": "m-1"}
        for n in range(700)
    ]
    (tmp_path / "meetings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokens = {"SALES_GATEWAY_TOKENS": "crm://shop=token-of-shop"}
    kafka = {"SALES_KAFKA_SERVERS": settings.kafka_servers, "SALES_TOPIC_PREFIX": settings.topic_prefix}
    async with running(os.environ | kafka | tokens, tmp_path / "gateway.log") as port:
        (tmp_path / "recipe.yaml").write_text(put._replace(gateway=port).put(block("http", "yaml", "http_client")))
        await asyncio.to_thread(run, "./benthos", "-c", "recipe.yaml", cwd=tmp_path)
    assert await arrived(settings) == {f"meeting-{n}": (f"клиент-{n}", True) for n in range(700)}


@contextmanager
def postgres(folder):
    """A PostgreSQL with logical replication; gives its port."""
    needs("initdb", "postgres", "psql")
    user = () if os.getuid() else ("runuser", "-u", "nobody", "--")
    if user:
        folder.chmod(0o777)
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o711)
    data = folder / "data"
    run(*user, "initdb", "-D", str(data), "-U", "sales", "--auth", "trust", cwd=folder)
    port = free_port()
    command = ["postgres", "-D", str(data), "-p", str(port), "-k", str(folder), "-c", "wal_level=logical"]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen([*user, *command], cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: sql(port, "postgres", "SELECT 1"), (folder / "postgres.log").read_text)
        sql(port, "postgres", "CREATE DATABASE crm")
        yield port
    finally:
        server.terminate()
        server.wait(30)


def sql(port, database, text):
    command = [
        "psql",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "sales",
        "-d",
        database,
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        text,
    ]
    return subprocess.run(command, capture_output=True, check=False, text=True).returncode == 0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(holds, said, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, said()[-3000:]
        time.sleep(0.3)


@contextmanager
def connect(folder, kafka):
    """A Connect worker with Debezium; gives the port of its REST."""
    needs("mvn", "java")
    dependencies(folder, CONNECT)
    port = free_port()
    (folder / "worker.properties").write_text(
        f"bootstrap.servers={kafka}\nlisteners=http://127.0.0.1:{port}\noffset.storage.file.filename={folder}/offsets\n"
        "key.converter=org.apache.kafka.connect.storage.StringConverter\noffset.flush.interval.ms=1000\n"
        "value.converter=org.apache.kafka.connect.storage.StringConverter\nplugin.discovery=service_load\n"
    )
    log = folder / "connect.log"
    command = ["java", "-Xmx512m", "-cp", "target/dependency/*", "org.apache.kafka.connect.cli.ConnectStandalone"]
    with log.open("wb") as output:
        worker = subprocess.Popen([*command, "worker.properties"], cwd=folder, stdout=output, stderr=output)

    def answers():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/connectors").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, log.read_text, 120)
        yield port, log
    finally:
        worker.terminate()
        worker.wait(60)


async def test_connect_and_debezium(servers, tmp_path):
    """Rows of a table in binary mode, and an outbox: what is committed arrives once, what is rolled back never."""
    settings, put = servers
    with postgres(tmp_path) as database, connect(tmp_path, settings.kafka_servers) as (port, log):
        assert sql(database, "crm", block("kafka-connect", "sql"))
        assert sql(database, "crm", block("debezium-outbox", "sql", "CREATE TABLE"))
        for page in ("kafka-connect", "debezium-outbox"):
            connector = json.loads(put._replace(postgres=database).put(block(page, "json")))
            async with httpx.AsyncClient(timeout=60) as client:
                answer = await client.post(f"http://127.0.0.1:{port}/connectors", json=connector)
            assert answer.status_code == 201, answer.text
        cells = "'meeting-5-1', '2026-11-02T10:00:00+03:00', 'meeting-5', 'клиент-7', 'm-1'"
        row = f"INSERT INTO meetings_held VALUES ({cells})"  # noqa: S608 - a constant
        assert sql(database, "crm", row)
        assert sql(database, "crm", f"BEGIN; {row.replace('5', '99')}; ROLLBACK")
        assert sql(database, "crm", block("debezium-outbox", "sql", "BEGIN"))
        deadline = time.monotonic() + 120
        while len(found := await arrived(settings)) < 2:
            assert time.monotonic() < deadline, (found, log.read_text()[-4000:])
            await asyncio.sleep(1)
    assert found == {f"meeting-{number}": ("клиент-7", True) for number in (5, 6)}
