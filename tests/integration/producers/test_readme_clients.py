"""The README's client examples, as they stand there, against a real gateway and Kafka; missing runtimes are told."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.faults.verdict import logged
from tests.integration.producers.test_gateway_process import running

pytestmark = pytest.mark.integration
README = (Path(__file__).parents[3] / "README.md").read_text()
JAVA = """
import java.net.URI;
import java.net.http.*;
import java.time.Instant;

class Example {{
    public static void main(String[] arguments) throws Exception {{
        var answer = {example}
        System.out.println(answer.statusCode());
    }}
}}
"""


def example(language, marker):
    """The block of the README in a language that holds a marker."""
    found = [block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if marker in block]
    assert len(found) == 1, (language, marker)
    return found[0]


def commands(folder):
    """Name, arguments and the id that the example sends."""
    curl = folder / "example.sh"
    curl.write_text(example("sh", "hello-1"))
    yield "curl", ["sh", "-e", str(curl)], "hello-1"
    script = folder / "example.py"
    body = "\n".join(f"    {line}" for line in example("python", "hello-2").splitlines() if "import" not in line)
    imports = "\n".join(line for line in example("python", "hello-2").splitlines() if "import" in line)
    script.write_text(f"import asyncio\n{imports}\n\nasync def main():\n{body}\n\nasyncio.run(main())\n")
    yield sys.executable, [sys.executable, str(script)], "hello-2"
    module = folder / "example.mjs"
    module.write_text(example("javascript", "hello-3").replace("await fetch", "const answer = await fetch", 1))
    with module.open("a") as file:
        file.write("console.log(answer.status);\n")
    yield "node", ["node", str(module)], "hello-3"
    java = folder / "Example.java"
    java.write_text(JAVA.format(example=example("java", "hello-4")))
    yield "java", ["java", str(java)], "hello-4"


async def test_every_client_example_arrives(kafka, topic_prefix, tmp_path):
    """Each example is accepted, and its event is in Kafka."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2)
    await ensure(settings)
    root = str(Path(__file__).parents[3])
    environment = os.environ | {
        "SALES_KAFKA_SERVERS": kafka,
        "SALES_TOPIC_PREFIX": topic_prefix,
        "PYTHONPATH": root,
    }
    wanted, missing = set(), []
    async with running(environment, tmp_path / "gateway.log") as port:
        for program, arguments, sent in commands(tmp_path):
            if not shutil.which(program):
                missing.append(program)
                continue
            for file in tmp_path.glob("?xample.*"):
                text = file.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
                file.write_text(text.replace("127.0.0.1:9092", kafka))
            process = await asyncio.create_subprocess_exec(
                *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said = (await process.communicate())[0].decode()
            assert process.returncode == 0, said
            assert program == sys.executable or "202" in said, said
            wanted.add(sent)
    found = await logged(settings)
    assert {json.loads(value)["data"]["meeting_id"] for value in found.values} == wanted
    if missing:
        pytest.skip(f"passed without {', '.join(missing)}, which this machine does not have")
