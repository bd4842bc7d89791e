"""The log of an exchange is followed by a real process into a real Kafka, killed and rotated under its hands."""

import asyncio
import json
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.verdict import logged
from tests.support.workers import house as make_house

pytestmark = pytest.mark.integration
COMMAND = (sys.executable, "-m", "deploy.cli")
MAPPING = """\
source: pbx://spb
queues: {sales: north}
agents: {PJSIP/101: m-1}
"""


@pytest.fixture
def house(kafka, redis_url, topic_prefix, app_id, tmp_path):
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path) as found:
        found.environment["SALES_IDENTITY_KEY"] = "a secret of this test"
        made = subprocess.run([*COMMAND, "topics", "create"], env=found.environment, capture_output=True, check=False)
        assert made.returncode == 0, made.stderr
        yield found


async def ended(house, count):
    """The calls that have ended by Kafka's account, once there are so many."""
    deadline = time.monotonic() + 40
    while True:
        values = [json.loads(value) for value in (await logged(house.kafka)).values]
        ends = {value["data"]["call_id"]: value["data"] for value in values if value["type"] == "sales.call.ended.v1"}
        if len(ends) >= count:
            return ends
        assert time.monotonic() < deadline, f"{len(ends)} of {count} calls have ended"
        await asyncio.sleep(0.3)


@pytest.mark.timeout(150)
async def test_killed_and_rotated(house, tmp_path):
    """A call that began before the kill and the renaming of its log is ended after them, with its client."""
    mapping = tmp_path / "pbx.yaml"
    mapping.write_text(MAPPING)
    log = tmp_path / "queue_log"
    now = int(time.time()) - 600
    command = (*COMMAND, "import", str(log), "--format", "asterisk-queue-log", "--mapping", str(mapping), "--follow")
    command += ("--rejects", str(tmp_path / "state"), "--metrics", str(tmp_path / "queue.prom"))

    def write(*lines):
        with log.open("a") as file:
            file.writelines(f"{now + after}|{now}.{call}|sales|{rest}\n" for after, call, rest in lines)

    async def started():
        process = await asyncio.create_subprocess_exec(*command, env=house.environment, stdout=asyncio.subprocess.PIPE)
        assert b"followed" in await process.stdout.readline()
        return process

    write(
        (0, 1, "NONE|ENTERQUEUE||79000000001|1"),
        (5, 1, "PJSIP/101|CONNECT|5|9.9|3"),
        (9, 2, "NONE|ENTERQUEUE||79000000002|1"),
    )
    first = await started()
    write((65, 1, "PJSIP/101|COMPLETECALLER|5|60|1"))
    assert (await ended(house, 1))[f"{now}.1"]["outcome"] == "answered"
    first.kill()
    await first.wait()
    write((70, 3, "NONE|ENTERQUEUE||79000000003|1"), (80, 3, "NONE|ABANDON|1|1|10"))
    log.rename(tmp_path / "queue_log.1")
    write((99, 2, "NONE|ABANDON|1|1|90"))
    second = await started()
    ends = await ended(house, 3)
    assert {call: data["outcome"] for call, data in ends.items()} == {
        f"{now}.1": "answered",
        f"{now}.2": "abandoned",
        f"{now}.3": "abandoned",
    }
    assert len({data["client_id"] for data in ends.values() if not data["client_id"].startswith("anonymous:")}) == 3
    second.send_signal(signal.SIGTERM)
    said, _ = await second.communicate()
    assert second.returncode == 0
    assert b"7 lines read: 7 taken, 0 left out, 0 refused" in said
    assert b"clients that were looked up were known" in said
    page = (tmp_path / "queue.prom").read_text()
    assert 'sales_import_lines_total{format="asterisk-queue-log",outcome="taken",source="pbx://spb"}' in page
    assert 'sales_import_timestamp_seconds{format="asterisk-queue-log",mode="follow",source="pbx://spb"}' in page
